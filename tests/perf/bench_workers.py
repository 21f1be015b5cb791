"""Speed-up of two workers over one, with one thread each, on cells that only compute."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from plugin_site import SITE, fit_times, run_measured

from tabgenbench.engines.environment import available_cores, describe_environment

CELLS, CELL_SECONDS, ROUNDS = 6, 5.0, 3
RATIO = 1.7
SMALL = ("-d", "simulated-tissues:n_rows=120,n_genes=10", "-m", "first-value", "--draws", "1", "--threads", "1")


def turns_of(seconds: float) -> int:
    """Return the number of rounds of the generator's loop that take this many seconds on an idle core."""
    sys.path.insert(0, str(SITE))
    from hostile_plugins.measured import compute

    turns, started = 20, time.process_time()
    compute(turns)
    return max(1, round(turns * seconds / (time.process_time() - started)))


def run_seconds(turns: int, workers: int) -> float:
    """Run the cells and return the seconds from the first fit to the end of the run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cells = ("-g", f"measured:work={turns}", "--splits", "1", "--seeds", str(CELLS), "--workers", str(workers))
        run_measured(folder, *SMALL, *cells)
        return time.time() - fit_times(folder)[0]


def main() -> None:
    """Measure both in turn, so that a slower machine affects both; exit with 1 if the bar is missed."""
    machine = describe_environment(threads=1, device="cpu")
    print(f"{machine.cpu}, {machine.cores} cores; {CELLS} cells of about {CELL_SECONDS:g} s of computing", flush=True)
    if available_cores() < 2:
        print("needs two cores; not measured")
        return
    turns, seconds = turns_of(CELL_SECONDS), {1: [], 2: []}
    for number in range(ROUNDS):
        for workers in (1, 2) if number % 2 == 0 else (2, 1):
            seconds[workers].append(run_seconds(turns, workers))
    one, two = statistics.median(seconds[1]), statistics.median(seconds[2])
    print(
        f"one worker {one:.1f} s, two workers {two:.1f} s (medians of {ROUNDS}): {one / two:.2f} times as fast", end=" "
    )
    print(f"(at least {RATIO})")
    if one / two < RATIO:
        raise SystemExit("the bar is missed")


if __name__ == "__main__":
    main()
