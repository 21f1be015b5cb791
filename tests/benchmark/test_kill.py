from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ARGUMENTS = [
    *("run", "quickstart", "-d", "simulated-tissues:n_rows=120,n_genes=20", "--splits", "2", "--draws", "2"),
    *("-g", "cvae:epochs=120,hidden=[32],latent=4", "-g", "condition-mvn", "-g", "shuffled"),
    *("-m", "gamma", "-m", "moments", "--threads", "1"),
]


def start(folder: Path, store: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from tabgenbench.cli import main; main()", *ARGUMENTS, "--store", store]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def scores(store: Path) -> dict[str, bytes]:
    return {str(path.relative_to(store)): path.read_bytes() for path in store.glob("cells/*/scores/*.json")}


def fits(store: Path) -> dict[str, int]:
    return {path.parent.name: path.stat().st_mtime_ns for path in store.glob("cells/*/fit.json")}


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    with start(tmp_path, "undisturbed") as process:
        assert process.wait(timeout=300) == 0
    expected = scores(tmp_path / "undisturbed")
    assert len(expected) == 12

    rng = random.Random(0)
    store = tmp_path / "killed"
    for _ in range(6):
        before = fits(store)
        with start(tmp_path, "killed") as process:
            time.sleep(rng.uniform(1.0, 7.0))
            children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
            process.send_signal(signal.SIGKILL)
            process.wait()
        _, alive = psutil.wait_procs(children, timeout=10)
        assert not alive  # the workers died with their runner
        assert before.items() <= fits(store).items()  # no finished cell was done again
    with start(tmp_path, "killed") as process:
        assert process.wait(timeout=300) == 0
    assert scores(store) == expected
    assert not list((store / "tmp").iterdir())
