"""Comparison of effects of features, such as fold changes, and of lists of top features, in real and synthetic rows.

A list of features is an array of shape (n_features,) that contains the sign of the effect, 1 or -1, for the features in
the list, and 0 for all other features.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tabgenbench_plugins.correlation import Floats

__all__ = [
    "MIN_FEATURES",
    "Signs",
    "correlation",
    "jaccard",
    "list_length",
    "shared_part",
    "sign_agreement",
    "top_signs",
]

Signs: TypeAlias = NDArray[np.float64]
MIN_FEATURES = 3  # with two features, a correlation is 1 or -1
EQUAL = 1e-12  # a variance below this share of the mean square is rounding error


def correlation(real: Floats, synthetic: Floats) -> float:
    """Return the Pearson correlation over features of real and synthetic values, each of shape (n_features,).

    The correlation is 0 if all synthetic values are equal. It is NaN if all real values are equal, or for fewer than 3
    features.
    """
    if len(real) < MIN_FEATURES:
        return math.nan
    x, y = real - real.mean(), synthetic - synthetic.mean()
    xx, yy = float(x @ x), float(y @ y)
    if xx <= EQUAL * float(real @ real):
        return math.nan
    if yy <= EQUAL * float(synthetic @ synthetic):
        return 0.0
    return min(1.0, max(-1.0, float(x @ y) / math.sqrt(xx * yy)))


def sign_agreement(real: Floats, synthetic: Floats) -> float:
    """Return the share of features whose real and synthetic values have the same sign.

    Features with a real value of 0 are excluded; the result is NaN if all features are excluded. If only the synthetic
    value is 0, the feature counts as half a match.
    """
    counted = real != 0.0
    if not counted.any():
        return math.nan
    return float((1.0 + np.sign(real[counted]) * np.sign(synthetic[counted])).mean() / 2.0)


def list_length(n_features: int, longest: int) -> int:
    """Return the length of a list of top features: ``longest``, but at most a quarter of the features."""
    return min(longest, n_features // 4)


def top_signs(difference: Floats, order: tuple[Floats, ...], n: int) -> Signs:
    """Return the list of the first n features in a given order, not counting features with an effect of 0.

    Args:
        difference: effect of each feature, shape (n_features,).
        order: sort keys, each of shape (n_features,), the most important key first. Features with smaller keys come
            first. Keys are rounded to 9 digits, so that rounding errors do not change the order. Features with equal
            keys keep their order.
        n: largest number of features.
    """
    chosen = np.lexsort([_rounded(key) for key in reversed(order)])
    chosen = chosen[difference[chosen] != 0.0][:n]
    signs = np.zeros(len(difference))
    signs[chosen] = np.sign(difference[chosen])
    return signs


def _rounded(key: Floats) -> Floats:
    mantissa, exponent = np.frexp(key)
    rounded: Floats = np.ldexp(np.round(np.ldexp(mantissa, 30)), exponent - 30)
    return rounded


def shared_part(real: Signs, synthetic: Signs) -> float:
    """Return the share of the features in the real list that are in the synthetic list with the same sign.

    The result is NaN for an empty real list.
    """
    n = int(np.count_nonzero(real))
    return _n_shared(real, synthetic) / n if n else math.nan


def jaccard(real: Signs, synthetic: Signs) -> float:
    """Return the Jaccard index of the real and the synthetic list; NaN for an empty real list.

    A feature with opposite signs in the two lists counts as two features.
    """
    n_shared = _n_shared(real, synthetic)
    union = np.count_nonzero(real) + np.count_nonzero(synthetic) - n_shared
    return n_shared / float(union) if real.any() else math.nan


def _n_shared(real: Signs, synthetic: Signs) -> int:
    return int(np.count_nonzero((real == synthetic) & (real != 0.0)))
