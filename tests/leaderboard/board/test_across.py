from __future__ import annotations

from typing import Any

import pytest

from tabgenbench_leaderboard.board.across import rank_and_win_rate
from tabgenbench_leaderboard.board.aggregate import build_board
from tabgenbench_leaderboard.board.derive import derive_board
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


def test_without_questions_a_lower_distance_has_the_better_rank(run: FakeRun) -> None:
    for dataset in ("a", "b"):
        for label, distance in {"cvae": 0.2, "tvae": 0.5}.items():
            run.cell(label, {"distance": {"distance": distance}}, dataset=dataset)
    (measure,) = board_of(run).across
    assert (measure.kind, measure.direction) == ("score", "lower")
    ranks = {row.label: row.mean_rank.mean for row in measure.rows if row.mean_rank}
    wins = {row.label: row.win_rate.mean for row in measure.rows if row.win_rate}
    assert (ranks, wins) == ({"cvae": 1, "tvae": 2}, {"cvae": 1, "tvae": 0})


def scaled_gamma(run: FakeRun, ceilings: dict[str, float]) -> dict[str, float | None]:
    """Return scaled values over tables with the ceilings, by row; cvae has gamma 0.9, the floor has 0."""
    for dataset in ("a", "b"):
        rows = {"cvae": 0.9, "shuffled": 0.0}
        for label, gamma in (rows | ({"real-resample": ceilings[dataset]} if dataset in ceilings else {})).items():
            for split in range(2):
                run.cell(label, {"gamma": {"gamma": gamma}}, dataset=dataset, split=split)
    (measure,) = board_of(run).across
    return {row.label: row.scaled.mean if row.scaled else None for row in measure.rows}


def test_scaled_values_of_scores_are_clipped_before_they_are_averaged(run: FakeRun) -> None:
    found = scaled_gamma(run, {"a": 0.6, "b": 1.0})  # 1.5 counts as 1 on a; 0.9 on b
    assert found == {"cvae": pytest.approx(0.95), "real-resample": 1, "shuffled": 0}


def test_a_score_that_is_not_scaled_on_each_dataset_has_no_mean_scaled_value(run: FakeRun) -> None:
    assert scaled_gamma(run, {"a": 1.0})["cvae"] is None


def test_a_missing_result_of_a_control_never_counts_as_the_floor(run: FakeRun) -> None:
    for dataset, labels in {"a": ("cvae", "tvae", "shuffled"), "b": ("cvae",)}.items():
        for label in labels:
            run.cell(label, {"distance": {"distance": 0.5}}, dataset=dataset)
    (measure,) = derive_board(board_of(run), "floor").across
    found = {row.label: (row.datasets, row.floored, row.complete) for row in measure.rows}
    assert found == {"cvae": (2, 0, True), "tvae": (1, 1, True), "shuffled": (1, 0, False)}
