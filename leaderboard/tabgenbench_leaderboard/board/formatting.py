"""Numbers as a reader sees them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from tabgenbench_leaderboard.board.model import Comparison, DatasetBoard, ScoreColumn, ScoreValue

__all__ = [
    "column_decimals",
    "count_text",
    "difference_text",
    "direction_text",
    "memory_text",
    "number_text",
    "range_text",
    "score_text",
    "seconds_text",
    "shown_columns",
]

_MOST_DECIMALS = 6
_ARROWS = {"higher": "↑ higher is better", "lower": "↓ lower is better", "one": "best at 1"}
_SHORT_ARROWS = {"higher": "↑", "lower": "↓", "one": "best at 1"}


def direction_text(column: ScoreColumn, *, short: bool = False) -> str:
    """Say which values of a score are better.

    >>> from tabgenbench.records import ScoreSpec
    >>> direction_text(ScoreColumn(metric="gamma", title="gamma", spec=ScoreSpec(name="gamma", direction="higher")))
    '↑ higher is better'
    """
    return (_SHORT_ARROWS if short else _ARROWS)[column.spec.direction]


def seconds_text(seconds: float) -> str:
    """Format a time.

    >>> [seconds_text(s) for s in (0.004, 0.61, 12.4, 310.2, 1500, 9000)]
    ['<0.01 s', '0.61 s', '12 s', '310 s', '25 min', '2.5 h']
    """
    if seconds < 0.01:
        return "<0.01 s"
    if seconds < 9.95:
        return f"{seconds:.2f} s" if seconds < 0.995 else f"{seconds:.1f} s"
    if seconds < 999.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def memory_text(size: int | None) -> str:
    """Format a number of bytes.

    >>> [memory_text(size) for size in (300 * 2**20, 2**32, 5, None)]
    ['300 MiB', '4.0 GiB', '<1 MiB', '-']
    """
    if size is None:
        return "-"
    if size < 2**20:
        return "<1 MiB"
    return f"{size / 2**20:.0f} MiB" if size < 2**30 else f"{size / 2**30:.1f} GiB"


def count_text(n: int, noun: str) -> str:
    """Format a count with its noun.

    >>> count_text(1, "split"), count_text(1200, "row")
    ('1 split', '1,200 rows')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def range_text(ends: tuple[int, int] | None) -> str:
    """Format smallest and largest: one number where they are equal."""
    if ends is None:
        return "?"
    return f"{ends[0]:,}" if ends[0] == ends[1] else f"{ends[0]:,} to {ends[1]:,}"


def column_decimals(values: Sequence[ScoreValue]) -> int:
    """Return the decimals of a column: three digits of its largest value, one more for narrow intervals."""
    largest = max((abs(value.mean) for value in values if value.mean is not None), default=0.0)
    decimals = 3
    if largest >= 10:
        decimals = max(0, 4 - len(str(int(largest))))
    elif 0 < largest < 0.1:
        decimals = min(_MOST_DECIMALS, 2 - math.floor(math.log10(largest)))
    halves = [half for value in values if (half := _half_width(value))]
    if halves:
        first_digit = -math.floor(math.log10(median(halves)))
        decimals = min(max(decimals, first_digit), decimals + 1, _MOST_DECIMALS)
    return decimals


def number_text(value: float, decimals: int) -> str:
    """Format a number with so many decimals, without a negative zero; very large ones as powers of ten.

    >>> number_text(-0.00001, 3), number_text(123456789.0, 0)
    ('0.000', '1.23e+08')
    """
    if abs(value) >= 1e6:
        return f"{value:.2e}"
    text = f"{value:,.{decimals}f}"
    return text.lstrip("-") if float(text.replace(",", "")) == 0 else text


def score_text(value: ScoreValue, decimals: int) -> str:
    """Format a score: mean ± half the interval, with ``n`` where splits are missing, or the reason's name."""
    if value.state != "value" or value.mean is None:
        return "-" if value.state == "not asked" else value.state
    text = number_text(value.mean, decimals)
    half = _half_width(value)
    if half is not None:
        text += f" ± {number_text(half, decimals)}"
    return text if value.n == value.splits else f"{text} (n={value.n})"


def difference_text(comparison: Comparison) -> str:
    """Format a verdict with the difference it rests on."""
    if comparison.difference is None:
        return comparison.verdict
    half = None
    if comparison.ci_low is not None and comparison.ci_high is not None:
        half = (comparison.ci_high - comparison.ci_low) / 2
    size = max(abs(comparison.difference), half or 0.0)
    decimals = 3 if size >= 0.01 or size == 0 else min(_MOST_DECIMALS, 1 - math.floor(math.log10(size)))
    sign = "+" if comparison.difference > 0 else ""
    text = f"{sign}{number_text(comparison.difference, decimals)}"
    return f"{comparison.verdict} ({text}{f' ± {number_text(half, decimals)}' if half is not None else ''})"


def _half_width(value: ScoreValue) -> float | None:
    if value.ci_low is None or value.ci_high is None:
        return None
    return (value.ci_high - value.ci_low) / 2


def shown_columns(dataset: DatasetBoard) -> list[int]:
    """Return the columns with something to show; why the others are empty is among the problems."""
    return [
        i
        for i in range(len(dataset.columns))
        if any(row.scores[i].state in ("value", "undefined") for row in dataset.rows)
    ]
