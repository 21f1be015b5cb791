"""Two runs on one store share its cells: no cell runs twice and no cell is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tabgenbench.store.store import Store

SITE = Path(__file__).parents[2] / "hostile" / "site"  # its generator `measured` writes a line for each fit
CELLS = 40
ARGUMENTS = [
    *("run", "quickstart", "-d", "simulated-tissues:n_rows=120,n_genes=10", "--splits", "2", "--seeds", "20"),
    *("-g", "measured:seconds=0.2", "-m", "first-value", "--draws", "1", "--threads", "1", "--workers", "2"),
]


def start(folder: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(SITE), "PYTHONDONTWRITEBYTECODE": "1"}
    environment["HOSTILE_FITS"] = str(folder / "fits")
    command = [
        sys.executable,
        "-c",
        "from tabgenbench.commands.cli import main; main()",
        *ARGUMENTS,
        "--store",
        "store",
    ]
    with (folder / "said").open("ab") as said:
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said)


def count_fits(folder: Path) -> int:
    path = folder / "fits"
    return len(path.read_text().splitlines()) if path.exists() else 0


def check_complete(folder: Path) -> None:
    store = Store(folder / "store")
    records = list(store.cells())
    assert len(records) == CELLS
    assert {record.status for record in records} == {"ok"}
    suite = store.read_suite("quickstart")
    assert suite is not None
    assert len(suite.rows) == CELLS
    for row in suite.rows:
        for key in row.scores.values():
            score = store.read_score(row.key, key)
            assert score is not None
            assert score.status == "ok"


@pytest.mark.alone
@pytest.mark.slow
def test_two_runs_at_once_do_every_cell_once(tmp_path: Path) -> None:
    with start(tmp_path) as first, start(tmp_path) as second:
        ends = [first.wait(timeout=300), second.wait(timeout=300)]
    assert ends == [0, 0], (tmp_path / "said").read_text()[-3000:]
    check_complete(tmp_path)
    assert count_fits(tmp_path) == CELLS


@pytest.mark.alone
@pytest.mark.slow
def test_when_one_of_two_is_killed_the_other_finishes_everything(tmp_path: Path) -> None:
    with start(tmp_path) as first, start(tmp_path) as second:
        deadline = time.monotonic() + 120
        while count_fits(tmp_path) < CELLS // 2:
            assert time.monotonic() < deadline, (tmp_path / "said").read_text()[-3000:]
            time.sleep(0.02)
        first.send_signal(signal.SIGKILL)
        ends = [first.wait(timeout=60), second.wait(timeout=300)]
    assert ends == [-signal.SIGKILL, 0], (tmp_path / "said").read_text()[-3000:]
    check_complete(tmp_path)
    assert CELLS <= count_fits(tmp_path) <= CELLS + 2  # the two cells of the killed run may run again
