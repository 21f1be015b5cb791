"""Intervals over splits, paired tests, and Holm's correction.

Draws (synthetic tables) and seeds are averaged within a split before the 95 % t-interval over splits is computed. The
page ``docs/statistics.md`` gives the reasons for these methods, and the coverage of the intervals in simulations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

__all__ = [
    "CONFIDENCE",
    "DECIMALS",
    "ROUNDING",
    "Direction",
    "Interval",
    "Paired",
    "Verdict",
    "are_equal",
    "badness",
    "compare_paired",
    "compared_quantity",
    "difference",
    "holm",
    "mean",
    "mean_and_error",
    "t_interval",
    "t_tails",
    "worse_by",
]

CONFIDENCE = 0.95
# Quantiles of Student's t for `CONFIDENCE` and 1 to 30 degrees of freedom, computed with scipy.special.stdtrit.
# scipy is imported only for more than 30 degrees, because the import takes longer than computing a usual board.
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
ROUNDING = 1e-9
"""Relative differences up to this value count as 0: the order of summation changes the last digits of a sum."""

DECIMALS = 12
"""Decimals of p-values, which are rounded because libraries of mathematical functions differ in the last digits."""

Direction = Literal["higher", "lower", "one"]
Verdict = Literal["better", "worse", "not distinguishable", "too few splits"]


@dataclass(frozen=True)
class Interval:
    """Mean of ``n`` values and the ends of its 95 % interval, which are None for fewer than two values."""

    mean: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class Paired:
    """Comparison of two generators by their differences on the splits in which both have a value (common splits).

    Attributes:
        interval: mean difference with its 95 % interval, which is not adjusted for the number of comparisons.
        p: two-sided p-value of the paired t-test; None for fewer than two common splits.
        p_adjusted: the p-value after Holm's correction over all pairs of one call of `compare_paired`.
        verdict: ``better`` or ``worse`` for the first generator if the adjusted p-value is below 0.05, ``too few
            splits`` without a test, otherwise ``not distinguishable``.
    """

    interval: Interval
    p: float | None
    p_adjusted: float | None
    verdict: Verdict


def mean(values: Sequence[float]) -> float:
    """Return the mean of values; the sum is exact, so the order of the values does not change the result.

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
    """Return the mean of values with its two-sided 95 % interval from Student's t distribution.

    >>> interval = t_interval([1.0, 2.0, 3.0])
    >>> interval.mean, round(interval.low, 4), round(interval.high, 4), interval.n
    (2.0, -0.4841, 4.4841, 3)
    """
    n = len(values)
    if n < 2:
        return Interval(values[0] if n else None, None, None, n)
    centre, error = mean_and_error(values)
    half = _t_quantile(n - 1) * error
    return Interval(centre, centre - half, centre + half, n)


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean of at least two values, and the standard error of the mean."""
    n, centre = len(values), mean(values)
    variance = math.fsum((value - centre) ** 2 for value in values) / (n - 1)
    return centre, math.sqrt(variance / n)


def are_equal(centre: float, error: float) -> bool:
    """Return whether values with this mean and this standard error of the mean are equal up to rounding."""
    return error <= ROUNDING * abs(centre)


def t_tails(t: float, degrees: int) -> float:
    """Return the two-sided p-value of a t statistic: the probability of a value at least as far from 0 as ``t``.

    The probability is computed by finite sums for whole degrees of freedom (Abramowitz & Stegun 1964, 26.7.3 and
    26.7.4), with an absolute error of about 1e-15.

    >>> round(t_tails(2.7764451051977934, 4), 12)
    0.05
    """
    root = math.sqrt(degrees + t * t)
    sine, cosine = abs(t) / root, math.sqrt(degrees) / root
    odd = degrees % 2
    term = total = cosine if odd else 1.0
    for i in range(2 + odd, degrees, 2):
        term *= cosine * cosine * (i - 1) / i
        total += term
    if degrees == 1:
        total = 0.0
    inside = 2 / math.pi * (math.atan2(sine, cosine) + sine * total) if odd else sine * total
    return min(1.0, max(0.0, 1.0 - inside))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values adjusted by Holm's step-down procedure, which controls the family-wise error rate.

    Source: S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6,
    1979.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for place, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[i]))
        adjusted[i] = largest
    return adjusted


def difference(first: float, second: float) -> float:
    """Return ``first - second``, or 0 if the two values differ only by rounding."""
    return 0.0 if abs(first - second) <= ROUNDING * max(abs(first), abs(second)) else first - second


def compared_quantity(value: float, direction: Direction) -> float:
    """Return the quantity that tests compare: the score's value, or its distance from 1 if 1 is the best value."""
    return abs(value - 1) if direction == "one" else value


def badness(value: float, direction: Direction) -> float:
    """Return the value if lower is better, the negative value if higher is better, or else its distance from 1."""
    return -value if direction == "higher" else compared_quantity(value, direction)


def compare_paired(
    pairs: Sequence[tuple[Mapping[int, float], Mapping[int, float]]], direction: Direction
) -> list[Paired]:
    """Compare pairs of generators by paired t-tests on common splits, with Holm's correction over all pairs.

    The splits of a table are not independent, because they share rows. The tests are valid for the mean over all
    possible splits of one table. If a test result is read as a statement on other tables of the same kind, such as
    tables of other laboratories, false positives are too frequent.

    Args:
        pairs: values by split of the first and of the second generator of each pair.
        direction: whether higher, lower or nearest to 1 is better.

    Returns:
        One comparison per pair. A pair with fewer than two common splits is not tested, and Holm's correction does not
        count this pair. The t statistic is undefined if all differences of a pair are equal. The p-value is then 1 for
        differences of 0. For other differences, it is that of the exact sign test, 2 to the power of 1 - n, where n is
        the number of common splits.
    """
    tested = [_test(_differences(*pair, direction)) for pair in pairs]
    adjusted = iter(holm([p for _, p in tested if p is not None]))
    found = []
    for interval, p in tested:
        if p is None or interval.mean is None:
            found.append(Paired(interval, None, None, "too few splits"))
            continue
        p_adjusted = round(next(adjusted), DECIMALS)
        verdict: Verdict = "not distinguishable"
        if p_adjusted < 1 - CONFIDENCE:
            verdict = "better" if (interval.mean > 0) == (direction == "higher") else "worse"
        found.append(Paired(interval, p, p_adjusted, verdict))
    return found


def worse_by(first: Mapping[int, float], second: Mapping[int, float], direction: Direction) -> tuple[float, float]:
    """Test whether the first generator is worse than the second, by a one-sided paired t-test on common splits.

    Args:
        first: values by split of the first generator.
        second: values by split of the second generator; at least two splits are common.
        direction: whether higher, lower or nearest to 1 is better.

    Returns:
        The mean difference, which is positive if the first generator is worse, and the one-sided p-value: half of the
        two-sided p-value of `compare_paired` for a positive difference, otherwise 1 minus this half.

    >>> worse_by({0: 0.5, 1: 0.7, 2: 0.6}, {0: 0.1, 1: 0.2, 2: 0.3}, "lower")[1] < 0.05
    True
    """
    differences = _differences(first, second, direction)
    if direction == "higher":
        differences = [0.0 - value for value in differences]
    interval, p = _test(differences)
    centre = interval.mean or 0.0
    two_sided = 1.0 if p is None else p
    return centre, round(two_sided / 2 if centre > 0 else 1 - two_sided / 2, DECIMALS)


def _differences(first: Mapping[int, float], second: Mapping[int, float], direction: Direction) -> list[float]:
    pairs = ((first[split], second[split]) for split in sorted(first.keys() & second.keys()))
    if direction == "one":
        pairs = ((compared_quantity(a, direction), compared_quantity(b, direction)) for a, b in pairs)
    return [difference(a, b) for a, b in pairs]


def _test(differences: Sequence[float]) -> tuple[Interval, float | None]:
    interval, n = t_interval(differences), len(differences)
    if n < 2:
        return interval, None
    centre, error = mean_and_error(differences)
    if are_equal(centre, error):  # few splits can have equal differences by chance: exact test of the signs
        return interval, 2.0 ** (1 - n) if centre else 1.0
    return interval, round(t_tails(centre / error, n - 1), DECIMALS)
