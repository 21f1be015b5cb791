"""Learning curves: one figure for a table with several numbers of training rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from tabgenbench.interfaces.drawing import drawing
from tabgenbench_leaderboard.board.aggregate import build_board
from tabgenbench_leaderboard.board.learning_curves import learning_curves
from tabgenbench_leaderboard.board.model import Board
from tabgenbench_leaderboard.figures.learning import learning_figure
from tabgenbench_leaderboard.files import render_board

FakeRun = Any
NAMES = {50: "t:a=1,train_rows=50", 25: "t:a=1,train_rows=25", 400: "t:a=1,train_rows=400"}


def board_of(run: FakeRun) -> Board:
    for n_rows, dataset in NAMES.items():
        for label, value in (("shuffled", 0.1), ("cvae", n_rows / 1000)):
            for split in (0, 1):
                scores = {"gamma-within": {"gamma-within": value + split / 100}}
                if (label, n_rows) != ("cvae", 50):
                    run.cell(label, scores, dataset=dataset, split=split)
    run.cell("cvae", {"gamma-within": {"gamma-within": 0.9}}, dataset="u:train_rows=25")
    return build_board(run.store, run.suite)


def test_a_table_with_two_numbers_of_rows_or_more_has_a_curve(run: FakeRun) -> None:
    curves = learning_curves(board_of(run))
    assert [(curve.name, curve.rows) for curve in curves] == [("t:a=1", (25, 50, 400))]
    assert [dataset.dataset for dataset in curves[0].datasets] == [NAMES[25], NAMES[50], NAMES[400]]


def test_lines_are_means_and_models_come_first(run: FakeRun) -> None:
    with drawing():
        figure = learning_figure(learning_curves(board_of(run))[0])
    assert figure is not None
    model, control = figure.axes[0].get_lines()
    assert (model.get_label(), model.get_linestyle()) == ("cvae", "-")
    assert (control.get_label(), control.get_linestyle()) == ("shuffled", "--")
    np.testing.assert_allclose(np.asarray(model.get_ydata(), dtype=float), [0.03, 0.405])
    np.testing.assert_allclose(np.asarray(model.get_xdata(), dtype=float), [25, 400], rtol=0.02)
    np.testing.assert_allclose(np.asarray(control.get_ydata(), dtype=float), [0.105] * 3)


def test_the_page_shows_it_once_with_the_fewest_rows(run: FakeRun) -> None:
    page = render_board(board_of(run), ["md"])
    text = page["README.md"].decode()
    assert text.count("### Learning curve") == 1
    assert text.index("## t:a=1,train_rows=25") < text.index("### Learning curve")
    assert "figures/t-a-1-train-rows-25-learning.svg" in page
