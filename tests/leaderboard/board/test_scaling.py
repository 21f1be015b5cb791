from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tabgenbench.records import ScoreSpec
from tabgenbench_leaderboard.board.aggregate import build_board
from tabgenbench_leaderboard.board.model import DatasetBoard
from tabgenbench_leaderboard.board.scaling import find_ceiling, is_ceiling_best
from tabgenbench_leaderboard.pages.page import full_page
from tabgenbench_leaderboard.pages.to_markdown import render_markdown

FakeRun = Any


def fill(run: FakeRun, metric: str, rows: dict[str, Sequence[float | str]]) -> DatasetBoard:
    """Write a cell for each generator and split and return the board."""
    name = {"moments": "mean-ks", "correlation-pairs": "correlation-spread"}.get(metric, metric)
    for label, values in rows.items():
        for split, value in enumerate(values):
            run.cell(label, {metric: {name: value}}, split=split)
    return build_board(run.store, run.suite).datasets[0]


def scaled(dataset: DatasetBoard) -> dict[str, dict[int, float]]:
    return {row.label: row.scores[0].scaled.by_split for row in dataset.rows if row.scores[0].scaled}


def test_each_split_has_its_own_floor_and_ceiling_and_values_beyond_them_are_kept(run: FakeRun) -> None:
    dataset = fill(
        run, "overlap", {"cvae": (0.5, 0.7), "tvae": (0.1, 0.9), "shuffled": (0.2, 0.4), "real-resample": (0.8, 0.8)}
    )
    assert scaled(dataset) == {
        "cvae": pytest.approx({0: 0.5, 1: 0.75}),
        "tvae": pytest.approx({0: -1 / 6, 1: 1.25}),
        "shuffled": {0: 0, 1: 0},
        "real-resample": {0: 1, 1: 1},
    }
    # The value of the question is clipped: (0 + 1) / 2.
    assert [row.questions[0].mean for row in dataset.models] == pytest.approx([0.625, 0.5])


def test_a_score_that_is_best_at_one_is_scaled_by_its_distance_from_one(run: FakeRun, monkeypatch: Any) -> None:
    for label, value in {"cvae": 1.2, "tvae": 0.7, "shuffled": 2.0, "real-resample": 0.9}.items():
        for split in range(2):
            run.cell(label, {"ratio": {"ratio": value}}, split=split)
    dataset = build_board(run.store, run.suite).datasets[0]
    # Distances 0.2, 0.3, 1.0, 0.1: (1 - 0.2) / 0.9 and (1 - 0.3) / 0.9.
    assert scaled(dataset)["cvae"] == pytest.approx({0: 8 / 9, 1: 8 / 9})
    assert scaled(dataset)["tvae"] == pytest.approx({0: 7 / 9, 1: 7 / 9})


@pytest.mark.parametrize(
    ("metric", "rows", "reason"),
    [
        ("moments", {"shuffled": (1, 1), "real-resample": (0, 0)}, "the score names no floor"),
        ("distance", {"shuffled": (1, 1)}, "the board has no control `real-resample`"),
        ("distance", {"real-resample": (1, 1)}, "the board has no control `shuffled`"),
        (
            "distance",
            {"shuffled": (1, 1), "real-resample": (0,)},
            "`shuffled` and `real-resample` have values in 1 common split, not in two or more",
        ),
        # Differences 0.1, 0.3, 0.2, 1.0: mean 0.4, standard error sqrt(0.5 / 3 / 4) = 0.204, less than a third of it.
        (
            "distance",
            {"shuffled": (0.1, 0.3, 0.2, 1.0), "real-resample": (0, 0, 0, 0)},
            "`real-resample` is not better than `shuffled` by 3 standard errors (mean difference 0.4, standard error "
            "0.204)",
        ),
        (
            "distance",
            {"shuffled": (1.0,) * 20 + (0.0,), "real-resample": (0.0,) * 20 + (0.1,)},
            "`real-resample` is not better than `shuffled` in split 20",
        ),
    ],
)
def test_a_score_without_scaling_says_why(
    run: FakeRun, metric: str, rows: dict[str, Sequence[float]], reason: str
) -> None:
    dataset = fill(run, metric, {"cvae": (0.5,) * len(next(iter(rows.values()))), **rows})
    assert dataset.columns[0].unscaled == reason
    assert scaled(dataset) == {}
    assert dataset.questions == ()


def test_the_floor_is_the_control_with_default_options(run: FakeRun) -> None:
    dataset = fill(
        run, "distance", {"cvae": (0.5, 0.5), "shuffled:seed=1": (9, 9), "shuffled": (1, 1), "real-resample": (0, 0)}
    )
    assert scaled(dataset)["cvae"] == {0: 0.5, 1: 0.5}


def test_a_row_that_lacks_one_score_of_a_question_in_a_split_has_no_value_there(run: FakeRun) -> None:
    for split in range(5):
        models = {"cvae": 0.5 + 0.01 * split, "tvae": 0.25}
        for label, value in {**models, "shuffled": 1.0, "real-resample": 0.0}.items():
            overlap: float | str = "no rows" if (label, split) == ("cvae", 3) else 1 - value
            run.cell(label, {"distance": {"distance": value}, "overlap": {"overlap": overlap}}, split=split)
    dataset = build_board(run.store, run.suite).datasets[0]
    assert dataset.questions[0].titles == ("distance", "overlap")
    cvae, tvae = (row.questions[0] for row in dataset.models)
    assert (cvae.n, cvae.splits, cvae.rank, cvae.lacking) == (4, 5, None, ("overlap",))
    assert (tvae.n, tvae.mean, tvae.rank) == (5, 0.75, (1, 1))


@pytest.mark.parametrize("metric", ["unranked", "detail", "gamma"])
def test_scores_that_are_not_ranked_no_headline_scores_or_name_no_question_are_in_none(
    run: FakeRun, metric: str
) -> None:
    for split in range(2):
        for label, value in {"cvae": 0.5, "shuffled": 0.0, "real-resample": 1.0}.items():
            run.cell(label, {metric: {metric: value}, "overlap": {"overlap": value / 2}}, split=split)
    dataset = build_board(run.store, run.suite).datasets[0]
    assert {column.title: column.unscaled for column in dataset.columns} == {metric: "", "overlap": ""}
    assert [question.titles for question in dataset.questions] == [("overlap",)]


def test_without_a_ceiling_control_the_best_possible_value_is_the_ceiling(run: FakeRun) -> None:
    dataset = fill(run, "accuracy", {"cvae": (0.6, 0.7), "shuffled": (0.2, 0.4)})
    # (0.6 - 0.2) / (1 - 0.2) and (0.7 - 0.4) / (1 - 0.4).
    assert scaled(dataset) == {"cvae": pytest.approx({0: 0.5, 1: 0.5}), "shuffled": {0: 0, 1: 0}}
    assert find_ceiling([dataset]) == ("best possible value", False)
    text = render_markdown(full_page(build_board(run.store, run.suite), figures={}))
    assert "### Scaled to controls (1 = best possible value, 0 = floor)" in text
    assert "Floor: `shuffled`, ceiling: the best possible value, 1." in text


@pytest.mark.parametrize(
    ("change", "is_best"),
    [
        ({}, True),
        ({"low": None}, True),
        ({"low": -1.0}, False),
        ({"high": None}, False),
        ({"direction": "lower"}, False),
        ({"floor": ""}, False),
        ({"ceiling": "real-resample"}, False),
    ],
)
def test_the_best_value_is_the_ceiling_of_scores_that_can_reach_one(change: dict[str, Any], is_best: bool) -> None:
    plain = ScoreSpec(name="f1", direction="higher", low=0.0, high=1.0, floor="shuffled", ceiling="")
    assert is_ceiling_best(plain.model_copy(update=change)) == is_best
