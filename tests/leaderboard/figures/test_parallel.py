"""Drawing of figures in several processes."""

from __future__ import annotations

import subprocess
import sys

import pytest
from matplotlib.figure import Figure

from tabgenbench_leaderboard.figures import parallel
from tabgenbench_leaderboard.figures.parallel import Files, draw_files


def plot(number: int) -> Figure:
    figure = Figure(figsize=(1, 1))
    figure.add_axes((0.2, 0.2, 0.7, 0.7)).plot([0, number])
    return figure


def raises() -> Figure:
    raise ValueError("nothing to see")


def test_processes_draw_the_same_bytes_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "available_cores", lambda: 2)
    draws = [*(lambda number=number: plot(number) for number in range(3)), lambda: None, raises]
    found = draw_files(draws, png=True)
    assert found[3] == Files()
    assert found[4] == Files(error="ValueError: nothing to see")
    assert len({one.png for one in found[:3]}) == 3
    monkeypatch.setattr(parallel, "available_cores", lambda: 1)
    assert draw_files(draws, png=True) == found
    assert draw_files(draws) == [one._replace(png=b"") for one in found]


SCRIPT = """
import os
from tabgenbench_leaderboard.figures import parallel

def where():
    raise ValueError(os.getpid())

parallel.available_cores = lambda: 2
for n in (4, 2):
    print(len({one.error for one in parallel.draw_files([where] * n)} - {f"ValueError: {os.getpid()}"}) > 0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems draw in one process")
def test_other_processes_draw_many_figures() -> None:
    """In a process of its own: beside the threads of a test runner, this process would draw."""
    found = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["True", "False"]
