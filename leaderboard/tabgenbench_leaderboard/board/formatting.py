"""Formatting of scores, ranges and results of tests as text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from tabgenbench.formatting import number_text
from tabgenbench_leaderboard.board.model import Comparison, DatasetBoard, ScoreColumn, ScoreValue
from tabgenbench_leaderboard.board.summary import Estimate

__all__ = [
    "column_decimals",
    "difference_text",
    "direction_text",
    "estimate_text",
    "features_text",
    "half_width",
    "range_text",
    "rank_text",
    "score_text",
    "shown_columns",
]

_MOST_DECIMALS = 6
_ARROWS = {"higher": "↑ higher is better", "lower": "↓ lower is better", "one": "best at 1"}
_SHORT_ARROWS = {"higher": "↑", "lower": "↓", "one": "best at 1"}


def direction_text(column: ScoreColumn, *, short: bool = False) -> str:
    """Return a phrase that says which values of a score are better.

    >>> from tabgenbench.records import ScoreSpec
    >>> direction_text(ScoreColumn(metric="gamma", title="gamma", spec=ScoreSpec(name="gamma", direction="higher")))
    '↑ higher is better'
    """
    return (_SHORT_ARROWS if short else _ARROWS)[column.spec.direction]


def range_text(ends: tuple[int, int] | None) -> str:
    """Format a range as its smallest and largest value, or as one number if the values are equal."""
    if ends is None:
        return "?"
    return f"{ends[0]:,}" if ends[0] == ends[1] else f"{ends[0]:,} to {ends[1]:,}"


def features_text(dataset: DatasetBoard) -> str:
    """Format the numbers of numeric and of categorical features of a dataset."""
    numeric, categorical = dataset.n_features, dataset.n_categorical
    if categorical is None:
        return f"{range_text(numeric)} {'feature' if numeric == (1, 1) else 'features'}"
    words = "categorical feature" if categorical == (1, 1) and numeric == (0, 0) else "categorical features"
    return ("" if numeric == (0, 0) else f"{range_text(numeric)} numeric and ") + f"{range_text(categorical)} {words}"


def column_decimals(values: Sequence[ScoreValue]) -> int:
    """Return the number of decimals with which a column's values are shown, at most 6.

    There are enough decimals to show the largest value with at least three significant digits. One decimal is added if
    the median of the half widths of the intervals is smaller than one unit of the last decimal.
    """
    largest = max((abs(value.mean) for value in values if value.mean is not None), default=0.0)
    decimals = 3
    if largest >= 10:
        decimals = max(0, 4 - len(str(int(largest))))
    elif 0 < largest < 0.1:
        decimals = min(_MOST_DECIMALS, 2 - math.floor(math.log10(largest)))
    halves = [half for value in values if (half := half_width(value))]
    if halves:
        first_digit = -math.floor(math.log10(median(halves)))
        decimals = min(max(decimals, first_digit), decimals + 1, _MOST_DECIMALS)
    return decimals


def score_text(value: ScoreValue, decimals: int) -> str:
    """Format a score as its mean ± half the width of its interval, or as the reason why it has no mean.

    If some splits have no value, the text states the number of splits with a value.
    """
    if value.state != "value" or value.mean is None:
        return "-" if value.state == "not asked" else value.state
    return estimate_text(value, decimals, expected=value.splits)


def difference_text(comparison: Comparison) -> str:
    """Format a comparison as its verdict (such as better), its difference and half the width of the interval."""
    if comparison.difference is None:
        return comparison.verdict
    half = half_width(comparison)
    size = max(abs(comparison.difference), half or 0.0)
    decimals = 3 if size >= 0.01 or size == 0 else min(_MOST_DECIMALS, 1 - math.floor(math.log10(size)))
    sign = "+" if comparison.difference > 0 else ""
    text = f"{sign}{number_text(comparison.difference, decimals)}"
    return f"{comparison.verdict} ({text}{f' ± {number_text(half, decimals)}' if half is not None else ''})"


def estimate_text(value: Estimate | ScoreValue | None, decimals: int, expected: int = 0) -> str:
    """Format a mean ± half the width of its interval; append the number of values n if n is not ``expected``.

    >>> estimate_text(Estimate(mean=0.5, ci_low=0.25, ci_high=0.75, n=4), 2, expected=5)
    '0.50 ± 0.25 (n=4)'
    """
    if value is None or value.mean is None:
        return "-"
    half = half_width(value)
    text = number_text(value.mean, decimals) + (f" ± {number_text(half, decimals)}" if half is not None else "")
    return f"{text} (n={value.n})" if expected and value.n != expected else text


def rank_text(rank: tuple[int, int] | None, models: int) -> str:
    """Format a rank interval with the number of ranked models.

    >>> rank_text((1, 2), 5), rank_text((3, 3), 5), rank_text(None, 5)
    ('1-2 of 5', '3 of 5', '-')
    """
    if rank is None:
        return "-"
    return f"{rank[0]} of {models}" if rank[0] == rank[1] else f"{rank[0]}-{rank[1]} of {models}"


def half_width(value: ScoreValue | Estimate | Comparison) -> float | None:
    """Return half the width of the value's 95 % interval; None if the value has no interval."""
    if value.ci_low is None or value.ci_high is None:
        return None
    return (value.ci_high - value.ci_low) / 2


def shown_columns(dataset: DatasetBoard) -> list[int]:
    """Return the indices of the score columns in which a generator has a value or the state ``undefined``."""
    return [
        i
        for i in range(len(dataset.columns))
        if any(row.scores[i].state in ("value", "undefined") for row in dataset.rows)
    ]
