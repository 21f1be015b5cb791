"""Agreement of the feature-feature correlations of two tables A (real) and B (synthetic).

A table has ``n`` rows and ``p`` features. Centred and scaled to length one, each feature is a unit column. The (n, p)
matrix ``Z`` contains the unit columns, and the correlation matrix is ``R = Z' Z``. A constant feature is a column of
zeros in ``Z``, so its correlations are 0.

There are three ways to compute the same sums over pairs of features i < j, all in float64:

- `gram_sums` does not compute ``R`` and is used for n < p. The sum of R_A R_B over all i, j is the squared Frobenius
  norm of the (n_A, n_B) matrix ``Z_A Z_B'``. The sum of R_A is the squared length of ``Z_A 1``, where 1 is a vector of
  ones. The terms i = j are subtracted from both sums.
- `streamed_sums` computes ``R`` in square tiles. It is used for n >= p and more than 4,000 features, or if negative
  correlations are set to 0 first.
- `triangle` computes the upper triangle of ``R``, and `pearson` compares two triangles. The two functions are used for
  n >= p and at most 4,000 features.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "MAX_TRIANGLE_FEATURES",
    "MIN_ROWS",
    "Floats",
    "PairSums",
    "Undefined",
    "check_shapes",
    "correlation_agreement",
    "gram_sums",
    "pearson",
    "streamed_sums",
    "triangle",
    "unit_columns",
]

Floats: TypeAlias = NDArray[np.float64]

MAX_TRIANGLE_FEATURES = 4000  # a triangle takes 64 MB; for more features, R is computed in tiles
MIN_ROWS = 3  # with two rows, every correlation is 1 or -1
MIN_FEATURES = 3  # two features form one pair, and a correlation over one pair is undefined
TILE = 512  # a tile of 2 MB stays in the processor's cache
EQUAL = 1e-12  # a variance below this share of the mean square is rounding error


class Undefined(Exception):
    """Raised if a score is undefined; the message is stored with the score as the reason."""


@dataclass(frozen=True, kw_only=True)
class PairSums:
    """Sums over the pairs of features i < j of correlations ``a`` (real) and ``b`` (synthetic).

    Attributes:
        n_pairs: number of pairs.
        a: sum of a.
        b: sum of b.
        aa: sum of a squared.
        bb: sum of b squared.
        ab: sum of a times b.
        scale_a: upper bound of ``aa``. A variance of ``a`` far below ``scale_a`` is rounding error and counts as 0.
        scale_b: upper bound of ``bb``.
    """

    n_pairs: int
    a: float
    b: float
    aa: float
    bb: float
    ab: float
    scale_a: float
    scale_b: float

    def pearson(self) -> float:
        """Return the Pearson correlation of a and b over the pairs of features.

        Raises:
            Undefined: all correlations a, or all correlations b, are equal.
        """
        return _ratio(
            covariance=self.ab - self.a * self.b / self.n_pairs,
            variance_a=self.aa - self.a**2 / self.n_pairs,
            variance_b=self.bb - self.b**2 / self.n_pairs,
            scales=(self.scale_a, self.scale_b),
        )


def unit_columns(values: NDArray[np.floating], *, floor: Floats | float = 0.0) -> Floats:
    """Centre each column and scale it to a Euclidean length of 1; a constant column becomes zeros.

    The first row is subtracted before the mean. A constant column therefore becomes exactly zero, and a large offset
    causes no loss of precision.

    Args:
        values: shape (n, p), n >= 1.
        floor: a column with a population standard deviation up to ``floor`` counts as constant; shape (p,) or one
            number.

    Returns:
        A new array, shape (n, p).
    """
    z: Floats = values - values[0].astype(np.float64)
    z -= z.mean(axis=0)
    length = np.sqrt(np.einsum("ij,ij->j", z, z))
    constant = length / math.sqrt(len(z)) <= floor
    z /= np.where(constant, 1.0, length)
    z[:, constant] = 0.0
    return z


def gram_sums(za: Floats, zb: Floats) -> PairSums:
    """Compute the sums over pairs of features in O(n^2 p) time and O(n^2) memory, without a (p, p) matrix.

    Args:
        za: unit columns of the real rows, shape (n_a, p).
        zb: unit columns of the synthetic rows, shape (n_b, p).
    """
    diagonal_a, diagonal_b = (np.einsum("ij,ij->j", z, z) for z in (za, zb))
    all_aa, all_bb, all_ab = (_square(x @ y.T) for x, y in ((za, za), (zb, zb), (za, zb)))
    return PairSums(
        n_pairs=_n_pairs(za.shape[1]),
        a=(_square(za.sum(axis=1)) - float(diagonal_a.sum())) / 2,
        b=(_square(zb.sum(axis=1)) - float(diagonal_b.sum())) / 2,
        aa=(all_aa - _square(diagonal_a)) / 2,
        bb=(all_bb - _square(diagonal_b)) / 2,
        ab=(all_ab - float(diagonal_a @ diagonal_b)) / 2,
        scale_a=all_aa,
        scale_b=all_bb,
    )


def streamed_sums(za: Floats, zb: Floats, *, clip: bool = False, tile: int = TILE) -> PairSums:
    """Compute the sums over pairs of features from square tiles of the upper triangle of the correlation matrix.

    The function needs O(n p^2) time, and memory for a few tiles.

    Args:
        za: unit columns of the real rows, shape (n_a, p).
        zb: unit columns of the synthetic rows, shape (n_b, p).
        clip: whether negative correlations count as 0.
        tile: number of rows and of columns of a tile.
    """
    p = za.shape[1]
    sums = np.zeros(5)
    for i in range(0, p, tile):
        for j in range(i, p, tile):
            tiles = []
            for z in (za, zb):
                part = z[:, i : i + tile].T @ z[:, j : j + tile]
                if i == j:
                    part = np.triu(part, 1)
                if clip:
                    np.maximum(part, 0.0, out=part)
                tiles.append(part.ravel())
            a, b = tiles
            sums += (a.sum(), b.sum(), a @ a, b @ b, a @ b)
    sum_a, sum_b, aa, bb, ab = sums.tolist()
    return PairSums(n_pairs=_n_pairs(p), a=sum_a, b=sum_b, aa=aa, bb=bb, ab=ab, scale_a=aa + p, scale_b=bb + p)


def triangle(z: Floats) -> Floats:
    """Return the correlation of each pair of features i < j, shape (p (p - 1) / 2,), from the unit columns ``z``."""
    from scipy.spatial.distance import squareform

    pairs: Floats = squareform(z.T @ z, checks=False)  # the upper triangle without the diagonal
    return np.clip(pairs, -1.0, 1.0, out=pairs)


def pearson(a: Floats, b: Floats) -> float:
    """Return the Pearson correlation of two vectors, which contain one value for each pair of features.

    Raises:
        Undefined: all values of ``a`` (real), or all of ``b`` (synthetic), are equal.
    """
    x, y = a - a.mean(), b - b.mean()
    return _ratio(
        covariance=float(x @ y),
        variance_a=float(x @ x),
        variance_b=float(y @ y),
        scales=(_square(a) + math.sqrt(2 * len(a)), _square(b) + math.sqrt(2 * len(b))),  # p is about sqrt(2 pairs)
    )


def correlation_agreement(za: Floats, zb: Floats) -> float:
    """Return gamma, the Pearson correlation of the strict upper triangles of ``Z_A' Z_A`` and ``Z_B' Z_B``.

    Papers compute gamma from the distances 1 - r instead of the correlations r, which gives the same value.

    Args:
        za: unit columns of the real rows, shape (n_a, p).
        zb: unit columns of the synthetic rows, shape (n_b, p).

    Raises:
        Undefined: fewer than 3 rows or features, or all correlations of a table are equal.
    """
    check_shapes(za, zb)
    p = za.shape[1]
    if max(len(za), len(zb)) < p:
        return gram_sums(za, zb).pearson()
    if p <= MAX_TRIANGLE_FEATURES:
        return pearson(triangle(za), triangle(zb))
    return streamed_sums(za, zb).pearson()


def check_shapes(za: Floats, zb: Floats) -> None:
    """Raise `Undefined` if there are too few rows or features to compare correlations."""
    for z, side in ((za, "real test"), (zb, "synthetic")):
        if len(z) < MIN_ROWS:
            raise Undefined(f"{len(z)} {side} rows, and correlations need at least {MIN_ROWS}")
    if za.shape[1] < MIN_FEATURES:
        raise Undefined(f"{za.shape[1]} features vary in the real test rows, and gamma needs at least {MIN_FEATURES}")
    if not zb.any():
        raise Undefined("every feature is constant in the synthetic rows")


def _ratio(*, covariance: float, variance_a: float, variance_b: float, scales: tuple[float, float]) -> float:
    for variance, scale, side in ((variance_a, scales[0], "real test"), (variance_b, scales[1], "synthetic")):
        if variance <= EQUAL * scale:
            raise Undefined(f"all pairs of features are equally close in the {side} rows")
    return min(1.0, max(-1.0, covariance / math.sqrt(variance_a * variance_b)))


def _square(values: Floats) -> float:
    return float(np.vdot(values, values))


def _n_pairs(n_features: int) -> int:
    return n_features * (n_features - 1) // 2
