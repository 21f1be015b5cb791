"""Drawing of figures in several processes."""

from __future__ import annotations

import os
import threading

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
    found = draw_files(draws)
    assert found[3] == Files()
    assert found[4] == Files(error="ValueError: nothing to see")
    assert len({one.png for one in found[:3]}) == 3
    monkeypatch.setattr(parallel, "available_cores", lambda: 1)
    assert draw_files(draws) == found


def test_other_processes_draw_many_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    if threading.active_count() > 1:
        pytest.skip("a fork beside other threads is not safe, so this process draws")

    def where() -> Figure:
        raise ValueError(os.getpid())

    monkeypatch.setattr(parallel, "available_cores", lambda: 2)
    assert f"ValueError: {os.getpid()}" not in {one.error for one in draw_files([where] * 4)}
    assert {one.error for one in draw_files([where] * 2)} == {f"ValueError: {os.getpid()}"}
