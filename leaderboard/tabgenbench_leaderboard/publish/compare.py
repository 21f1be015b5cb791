"""Comparison of the scores of two boards, with tests for differences that are larger than noise."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tabgenbench_leaderboard.board.intervals import (
    CONFIDENCE,
    Interval,
    are_equal,
    compare_paired,
    compared_quantity,
    difference,
    holm,
    mean,
    mean_and_error,
)
from tabgenbench_leaderboard.board.model import DatasetBoard, ScoreColumn, ScoreValue
from tabgenbench_leaderboard.publish.sides import Side

__all__ = ["ScoreChange", "score_changes"]

How = Literal["paired", "welch", ""]
Verdict = Literal["equal", "within noise", "better", "worse", "too few splits"]


@dataclass(frozen=True)
class ScoreChange:
    """Comparison of a score of one generator on two boards.

    Attributes:
        title: title of the score.
        higher_is_better: whether a positive difference is better; False for a score that is best at 1.
        first: mean over splits on the first board.
        second: mean over splits on the second board.
        difference: second mean minus first mean over the splits that the test uses, as a difference of distances from 1
            for a score that is best at 1.
        low: lower end of the 95 % interval of the difference; None for too few splits.
        high: upper end of the same interval.
        how: the test: ``paired`` is a paired t-test over the splits that have the same rows on both boards. With fewer
            than two such splits, ``welch`` is Welch's test over all splits. An empty text means too few splits.
        n: number of pairs of splits for ``paired``; number of values on both boards together for ``welch``.
        p: p-value of the test; None for too few splits.
        p_holm: the p-value after Holm's correction over all compared scores of the two boards.
        verdict: ``better`` or ``worse`` if the second board differs significantly (``p_holm`` below 0.05), ``equal`` if
            all compared values are equal, ``too few splits`` without a test, otherwise ``within noise``.
    """

    dataset: str
    label: str
    title: str
    higher_is_better: bool
    first: float
    second: float
    difference: float
    low: float | None
    high: float | None
    how: How
    n: int
    p: float | None
    p_holm: float | None
    verdict: Verdict


def score_changes(first: Side, second: Side) -> list[ScoreChange]:
    """Return a comparison of each score that both boards have for the same dataset name and generator label."""
    found: list[ScoreChange] = []
    others = {dataset.dataset: dataset for dataset in second.board.datasets}
    for dataset in first.board.datasets:
        other = others.get(dataset.dataset)
        if other is not None:
            found += _of_dataset(dataset, other, _common_splits(dataset.dataset, first, second))
    return _corrected(found)


def _common_splits(dataset: str, first: Side, second: Side) -> set[int]:
    places = {place for place in first.splits if place[0] == dataset}
    return {place[1] for place in places if first.splits[place] == second.splits.get(place)}


def _of_dataset(dataset: DatasetBoard, other: DatasetBoard, common: set[int]) -> Iterator[ScoreChange]:
    columns = {column.title: i for i, column in enumerate(other.columns)}
    rows = {row.label: row for row in other.rows}
    for row in dataset.rows:
        for column, value in zip(dataset.columns, row.scores, strict=True):
            if row.label in rows and column.title in columns:
                twin = rows[row.label].scores[columns[column.title]]
                if value.by_split and twin.by_split:
                    place = (dataset.dataset, row.label)
                    yield _compare(place, column, first=value, second=twin, common=common)


def _compare(
    place: tuple[str, str], column: ScoreColumn, *, first: ScoreValue, second: ScoreValue, common: set[int]
) -> ScoreChange:
    direction = column.spec.direction
    ours, theirs = (
        {split: value for split, value in score.by_split.items() if split in common} for score in (first, second)
    )
    [paired] = compare_paired([(theirs, ours)], direction)
    how: How = "paired"
    interval, p = paired.interval, paired.p
    if p is None:
        how = "welch"
        values = (
            [compared_quantity(value, direction) for value in score.by_split.values()] for score in (second, first)
        )
        interval, p = _welch(*values)
    verdict: Verdict = "too few splits"
    if p is not None:
        verdict = "equal" if interval.low == interval.high == 0 else "within noise"
    return ScoreChange(
        dataset=place[0],
        label=place[1],
        title=column.title,
        higher_is_better=direction == "higher",
        first=mean(list(first.by_split.values())),
        second=mean(list(second.by_split.values())),
        difference=interval.mean or 0.0,
        low=interval.low,
        high=interval.high,
        how=how if p is not None else "",
        n=interval.n,
        p=p,
        p_holm=None,
        verdict=verdict,
    )


def _welch(values: Sequence[float], others: Sequence[float]) -> tuple[Interval, float | None]:
    """Return the difference of two means, its 95 % interval, and the p-value of Welch's test (Biometrika 34, 1947).

    If the values of each side are equal, the t statistic is undefined, and p is that of the exact permutation test.
    """
    from scipy.special import stdtr, stdtrit

    n, centre = len(values) + len(others), difference(mean(values), mean(others))
    if min(len(values), len(others)) < 2:
        return Interval(centre, None, None, n), None
    squares = [(mean_and_error(side)[1] ** 2, len(side) - 1) for side in (values, others)]
    error = math.sqrt(sum(square for square, _ in squares))
    if are_equal(centre, error):
        p = min(1.0, 2 / math.comb(n, len(values))) if centre else 1.0
        return Interval(centre, centre, centre, n), p
    degrees = error**4 / sum(square**2 / free for square, free in squares)
    half = float(stdtrit(degrees, 0.5 + CONFIDENCE / 2)) * error
    return Interval(centre, centre - half, centre + half, n), float(2 * stdtr(degrees, -abs(centre) / error))


def _corrected(found: Sequence[ScoreChange]) -> list[ScoreChange]:
    corrected = iter(holm([one.p for one in found if one.p is not None]))
    return [one if one.p is None else _judged(one, next(corrected)) for one in found]


def _judged(change: ScoreChange, p: float) -> ScoreChange:
    verdict = change.verdict
    if p < 1 - CONFIDENCE:
        verdict = "better" if (change.difference > 0) == change.higher_is_better else "worse"
    return replace(change, p_holm=p, verdict=verdict)
