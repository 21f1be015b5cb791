"""Intervals over splits, and paired differences.

Draws and seeds are averaged within a split before the 95 % t-interval over splits is computed. For the scores of this
project, the coverage of that interval is 94-97 %. If all draws were treated as independent values, it would be 67-83 %.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from tabgenbench_leaderboard.board.model import Verdict

__all__ = ["CONFIDENCE", "Interval", "Paired", "compare_paired", "compared_quantity", "mean", "t_interval"]

CONFIDENCE = 0.95
# Quantiles of Student's t for this confidence and 1 to 30 degrees of freedom, computed with scipy.special.stdtrit.
# scipy is imported only for more degrees, because its import takes longer than the usual board.
# fmt: off
_T_QUANTILES = (
    12.706204736174694, 4.302652729749462, 3.1824463052837078, 2.7764451051977934, 2.5705818356363146,
    2.4469118511449786, 2.364624251592784, 2.306004135204166, 2.262157162798205, 2.228138851986274,
    2.200985160091639, 2.1788128296672284, 2.1603686564627913, 2.144786687917804, 2.131449545559776,
    2.1199052992212546, 2.1098155778333156, 2.1009220402410382, 2.0930240544083087, 2.085963447265864,
    2.0796138447276795, 2.0738730679040254, 2.0686576104190486, 2.0638985616280245, 2.0595385527532972,
    2.0555294386428735, 2.0518305164802846, 2.0484071417952454, 2.045229642132703, 2.0422724563012378,
)
# fmt: on
# Relative difference between two sums of the same numbers in different order; smaller differences count as 0.
ROUNDING = 1e-9

Direction = Literal["higher", "lower", "one"]


@dataclass(frozen=True)
class Interval:
    """A mean over ``n`` values with its two-sided interval; the ends need two values, the mean needs one."""

    mean: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class Paired:
    """Interval of the differences over common splits, and the verdict on the first row."""

    interval: Interval
    verdict: Verdict


def mean(values: Sequence[float]) -> float:
    """Return the mean, exactly rounded, so that the order of the values does not matter.

    >>> mean([0.1] * 10)
    0.1
    """
    return math.fsum(values) / len(values)


@lru_cache
def _t_quantile(degrees: int) -> float:
    if degrees <= len(_T_QUANTILES):
        return _T_QUANTILES[degrees - 1]
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.5 + CONFIDENCE / 2))


def t_interval(values: Sequence[float]) -> Interval:
    """Return mean and two-sided 95 % interval of Student's t.

    >>> interval = t_interval([1.0, 2.0, 3.0])
    >>> interval.mean, round(interval.low, 4), round(interval.high, 4), interval.n
    (2.0, -0.4841, 4.4841, 3)
    """
    n = len(values)
    if n == 0:
        return Interval(None, None, None, 0)
    centre = mean(values)
    if n == 1:
        return Interval(centre, None, None, 1)
    variance = math.fsum((value - centre) ** 2 for value in values) / (n - 1)
    half = _t_quantile(n - 1) * math.sqrt(variance / n)
    return Interval(centre, centre - half, centre + half, n)


def compared_quantity(value: float, direction: Direction) -> float:
    """Return the quantity that is compared: the value, or its distance from 1 for a score that is best at 1."""
    return abs(value - 1) if direction == "one" else value


def compare_paired(first: Mapping[int, float], second: Mapping[int, float], direction: Direction) -> Paired:
    """Compare two rows by their differences on common splits.

    Args:
        first: value by split of the judged row.
        second: value by split of the other row.
        direction: whether higher, lower or nearest to 1 is better.

    Returns:
        ``better`` or ``worse`` if the 95 % t-interval of the differences excludes 0. Splits of a table overlap, so
        the interval is too narrow: more than one in twenty comparisons of equal rows is called different.
    """
    common = sorted(first.keys() & second.keys())
    pairs = ((first[split], second[split]) for split in common)
    if direction == "one":
        pairs = ((compared_quantity(a, direction), compared_quantity(b, direction)) for a, b in pairs)
    differences = [0.0 if abs(a - b) <= ROUNDING * max(abs(a), abs(b)) else a - b for a, b in pairs]
    interval = t_interval(differences)
    if interval.low is None or interval.high is None:
        return Paired(interval, "too few splits")
    if interval.low <= 0 <= interval.high:
        return Paired(interval, "not distinguishable")
    return Paired(interval, "better" if (interval.low > 0) == (direction == "higher") else "worse")
