"""Start-up time of commands: until the first fit of a control and of a model, and for `list` and `--help`."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tabgenbench.engines.environment import describe_environment

SITE = Path(__file__).parent / "site"
ROUNDS = 5
SMALL = ("-d", "simulated-tissues:n_rows=120,n_genes=10", "-m", "moments", "--splits", "1", "--draws", "1")
RUN = ("run", "quickstart", *SMALL, "--threads", "1", "--workers", "2", "--store", "store")
CVAE = "timed-cvae:epochs=1"


def first_fit(which: str, *generators: str) -> float:
    """Run the command with these generators; return the seconds from its start to the fit of ``which``."""
    with tempfile.TemporaryDirectory() as folder:
        noted = {name: str(Path(folder, name)) for name in ("STARTUP_CONTROL", "STARTUP_CVAE")}
        choice = [part for name in generators for part in ("-g", name)]
        started = time.time()
        command(*RUN, *choice, folder=folder, variables={**noted, "PYTHONPATH": str(SITE)})
        return float(Path(noted[which]).read_text()) - started


def whole(*arguments: str) -> float:
    """Return the duration of a command in seconds."""
    started = time.time()
    command(*arguments)
    return time.time() - started


def command(*arguments: str, folder: str | None = None, variables: dict[str, str] | None = None) -> None:
    """Run ``tabgenbench`` in a separate process.

    Raises:
        subprocess.CalledProcessError: its exit status is not 0.
    """
    environment = {**os.environ, **(variables or {})}
    program = [sys.executable, "-m", "tabgenbench", *arguments]
    subprocess.run(program, cwd=folder, env=environment, check=True, capture_output=True)


def measure(title: str, bar: float, seconds_of: Callable[[], float]) -> bool:
    """Print the best and the median of several runs, and whether the best meets the bar.

    The best value is closest to the time of the program itself, because other work on the machine only adds to it.
    """
    seconds_of()  # fills the file cache
    before = _processor_seconds()
    found = sorted(seconds_of() for _ in range(ROUNDS))
    processor = (_processor_seconds() - before) / ROUNDS
    print(
        f"{title}: best {found[0]:.2f} s, median {found[ROUNDS // 2]:.2f} s of {ROUNDS} (bar {bar:g} s); "
        f"{processor:.2f} s of processor time in the command's own process",
        flush=True,
    )
    return found[0] <= bar


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure all; exit with 1 if a bar is missed."""
    machine = describe_environment(threads=1, device="cpu")
    print(f"{machine.cpu}, {machine.cores} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    met = [
        measure("list", 0.3, lambda: whole("list")),
        measure("--help", 0.3, lambda: whole("--help")),
        measure("first fit of a control, controls only", 3.0, lambda: first_fit("STARTUP_CONTROL", "timed-control")),
        measure("first fit of cvae, cvae only", 5.0, lambda: first_fit("STARTUP_CVAE", CVAE)),
        measure("first fit of cvae, with a control", 5.0, lambda: first_fit("STARTUP_CVAE", CVAE, "timed-control")),
        measure("first fit of a control, with cvae", 3.0, lambda: first_fit("STARTUP_CONTROL", CVAE, "timed-control")),
    ]
    if not all(met):
        raise SystemExit("a bar is missed")


if __name__ == "__main__":
    main()
