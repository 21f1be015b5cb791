from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [
    "-c",
    "from tabgenbench.commands.cli import main; main()",
    "run",
    "quickstart",
    "-d",
    "simulated-tissues:n_rows=80",
]
ARGUMENTS = ["-g", "cvae:epochs=40,hidden=[16],latent=2", "-m", "moments", "--splits", "1", "--threads", "1"]


def on_terminal(folder: Path, columns: int) -> str:
    """Run with standard error on a pseudo-terminal of this width and return the output."""
    own, other = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm"}
    with subprocess.Popen(
        [sys.executable, *COMMAND, *ARGUMENTS], cwd=folder, stdout=subprocess.DEVNULL, stderr=other, env=environment
    ) as process:
        os.close(other)
        shown = b""
        while True:
            try:
                part = os.read(own, 65536)
            except OSError:  # the other side is closed
                break
            if not part:
                break
            shown += part
    os.close(own)
    assert process.returncode == 0
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())


@pytest.mark.parametrize("columns", [80, pytest.param(140, marks=pytest.mark.slow)])
def test_a_terminal_shows_epoch_loss_and_time_left(tmp_path: Path, columns: int) -> None:
    lines = on_terminal(tmp_path, columns).replace("\r", "\n").splitlines()
    training = [line for line in lines if "loss" in line and "/40" in line]
    assert training
    assert all(len(line) <= columns for line in training)
    assert re.search(r"cvae.*\d+/40\s+(-:--:--|\d:\d\d:\d\d)\s+loss \d", training[-1])
    assert any(line.startswith("[1/1] cvae") for line in lines)
