from __future__ import annotations

from typing import Any

import pytest

from tabgenbench_leaderboard.board.across import rank_and_win_rate
from tabgenbench_leaderboard.board.aggregate import build_board
from tabgenbench_leaderboard.board.model import Board

FakeRun = Any


def board_of(run: FakeRun) -> Board:
    return build_board(run.store, run.suite)


def test_values_that_differ_by_rounding_share_a_rank() -> None:
    found = rank_and_win_rate({"a": 0.1 + 0.2, "b": 0.3, "c": 1.0, "d": float("-inf"), "e": float("-inf")})
    assert found == {"a": (2.5, 0.625), "b": (2.5, 0.625), "c": (1.0, 1.0), "d": (4.5, 0.125), "e": (4.5, 0.125)}
    assert rank_and_win_rate({"a": 0.5}) == {"a": (1.0, 1.0)}


def test_a_board_without_questions_is_summarised_by_its_headline_scores(run: FakeRun) -> None:
    for dataset, gammas in {"a": {"cvae": 0.9, "tvae": 0.7}, "b": {"cvae": 0.5, "tvae": 0.6}}.items():
        for label, gamma in gammas.items():
            for split in range(2):
                run.cell(label, {"gamma": {"gamma": gamma}}, dataset=dataset, split=split)
    (measure,) = board_of(run).across
    assert (measure.title, measure.kind, measure.datasets) == ("gamma", "score", ("a", "b"))
    assert [row.mean_rank.mean for row in measure.rows if row.mean_rank] == [1.5, 1.5]
    assert [row.scaled for row in measure.rows] == [None, None]  # without controls there is no scale


def test_a_generator_with_another_label_on_each_dataset_is_one_row(run: FakeRun) -> None:
    for dataset, epochs in {"a": 200, "b": 30}.items():
        for label in (f"ctgan:epochs={epochs}", "cvae"):
            title = f"CTGAN, {epochs} epochs" if label.startswith("ctgan") else ""
            for split in range(2):
                run.cell(label, {"gamma": {"gamma": len(label) / 100}}, dataset=dataset, split=split, title=title)
    (measure,) = board_of(run).across
    assert [(row.label, row.datasets, row.complete) for row in measure.rows] == [("ctgan", 2, True), ("cvae", 2, True)]


def test_configs_of_one_generator_stay_apart(run: FakeRun) -> None:
    for dataset in ("a", "b"):
        for label in ("cvae", "cvae:epochs=9"):
            run.cell(label, {"gamma": {"gamma": len(label) / 100}}, dataset=dataset)
    (measure,) = board_of(run).across
    assert [row.label for row in measure.rows] == ["cvae", "cvae:epochs=9"]


@pytest.mark.parametrize("datasets", [1, 2])
def test_one_dataset_has_no_summary(run: FakeRun, datasets: int) -> None:
    for k in range(datasets):
        run.cell("cvae", {"gamma": {"gamma": 0.5}}, dataset=f"table-{k}")
    assert len(board_of(run).across) == datasets - 1
