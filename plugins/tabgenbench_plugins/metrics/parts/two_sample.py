"""Two-sample tests of all features of a table, and correction of the p-values for multiple testing.

Sources: Welch, Biometrika 34, 1947; Mann & Whitney, Annals of Mathematical Statistics 18, 1947; Benjamini & Hochberg,
JRSS B 57(1), 1995. The Mann-Whitney test uses the normal approximation, corrected for ties and continuity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tabgenbench_plugins.correlation import Floats
from tabgenbench_plugins.metrics.parts.present import mean_and_spread

__all__ = ["Moments", "Ranks", "benjamini_hochberg", "mann_whitney", "merged", "moments", "ranked", "welch"]

Bools = NDArray[np.bool_]
COLUMNS = 512  # columns that are ranked together, to limit memory


@dataclass(frozen=True, eq=False)
class Moments:
    """Moments of the non-missing values of each feature; each array has shape (n_features,).

    Attributes:
        count: number of values.
        mean: mean of the values, 0 without values.
        squares: sum of the squared deviations from the mean, exactly 0 for a constant feature.
    """

    count: Floats
    mean: Floats
    squares: Floats

    @property
    def variance(self) -> Floats:
        """Sample variance with n - 1 in the denominator; 0 for fewer than two values."""
        return np.where(self.count > 1, self.squares / np.maximum(self.count - 1, 1.0), 0.0)


def moments(values: NDArray[np.floating], present: Bools | None = None) -> Moments:
    """Return the moments of the values of each feature.

    Args:
        values: shape (n_rows, n_features), n_rows >= 1.
        present: mask of the entries that are not missing, same shape, or None if no entry is missing.
    """
    mean, spread = mean_and_spread(values, present)
    count = np.full(values.shape[1], float(len(values))) if present is None else present.sum(axis=0).astype(np.float64)
    return Moments(count, mean, spread**2 * count)


def merged(parts: Sequence[Moments]) -> Moments:
    """Return the moments of a table from the moments of its parts (Chan et al., American Statistician 37(3), 1983)."""
    whole = parts[0]
    for part in parts[1:]:
        count = whole.count + part.count
        share = part.count / np.maximum(count, 1.0)
        apart = part.mean - whole.mean
        whole = Moments(
            count,
            whole.mean + share * apart,
            whole.squares + part.squares + apart**2 * share * whole.count,
        )
    return whole


def welch(first: Moments, second: Moments) -> tuple[Floats, Floats]:
    """Return Welch's t and its two-sided p-value for each feature; both have shape (n_features,).

    A feature with fewer than two values in a group, or with equal values in all rows, has t = 0 and p = 1. A feature
    that is constant within each group, but differs between the groups, has an infinite t and p = 0.
    """
    from scipy.special import stdtr

    enough = (first.count > 1) & (second.count > 1)
    a, b = (np.where(enough, part.variance / np.maximum(part.count, 1.0), 0.0) for part in (first, second))
    difference = np.where(enough, first.mean - second.mean, 0.0)
    error = np.sqrt(a + b)
    flat = error == 0.0
    t = np.where(flat & (difference != 0.0), np.copysign(np.inf, difference), difference / np.where(flat, 1.0, error))
    # With a and b as shares of their sum, the squares of small variances do not underflow.
    total = np.where(flat, 1.0, a + b)
    shares = (a / total) ** 2 / np.maximum(first.count - 1, 1.0) + (b / total) ** 2 / np.maximum(second.count - 1, 1.0)
    freedom = 1.0 / np.where(flat, 1.0, shares)
    return t, np.where(flat, np.where(difference == 0.0, 1.0, 0.0), 2.0 * stdtr(freedom, -np.abs(t)))


@dataclass(frozen=True, eq=False)
class Ranks:
    """Rank of each non-missing value among all non-missing values of its feature.

    Attributes:
        values: ranks, starting at 1, and 0 for missing values, shape (n_rows, n_features). Equal values get their
            average rank.
        present: mask of the entries of ``values`` with a rank, same shape, or None if all entries have a rank.
        ties: sum of t^3 - t over all groups of t equal values, shape (n_features,).
    """

    values: Floats
    present: Bools | None
    ties: Floats


def ranked(values: NDArray[np.floating], present: Bools | None = None) -> Ranks:
    """Rank the values of each feature over rows; equal values get their average rank.

    Args:
        values: finite, shape (n_rows, n_features), n_rows >= 1.
        present: mask of the entries that are not missing, same shape, or None if no entry is missing.
    """
    ranks, ties = np.empty(values.shape), np.empty(values.shape[1])
    for start in range(0, values.shape[1], COLUMNS):
        part = slice(start, start + COLUMNS)
        mask = None if present is None else present[:, part]
        ranks[:, part], ties[part] = _ranked(values[:, part], mask)
    return Ranks(ranks, present, ties)


def _ranked(values: NDArray[np.floating], present: Bools | None) -> tuple[Floats, Floats]:
    x = values if present is None else np.where(present, values, np.inf)  # missing: last ranks, which are not used
    n, p = x.shape
    order = np.argsort(x, axis=0, kind="stable")
    ordered = np.take_along_axis(x, order, axis=0)
    starts = np.ones((n, p), dtype=bool)  # whether a value differs from the one before it
    starts[1:] = ordered[1:] != ordered[:-1]
    group = starts.T.ravel().cumsum() - 1  # numbers the groups of equal values, feature by feature
    size = np.bincount(group)
    first = np.flatnonzero(starts.T.ravel()) % n
    average = (first + (size + 1) / 2.0)[group].reshape(p, n).T
    ranks = np.empty((n, p))
    np.put_along_axis(ranks, order, average, axis=0)
    cubes = size.astype(np.float64) ** 3 - size
    of_feature = group.reshape(p, n)[:, 0]
    ties = np.add.reduceat(cubes, of_feature)
    if present is not None:
        ranks[~present] = 0.0
        gaps = n - present.sum(axis=0).astype(np.float64)
        ties -= gaps**3 - gaps
    return ranks, ties


def mann_whitney(ranks: Ranks, first: Bools) -> tuple[Floats, Floats]:
    """Return the rank-biserial correlation and the two-sided p-value of the Mann-Whitney test for each feature.

    The rank-biserial correlation, 2 U / (n_1 n_2) - 1, compares all pairs of a row of the first group and a row of the
    second group. It is the share of pairs in which the first row has the larger value, minus the share in which the
    first row has the smaller value. If a group has no value of a feature, the correlation is 0 and p = 1. ``first`` is
    the mask of the rows of the first group.
    """
    from scipy.special import ndtr

    n_all = _counted(ranks, np.ones(len(first), dtype=bool))
    n_first = _counted(ranks, first)
    pairs = n_first * (n_all - n_first)
    u = ranks.values[first].sum(axis=0) - n_first * (n_first + 1) / 2.0
    effect = np.where(pairs > 0, 2.0 * u / np.maximum(pairs, 1.0) - 1.0, 0.0)
    variance = pairs / 12.0 * (n_all + 1.0 - ranks.ties / np.maximum(n_all * (n_all - 1.0), 1.0))
    usable = variance > 1e-12 * np.maximum(pairs, 1.0)
    apart = np.abs(u - pairs / 2.0) - 0.5
    z = apart / np.sqrt(np.where(usable, variance, 1.0))
    return effect, np.where(usable, np.minimum(2.0 * ndtr(-z), 1.0), 1.0)


def _counted(ranks: Ranks, rows: Bools) -> Floats:
    if ranks.present is None:
        return np.full(ranks.values.shape[1], float(rows.sum()))
    return np.asarray(ranks.present[rows].sum(axis=0), dtype=np.float64)


def benjamini_hochberg(p: Floats) -> Floats:
    """Return p-values adjusted for the false discovery rate, in the given order, shape (n_tests,)."""
    n = len(p)
    order = np.argsort(-p, kind="stable")
    adjusted = np.minimum.accumulate(p[order] * n / np.arange(n, 0, -1))
    found = np.empty(n)
    found[order] = np.minimum(adjusted, 1.0)
    return found
