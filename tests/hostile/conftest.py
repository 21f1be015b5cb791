"""Runs of the command line with hostile plugins, and a search for processes and files that they leave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tabgenbench.records import CellRecord, RunInfo, ScoreRecord
from tabgenbench.store.store import Store

SITE = Path(__file__).parent / "site"  # the folder of an installed distribution
MARK = "HOSTILE_MARK"  # an environment variable that every process of a run inherits
RUN_SECONDS = 500


@dataclass(repr=False)
class FinishedRun:
    """State after a run: exit status, output, store, temporary files, processes, shared memory, input."""

    status: int
    said: str
    store: Store
    temporary: list[Path]
    processes: list[str]
    shared: list[Path]
    input: str
    cells: dict[str, CellRecord] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cells = {record.cell.label: record for record in self.store.cells()}

    def metrics(self, label: str) -> dict[str, tuple[ScoreRecord | None, RunInfo | None]]:
        """Return the records of every metric on the cell of a generator."""
        suite = self.store.read_suite(self.store.suites()[0])
        assert suite is not None
        row = next(row for row in suite.rows if row.label == label)
        return {
            metric: (self.store.read_score(row.key, key), self.store.read_info(row.key, key))
            for metric, key in row.scores.items()
        }

    def score_bytes(self, label: str, metric: str, ending: str = ".json") -> bytes:
        """Return the file of a score, or of an artifact by the end of its name."""
        suite = self.store.read_suite(self.store.suites()[0])
        assert suite is not None
        row = next(row for row in suite.rows if row.label == label)
        return (self.store.cell_folder(row.key) / "scores" / f"{row.scores[metric]}{ending}").read_bytes()


def run_suite(folder: Path, *arguments: str) -> FinishedRun:
    """Run a suite in a separate process, in an empty folder and with an empty folder for temporary files."""
    temporary, mark = folder / "t", uuid.uuid4().hex
    temporary.mkdir(parents=True)
    environment = {**os.environ, "PYTHONPATH": str(SITE), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"TMPDIR": str(temporary), MARK: mark}
    command = [
        sys.executable,
        "-c",
        "from tabgenbench.commands.cli import main; main()",
        "run",
        *arguments,
        "--store",
        "store",
    ]
    (folder / "input").write_text("for the runner")
    with (
        (folder / "input").open("rb") as given,
        (folder / "said").open("wb") as said,
        subprocess.Popen(command, cwd=folder, env=environment, stdin=given, stdout=said, stderr=said) as process,
    ):
        try:
            status = process.wait(RUN_SECONDS)
        except subprocess.TimeoutExpired:
            status = -1
            process.kill()
        unread = given.read().decode()  # both share one position in the file
    processes = marked_processes(mark, patience=2.0)
    left = list(temporary.rglob("*"))
    end_marked_processes(mark)
    return FinishedRun(
        status=status,
        said=(folder / "said").read_text(),
        store=Store(folder / "store"),
        temporary=left,
        processes=list(processes.values()),
        shared=list(Path("/dev/shm").glob(f"{mark}*")),
        input=unread,
    )


def marked_processes(mark: str, *, patience: float = 0.0) -> dict[int, str]:
    """Return running processes with this mark by process id, after up to ``patience`` seconds until there are none."""
    deadline = time.monotonic() + patience
    while True:
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if f"{MARK}={mark}".encode() in (entry / "environ").read_bytes():
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        if not found or time.monotonic() >= deadline:
            return found
        time.sleep(0.1)


def end_marked_processes(mark: str) -> None:
    """Kill the processes that a run has left, so that a failed test leaves none."""
    for number in marked_processes(mark):
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


@pytest.fixture(scope="session", name="run_suite")
def run_suite_fixture() -> Callable[..., FinishedRun]:
    """Run a suite beside hostile plugins: ``run_suite(empty folder, *arguments)``."""
    return run_suite


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with the hostile distribution, which this process can import from as long as the test runs."""
    monkeypatch.syspath_prepend(str(SITE))
    return SITE
