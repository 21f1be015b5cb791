"""A run whose store is on a full disk."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB in memory; the test is skipped if this user may not mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True)
    except OSError:
        pytest.skip("there is no command mount")
    if done.returncode:
        pytest.skip("this user may not mount a disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_split_that_does_not_fit_is_one_sentence(small_disk: Path) -> None:
    table = "simulated-tissues:n_rows=400,n_genes=300"
    command = [sys.executable, "-m", "tabgenbench", "run", "quickstart", "-d", table, "-g", "shuffled", "-m", "moments"]
    options = ["--splits", "1", "--draws", "1", "--executor", "inline", "--store", str(small_disk / "store")]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=180)
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if not line.startswith(("loading", "simulated-tissues"))]
    assert len(lines) == 1
    assert "train.h5ad: cannot be read or written (No space left on device)" in lines[0]
    assert not list(small_disk.rglob("*.h5ad"))
