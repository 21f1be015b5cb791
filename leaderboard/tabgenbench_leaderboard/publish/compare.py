"""Comparison of the scores of two boards, with tests that find the scores that differ by more than noise."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tabgenbench_leaderboard.board.intervals import CONFIDENCE, ROUNDING, compared_quantity, mean
from tabgenbench_leaderboard.board.model import DatasetBoard, ScoreColumn, ScoreValue
from tabgenbench_leaderboard.publish.sides import Side

__all__ = ["ScoreChange", "score_changes"]

How = Literal["paired", "welch", ""]
Verdict = Literal["equal", "within noise", "better", "worse", "too few splits"]


@dataclass(frozen=True)
class ScoreChange:
    """A score of a generator on two boards; a difference is the second board's value minus the first board's value.

    Attributes:
        title: title of the score.
        higher_is_better: whether a positive difference is better; False also for a score that is best at 1.
        first: mean on the first board.
        second: mean on the second board.
        difference: mean over the compared splits of the second board minus the mean of the first board; for a score
            that is best at 1, the means are those of the distances from 1.
        low: lower end of the 95 % interval of the difference; None for too few splits.
        high: upper end of the same interval.
        how: the test: ``paired`` over splits with equal rows on both boards, or ``welch`` over the splits of each
            board.
        n: number of pairs of splits for ``paired``; for ``welch``, the number of values on both boards together.
        p: p-value of the difference; None for too few splits.
        p_holm: the p-value after Holm's correction over all compared scores of the two boards.
        verdict: ``better`` or ``worse`` if the score on the second board is better or worse than on the first board and
            the corrected p-value is below 0.05.
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
    """Compare every score that a generator has on both boards, on datasets of the same name."""
    found: list[ScoreChange] = []
    others = {dataset.dataset: dataset for dataset in second.board.datasets}
    for dataset in first.board.datasets:
        other = others.get(dataset.dataset)
        if other is not None:
            found += _of_dataset(dataset, other, _common_splits(dataset.dataset, first, second))
    return _corrected(found)


def _common_splits(dataset: str, first: Side, second: Side) -> set[int]:
    """Return the splits that have the same rows on both boards; empty if a board has no records."""
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
    values = [
        {split: compared_quantity(value, direction) for split, value in score.by_split.items()}
        for score in (first, second)
    ]
    pairs = sorted(common & values[0].keys() & values[1].keys())
    how: How = "paired" if len(pairs) > 1 else "welch"
    if how == "paired":
        differences = [_difference(values[0][split], values[1][split]) for split in pairs]
        test = _t_test(differences)
        n = len(pairs)
    else:
        test = _welch(list(values[0].values()), list(values[1].values()))
        n = len(values[0]) + len(values[1])
    verdict: Verdict = "too few splits"
    if test.p is not None:
        verdict = "equal" if test.difference == 0 and test.low == test.high else "within noise"
    return ScoreChange(
        dataset=place[0],
        label=place[1],
        title=column.title,
        higher_is_better=direction == "higher",
        first=mean(list(first.by_split.values())),
        second=mean(list(second.by_split.values())),
        difference=test.difference,
        low=test.low,
        high=test.high,
        how=how if test.p is not None else "",
        n=n,
        p=test.p,
        p_holm=None,
        verdict=verdict,
    )


@dataclass(frozen=True)
class _Test:
    difference: float
    low: float | None = None
    high: float | None = None
    p: float | None = None


def _difference(first: float, second: float) -> float:
    return 0.0 if abs(first - second) <= ROUNDING * max(abs(first), abs(second)) else second - first


def _t_test(differences: Sequence[float]) -> _Test:
    n, centre = len(differences), mean(differences)
    variance = math.fsum((value - centre) ** 2 for value in differences) / (n - 1)
    return _student(centre, math.sqrt(variance / n), n - 1)


def _welch(first: Sequence[float], second: Sequence[float]) -> _Test:
    """Return the difference of two means with the interval of Welch's test (Biometrika 34, 1947)."""
    centre = _difference(mean(first), mean(second))
    if min(len(first), len(second)) < 2:
        return _Test(centre)
    parts = []
    for values in (first, second):
        middle = mean(values)
        parts.append(math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1) / len(values))
    total = sum(parts)
    if total == 0:
        return _student(centre, 0.0, 1)
    degrees = total**2 / sum(part**2 / (len(values) - 1) for part, values in zip(parts, (first, second), strict=True))
    return _student(centre, math.sqrt(total), degrees)


def _student(centre: float, error: float, degrees: float) -> _Test:
    from scipy.special import stdtr, stdtrit

    if error == 0:
        return _Test(centre, centre, centre, 1.0 if centre == 0 else 0.0)
    half = float(stdtrit(degrees, 0.5 + CONFIDENCE / 2)) * error
    return _Test(centre, centre - half, centre + half, float(2 * stdtr(degrees, -abs(centre) / error)))


def _corrected(found: Sequence[ScoreChange]) -> list[ScoreChange]:
    """Add verdicts and Holm-corrected p-values (Scandinavian Journal of Statistics 6, 1979) to score changes."""
    tested = sorted((i for i, one in enumerate(found) if one.p is not None), key=lambda i: (found[i].p or 0.0, i))
    corrected: dict[int, float] = {}
    largest = 0.0
    for rank, i in enumerate(tested):
        largest = max(largest, min(1.0, (len(tested) - rank) * (found[i].p or 0.0)))
        corrected[i] = largest
    return [_judged(one, corrected.get(i)) for i, one in enumerate(found)]


def _judged(change: ScoreChange, p: float | None) -> ScoreChange:
    verdict = change.verdict
    if p is not None and p < 1 - CONFIDENCE and change.difference:
        verdict = "better" if (change.difference > 0) == change.higher_is_better else "worse"
    return replace(change, p_holm=p, verdict=verdict)
