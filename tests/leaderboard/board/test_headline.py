from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tabgenbench_leaderboard.board.aggregate import build_board
from tabgenbench_leaderboard.board.headline import control_descriptions, headline_columns, headline_sentences
from tabgenbench_leaderboard.board.model import Board

FakeRun = Any


def board_of(run: FakeRun) -> Board:
    return build_board(run.store, run.suite)


def titles(board: Board) -> list[str]:
    dataset = board.datasets[0]
    return [dataset.columns[i].title for i in headline_columns(dataset)]


def fill(run: FakeRun, gammas: dict[str, Sequence[float]], dataset: str = "cells") -> None:
    """Write a cell for each generator and split."""
    for label, values in gammas.items():
        for split, value in enumerate(values):
            run.cell(label, {"gamma": {"gamma": value}}, dataset=dataset, split=split)


BETTER, SAME, WORSE = (0.93, 0.94, 0.95), (0.905, 0.913, 0.927), (0.80, 0.812, 0.82)
MIDDLE = (0.91, 0.91, 0.92)


def test_scores_that_metrics_call_headline_scores_come_first(run: FakeRun) -> None:
    run.cell("cvae", {"gamma": {"gamma": 0.5}, "umap-separability": {"umap-overall": 0.5}})
    assert titles(board_of(run)) == ["umap-overall"]


def test_without_any_the_first_ranked_scores_stand_in(full_run: FakeRun) -> None:
    assert titles(board_of(full_run)) == ["gamma", "mean-ks", "variance-ratio"]


def test_a_score_that_no_row_has_is_left_out(run: FakeRun) -> None:
    run.cell("cvae", {"gamma": {"gamma": 0.5}, "umap-separability": {"umap-overall": "one condition"}})
    assert titles(board_of(run)) == ["gamma"]


@pytest.mark.parametrize(
    ("gammas", "first", "second"),
    [
        (
            {"cvae": MIDDLE, "condition-mvn": BETTER, "shuffled": WORSE},
            "On the ranked headline scores, cvae beats shuffled (better on at least one, worse on none).",
            "By the same rule, condition-mvn beats cvae.",
        ),
        (
            {"cvae": BETTER, "tvae": BETTER, "shuffled": WORSE, "truth": WORSE},
            "On the ranked headline scores, cvae and tvae beat every control (better on at least one, worse on none).",
            "Not distinguishable on any ranked headline score: cvae from tvae.",
        ),
        (
            {"cvae": MIDDLE, "tvae": WORSE, "shuffled": WORSE, "truth": WORSE, "condition-mvn": SAME},
            "On the ranked headline scores, cvae beats every control but condition-mvn; tvae beats no control (better "
            "on at least one, worse on none).",
            "By the same rule, condition-mvn beats tvae.",
        ),
        (
            {"cvae": MIDDLE[:1], "shuffled": WORSE[:1]},
            "A comparison needs at least two common splits: run with --splits 3.",
            None,
        ),
        ({"cvae": MIDDLE}, "There is nothing to compare: a suite needs a model and a control.", None),
        ({"shuffled": MIDDLE}, "There is nothing to compare: a suite needs a model and a control.", None),
    ],
)
def test_the_sentences(run: FakeRun, gammas: dict[str, Sequence[float]], first: str, second: str | None) -> None:
    fill(run, gammas)
    assert headline_sentences(board_of(run)) == ((first,) if second is None else (first, second))


def test_models_that_cannot_be_compared_are_named(run: FakeRun) -> None:
    fill(run, {"cvae": BETTER, "cvae-selected": BETTER[:1], "tvae": WORSE, "shuffled": WORSE, "truth": MIDDLE})
    run.broken("ctgan", "failed", "cannot learn this")
    first, second = headline_sentences(board_of(run))
    assert first == (
        "On the ranked headline scores, cvae beats every control; tvae beats no control (better on at least one, worse "
        "on none). Not compared: ctgan and cvae-selected (a comparison with a control needs a score on at least two "
        "common splits)."
    )
    assert second == "By the same rule, truth beats tvae."


def test_controls_are_described_by_their_cards(run: FakeRun) -> None:
    fill(run, {"cvae": MIDDLE, "shuffled": WORSE, "truth:seed=3": WORSE})
    fill(run, {"shuffled": WORSE}, "other")
    assert control_descriptions(board_of(run).datasets) == ("shuffled: What shuffled is.", "truth: What truth is.")


def test_a_model_beats_a_control_only_where_it_is_worse_nowhere(run: FakeRun) -> None:
    for dataset, other in (("first", WORSE), ("second", BETTER)):
        fill(run, {"cvae": MIDDLE, "shuffled": other, "truth": WORSE}, dataset)
    first, second = headline_sentences(board_of(run))
    assert first.startswith("On the ranked headline scores, cvae beats truth (")
    assert second.startswith("Every model is distinguishable")
