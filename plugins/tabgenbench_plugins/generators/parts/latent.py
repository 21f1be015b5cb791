"""Categories as Gaussian scores with thresholds, for `condition-mvn`: a Gaussian copula of numbers and categories.

The values of a categorical column are put in an order, and a latent score z ~ N(0, 1) stands for them: a row of
condition k has the category of rank r where

    t[k, r - 1] < z <= t[k, r],     t[k, r] = Φ⁻¹(share of rows of condition k with a rank of at most r)

Every category therefore keeps its frequency in the condition. The scores and the residuals of the numeric features are
jointly Gaussian with one covariance Σ. A training row does not show its scores, only the intervals that they lie in,
and a numeric gap shows nothing: an interval without bounds. Scores in the middle of their intervals would weaken every
correlation, so they are imputed by stochastic expectation-maximisation (Celeux & Diebolt 1985): estimate Σ, then draw
each score from its conditional distribution given the rest of its row, a normal with precision Ω = Σ⁻¹,

    z_j | rest ~ N(-Σ_{l≠j} Ω_jl z_l / Ω_jj, 1 / Ω_jj), truncated to the interval of the row,

and repeat. With two categorical columns this estimates their polychoric correlation.

Unordered categories need the order that loses least of their associations. A column is ordered by the leading singular
vector of its category means over all other columns (one step of correspondence analysis). Columns are ordered one after
another, and those with an order are represented by it. Categories that differ in a second direction share a score and
lose that part of their association. A column with two values loses nothing.

    N rows   F numeric features   C categorical features   K conditions   V values of a column
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, cg
from scipy.special import ndtr, ndtri

from tabgenbench import ConditionCodes, Table
from tabgenbench_plugins.generators.parts.by_condition import TrainingConditions
from tabgenbench_plugins.generators.parts.covariance import ShrunkCovariance

__all__ = ["LatentCategories", "impute", "truncated_normal"]

SWEEPS = 20  # estimates of the covariance, each from newly drawn scores
LAST_SWEEPS = 3  # over all rows, if the others used a part of them
CELLS = 2_000_000  # most values of the rows that the sweeps use
RIDGE = 1e-4  # least variance of a score that the other columns do not explain

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LatentCategories:
    """The orders and thresholds of categorical features, fitted on training rows.

    Attributes:
        codes: the categorical features and their values.
        order: for each feature the codes of its values, by rank.
        thresholds: for each feature t, shape (K, V); the last column is infinite.
    """

    codes: ConditionCodes
    order: tuple[NDArray[np.int64], ...]
    thresholds: tuple[Floats, ...]

    @classmethod
    def fit(cls, train: Table, conditions: TrainingConditions, means: NDArray[np.float32]) -> LatentCategories:
        """Order the values of each feature and compute its thresholds.

        Args:
            train: training rows; a table may have no categorical feature.
            conditions: their conditions.
            means: means of the numeric features by condition, shape (K, F).
        """
        codes = ConditionCodes.fit(train.categories)
        if not codes.columns:
            return cls(codes, (), ())
        codes_NC = codes.encode(train.categories)
        counts = [conditions.category_counts(codes_NC[:, j], n) for j, n in enumerate(codes.n_categories)]
        residuals, present = train.dense() - means[conditions.group], train.present()
        if present is not None:
            residuals *= present
        orders = _orders(codes_NC, counts, residuals, conditions.group)
        ranked = (c[:, order].cumsum(axis=1) for c, order in zip(counts, orders, strict=True))
        thresholds = tuple(ndtri(c / conditions.counts[:, None]) for c in ranked)
        return cls(codes, tuple(orders), thresholds)

    def bounds(self, train: Table, group: NDArray[np.int64]) -> tuple[Floats, ...]:
        """Return the lower and upper ends of the intervals of all scores, each of shape (N, C)."""
        codes_NC = self.codes.encode(train.categories)
        lower, upper = (np.empty(codes_NC.shape) for _ in range(2))
        for j, (order, t) in enumerate(zip(self.order, self.thresholds, strict=True)):
            rank = np.argsort(order)[codes_NC[:, j]]
            from_below = np.column_stack([np.full(len(t), -np.inf), t])
            lower[:, j], upper[:, j] = from_below[group, rank], t[group, rank]
        return lower, upper

    def decode(self, z_MC: NDArray[np.float32], asked: NDArray[np.int64]) -> pd.DataFrame:
        """Return the categories in whose intervals the scores lie.

        Args:
            z_MC: scores with variance 1.
            asked: the condition of each row, shape (M,).
        """
        codes_MC = np.empty(z_MC.shape, dtype=np.int64)
        for k in np.unique(asked):
            rows = np.flatnonzero(asked == k)
            for j, (order, t) in enumerate(zip(self.order, self.thresholds, strict=True)):
                codes_MC[rows, j] = order[np.searchsorted(t[k], z_MC[rows, j])]
        return self.codes.decode(codes_MC)


def impute(
    x_NP: NDArray[np.float32],
    hidden: list[int],
    bounds: tuple[Floats, ...],
    degrees_of_freedom: int,
    rng: np.random.Generator,
) -> ShrunkCovariance:
    """Return the covariance of rows of which some columns are known by intervals alone.

    Args:
        x_NP: residuals of rows; hidden columns are overwritten by imputed values.
        hidden: positions of the hidden columns.
        bounds: lower and upper ends of their intervals, each of shape (N, len(hidden)). Where both are equal the value
            is known.
        degrees_of_freedom: as for `ShrunkCovariance.fit`.
        rng: draws the values.
    """
    n_rows, n_sample = len(x_NP), min(len(x_NP), max(1000, CELLS // x_NP.shape[1]))
    for i, column in enumerate(hidden):
        x_NP[:, column] = truncated_normal(bounds[0][:, i], bounds[1][:, i], rng)
    rows = np.sort(rng.permutation(n_rows)[:n_sample])
    part, ends = x_NP[rows], tuple(end[rows] for end in bounds)
    freedom = max(1, round(degrees_of_freedom * n_sample / n_rows))
    for _ in range(SWEEPS):
        _sweep(part, hidden, ends, ShrunkCovariance.fit(part, freedom), rng)
    if n_sample < n_rows:
        estimate = ShrunkCovariance.fit(part, freedom)
        for _ in range(LAST_SWEEPS):
            _sweep(x_NP, hidden, bounds, estimate, rng)
        part = x_NP
    return ShrunkCovariance.fit(part, degrees_of_freedom)


def _sweep(
    x_NP: NDArray[np.float32],
    hidden: list[int],
    bounds: tuple[Floats, ...],
    covariance: ShrunkCovariance,
    rng: np.random.Generator,
) -> None:
    """Draw each hidden column given the others, in place."""
    for i, column in enumerate(hidden):
        weights, variance = _regression(covariance, column)
        mean, sd = (x_NP @ weights).astype(np.float64), np.sqrt(variance)
        lower, upper = ((end[:, i] - mean) / sd for end in bounds)
        x_NP[:, column] = mean + sd * truncated_normal(lower, upper, rng)


def _regression(covariance: ShrunkCovariance, column: int) -> tuple[NDArray[np.float32], float]:
    """Return the weights that predict a column from the others (0 for itself), and the variance that remains.

    Solves Σ ω = e by conjugate gradients, without forming Σ.
    """
    factor, n = covariance.factor_RF.astype(np.float64), covariance.factor_RF.shape[1]
    share, ridge = 1.0 - covariance.shrinkage, covariance.shrinkage * covariance.mean_variance + RIDGE
    unit = np.zeros(n)
    unit[column] = 1.0
    sigma = LinearOperator((n, n), matvec=lambda v: share * (factor.T @ (factor @ v)) + ridge * v, dtype=np.float64)
    omega = cg(sigma, unit, rtol=1e-4, maxiter=200)[0]
    weights = -omega / omega[column]
    weights[column] = 0.0
    return weights.astype(np.float32), float(1.0 / omega[column])


def truncated_normal(lower: Floats, upper: Floats, rng: np.random.Generator) -> Floats:
    """Return draws from N(0, 1) within intervals, by the inverse of Φ on the side of its smaller tail."""
    flip = lower + np.where(np.isfinite(upper), upper, 0.0) > 0
    low, high = np.where(flip, -upper, lower), np.where(flip, -lower, upper)
    p, q = ndtr(low), ndtr(high)
    drawn = ndtri(p + (q - p) * np.maximum(rng.random(len(low)), 1e-12))
    drawn = np.clip(np.where(q > 0, drawn, high), low, high)  # beyond 38 standard deviations Φ is 0
    return np.where(flip, -drawn, drawn)


def _orders(
    codes_NC: NDArray[np.int64], counts: list[NDArray[np.int64]], x_NF: NDArray[np.float32], group: NDArray[np.int64]
) -> list[NDArray[np.int64]]:
    """Return for each categorical column its codes by rank."""
    n_rows, scale = len(codes_NC), np.sqrt(np.einsum("nf,nf->f", x_NF, x_NF, dtype=np.float64))
    orders: list[NDArray[np.int64]] = []
    scores: list[Floats] = []  # of the columns that have an order, shape (N,)
    for j, count in enumerate(counts):
        order = np.arange(count.shape[1])
        one_hot = sparse.csr_matrix((np.ones(n_rows, np.float32), (np.arange(n_rows), codes_NC[:, j])))
        if len(order) > 2:
            blocks = [(one_hot.T @ x_NF) / np.where(scale > 0, scale, 1.0)]
            blocks += [(one_hot.T @ score)[:, None] / (np.linalg.norm(score) or 1.0) for score in scores]
            blocks += [_association(codes_NC[:, (j, other)], (count, counts[other])) for other in _after(j, counts)]
            root = np.sqrt(np.maximum(1, count.sum(axis=0)))
            contrast = np.hstack(blocks) / root[:, None]
            leading = np.linalg.eigh(contrast @ contrast.T)[1][:, -1]
            order = np.argsort(leading / root, kind="stable")
        orders.append(order)
        scores.append(_centred_ranks(order, count)[group, codes_NC[:, j]])
    return orders


def _after(j: int, counts: list[NDArray[np.int64]]) -> range:
    return range(j + 1, len(counts))


def _association(codes_N2: NDArray[np.int64], counts: tuple[NDArray[np.int64], NDArray[np.int64]]) -> Floats:
    """Return observed minus expected counts of the pairs of two columns within conditions, over √counts, (V, W)."""
    shape = counts[0].shape[1], counts[1].shape[1]
    ones = np.ones(len(codes_N2))
    pairs = sparse.coo_matrix((ones, (codes_N2[:, 0], codes_N2[:, 1])), shape=shape).toarray()
    of_condition = counts[0].sum(axis=1, keepdims=True)
    expected = (counts[0] / of_condition).T @ counts[1]
    association: Floats = (pairs - expected) / np.sqrt(np.maximum(1, counts[1].sum(axis=0)))
    return association


def _centred_ranks(order: NDArray[np.int64], counts: NDArray[np.int64]) -> Floats:
    """Return a score for each condition and code, the mean cumulative share of its rank minus ½, shape (K, V)."""
    ranked = counts[:, order] / counts.sum(axis=1, keepdims=True)
    scores = np.empty(counts.shape)
    scores[:, order] = ranked.cumsum(axis=1) - ranked / 2 - 0.5
    return scores
