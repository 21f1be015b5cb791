"""A small made-up table whose ranks, win rates, scaled values and intervals are worked out by hand.

Distances, of which less is better, on two tables with five splits. The floor is ``shuffled``, the ceiling
``real-resample``; both have equal values in all splits.

    table a         splits 0 to 4               mean   scaled = (1.1 - d) / (1.1 - 0.1)
    cvae            0.2  0.2  0.3  0.3  0.5     0.3    0.9  0.9  0.8  0.8  0.6    mean 0.8
    tvae            0.5  0.6  0.7  0.7  1.0     0.7    0.6  0.5  0.4  0.4  0.1    mean 0.4
    wgan            0.6  0.5  0.8  0.6  1.0     0.7    0.5  0.6  0.3  0.5  0.1    mean 0.4
    real-resample   0.1                         0.1    1
    shuffled        1.1                         1.1    0

    table b         splits 0 to 4                mean   scaled = (2 - d) / (2 - 0)
    cvae            0.9  1.0  1.0  1.0  1.1      1.0    mean 0.5
    tvae            0.48 0.5  0.5  0.5  0.52     0.5    mean 0.75
    wgan            0.4  0.4  0.4  0.4  failed          0.8  0.8  0.8  0.8  missing
    real-resample   0.0                         0.0    1
    shuffled        2.0                         2.0    0
"""

from __future__ import annotations

from typing import Any

import pytest

from tabgenbench_leaderboard.board.aggregate import build_board
from tabgenbench_leaderboard.board.derive import derive_board
from tabgenbench_leaderboard.board.model import Board
from tabgenbench_leaderboard.board.summary import AcrossRow, Estimate

FakeRun = Any
TABLES = {
    "a": {
        "cvae": (0.2, 0.2, 0.3, 0.3, 0.5),
        "tvae": (0.5, 0.6, 0.7, 0.7, 1.0),
        "wgan": (0.6, 0.5, 0.8, 0.6, 1.0),
        "real-resample": (0.1,) * 5,
        "shuffled": (1.1,) * 5,
    },
    "b": {
        "cvae": (0.9, 1.0, 1.0, 1.0, 1.1),
        "tvae": (0.48, 0.5, 0.5, 0.5, 0.52),
        "wgan": (0.4,) * 4,
        "real-resample": (0.0,) * 5,
        "shuffled": (2.0,) * 5,
    },
}


@pytest.fixture
def board(run: FakeRun) -> Board:
    for dataset, rows in TABLES.items():
        for label, values in rows.items():
            for split, value in enumerate(values):
                run.cell(label, {"distance": {"distance": value}}, dataset=dataset, split=split)
    run.broken("wgan", "failed", "ValueError: no", dataset="b", split=4)
    return build_board(run.store, run.suite)


def ends(value: Estimate | None) -> tuple[float, float]:
    """Return the mean and half of the interval."""
    assert value is not None
    assert value.mean is not None
    assert value.ci_low is not None
    assert value.ci_high is not None
    return value.mean, (value.ci_high - value.ci_low) / 2


def test_values_and_intervals(board: Board) -> None:
    cvae = board.datasets[0].rows[0].scores[0]
    # Deviations from 0.3: -0.1 -0.1 0 0 0.2; sum of squares 0.06; variance 0.06 / 4 = 0.015; standard error
    # sqrt(0.015 / 5) = 0.0547723; t(0.975, 4) = 2.776445; half 0.152072.
    assert cvae.mean == pytest.approx(0.3)
    assert cvae.ci_high == pytest.approx(0.3 + 0.152072, abs=1e-6)


def test_scaled_values_and_questions(board: Board) -> None:
    first, second = board.datasets
    assert [column.unscaled for dataset in board.datasets for column in dataset.columns] == ["", ""]
    cvae = first.rows[0]
    assert cvae.scores[0].scaled is not None
    assert cvae.scores[0].scaled.by_split == pytest.approx({0: 0.9, 1: 0.9, 2: 0.8, 3: 0.8, 4: 0.6})
    # The distance is the only score of the question, and the span is 1, so both intervals have the same width.
    assert ends(cvae.questions[0]) == pytest.approx((0.8, 0.152072), abs=1e-6)
    assert [(column.question, column.titles) for column in first.questions] == [("fidelity", ("distance",))]
    means = [row.questions[0].mean for row in second.rows]
    assert means == pytest.approx([0.5, 0.75, 0.8, 1, 0])
    assert [row.questions[0].n for row in second.rows] == [5, 5, 4, 5, 5]


def test_tests_and_rank_intervals(board: Board) -> None:
    first, second = board.datasets
    found = {(one.model, one.against): one for one in first.comparisons}
    # cvae - tvae: -0.3 -0.4 -0.4 -0.4 -0.5, mean -0.4, sum of squares 0.02, variance 0.005, standard error
    # sqrt(0.005 / 5) = 0.0316228, t = -12.6491, t^2 = 160. With 4 degrees of freedom p = 1 - s (1 + c / 2), where
    # s = sqrt(t^2 / (4 + t^2)) = sqrt(160 / 164) = 0.9877296 and c = 4 / (4 + t^2) = 4 / 164 = 0.0243902:
    # p = 1 - 0.9877296 * 1.0121951 = 0.000225.
    assert found["cvae", "tvae"].p == pytest.approx(0.000225, abs=1e-6)
    # cvae - wgan: -0.4 -0.3 -0.5 -0.3 -0.5, mean -0.4, sum of squares 0.04, t^2 = 0.16 / (0.04 / 20) = 80,
    # p = 1 - sqrt(80 / 84) * (1 + 2 / 84) = 1 - 0.9759001 * 1.0238095 = 0.000864.
    assert found["cvae", "wgan"].p == pytest.approx(0.000864, abs=1e-6)
    # tvae - wgan: -0.1 0.1 -0.1 0.1 0: mean 0, t = 0, p = 1. Holm: 3 * 0.000225, 2 * 0.000864, 1 * 1.
    assert found["tvae", "wgan"].p == pytest.approx(1)
    adjusted = [found[pair].p_adjusted for pair in (("cvae", "tvae"), ("cvae", "wgan"), ("tvae", "wgan"))]
    assert adjusted == pytest.approx([0.000674, 0.001728, 1], abs=2e-6)
    # cvae is better than two of three models. The other two are worse than one, and not told apart.
    assert [row.scores[0].rank for row in first.rows] == [(1, 1), (2, 3), (2, 3), None, None]
    assert [row.questions[0].rank for row in first.rows] == [(1, 1), (2, 3), (2, 3), None, None]
    assert [row.scores[0].best for row in first.rows] == [True, False, False, False, False]
    # Table b, tvae - wgan: 0.08 0.1 0.1 0.1, mean 0.095, sum of squares 0.0003, t^2 = 0.009025 / (0.0003 / 12) = 361.
    # With 3 degrees of freedom and a = atan(t / sqrt(3)), p = 1 - 2 / pi * (a + sin a cos a): sin a = sqrt(361 / 364),
    # cos a = sqrt(3 / 364), a = 1.4798870, p = 1 - 2 / pi * (1.4798870 + 0.0904092) = 0.000318.
    p = {(one.model, one.against): one.p for one in second.comparisons}
    assert p["tvae", "wgan"] == pytest.approx(0.000318, abs=1e-6)
    # wgan is best, but four splits give it no rank.
    assert [row.scores[0].rank for row in second.rows] == [(3, 3), (2, 2), None, None, None]
    assert [row.scores[0].best for row in second.rows] == [False, False, True, False, False]


def rows_of(board: Board) -> dict[str, AcrossRow]:
    (measure,) = board.across
    assert (measure.title, measure.kind, measure.datasets) == ("fidelity", "question", ("a", "b"))
    return {row.label: row for row in measure.rows}


def test_datasets_together(board: Board) -> None:
    rows = rows_of(board)
    assert list(rows) == ["cvae", "tvae", "real-resample", "shuffled", "wgan"]
    assert [(row.datasets, row.complete) for row in rows.values()] == [(2, True)] * 4 + [(1, False)]
    # Without wgan: cvae is first on a and second on b, tvae the reverse. Ranks 1 and 2: standard error 0.5,
    # t(0.975, 1) = 12.7062, half 6.3531. Win rates 1 and 0: mean 0.5, standard error 0.5.
    for label in ("cvae", "tvae"):
        assert ends(rows[label].mean_rank) == pytest.approx((1.5, 6.3531), abs=1e-4)
        assert ends(rows[label].win_rate) == pytest.approx((0.5, 6.3531), abs=1e-4)
    # Scaled: cvae 0.8 and 0.5, standard error 0.15, half 12.7062 * 0.15 = 1.90593; tvae 0.4 and 0.75.
    assert ends(rows["cvae"].scaled) == pytest.approx((0.65, 1.90593), abs=1e-5)
    assert ends(rows["tvae"].scaled)[0] == pytest.approx(0.575)
    # wgan has table a alone, and no rank. Controls have none either.
    assert rows["wgan"].scaled is not None
    assert (rows["wgan"].scaled.mean, rows["wgan"].scaled.n) == (pytest.approx(0.4), 1)
    assert [rows[label].mean_rank for label in ("wgan", "shuffled", "real-resample")] == [None] * 3


def test_a_missing_result_counts_as_the_floor_if_the_board_says_so(board: Board) -> None:
    floored = derive_board(board, "floor")
    assert floored.missing == "floor"
    rows = rows_of(floored)
    assert list(rows) == ["cvae", "tvae", "wgan", "real-resample", "shuffled"]
    assert [(rows[name].datasets, rows[name].floored) for name in ("cvae", "tvae", "wgan")] == [(2, 0), (2, 0), (1, 1)]
    # Ranks on a: 1, and 2.5 for the two equal means; on b: 2, 1, and 3 for the missing result.
    assert [ends(rows[name].mean_rank)[0] for name in ("cvae", "tvae", "wgan")] == [1.5, 1.75, 2.75]
    # Win rates on a: 1, 0.25, 0.25 (one tie of two others); on b: 0.5, 1, 0.
    assert [ends(rows[name].win_rate)[0] for name in ("cvae", "tvae", "wgan")] == [0.75, 0.625, 0.125]
    # Scaled on b: 0.8 in four splits and 0 in the fifth, mean 0.64; with 0.4 on a: 0.52.
    assert ends(rows["wgan"].scaled)[0] == pytest.approx(0.52)
    assert derive_board(floored) == floored
    assert derive_board(floored, "apart") == board
