"""Gaussian copula of numeric and categorical features: latent scores and thresholds of the categories.

The values of a categorical feature have no order, so the value of a row is found by a sequence of yes-no decisions. The
first decision is whether the row has the rarest value. If not, the second decision is whether the row has the second
rarest value, and so on. Each decision has a latent score z ~ N(0, 1) and a threshold. The values are numbered from the
rarest. A row of condition k that has none of the values 1 to r - 1 has value r if

    z_r <= t[k, r],     t[k, r] = Φ⁻¹(share of value r among the rows of condition k that have none of 1 to r - 1)

Decisions begin with the rarest values, so that most rows reach every decision. A feature has at most `MAX_SCORES`
latent scores. If a feature needs more decisions, its first latent score has several thresholds and decides about
several of the rarest values. If the latent scores of a feature are independent, sampled categories have the frequencies
of the training rows in each condition.

The latent scores and the residuals (values minus condition means) of the numeric features are jointly Gaussian with one
covariance Σ. The latent scores of a training row are unknown: its categories give only an interval for each score. A
decision that the row does not reach has an unbounded interval. A missing number also has an unbounded interval.
Replacing each score by the middle of its interval would weaken every correlation. Therefore latent scores are imputed
by stochastic expectation-maximisation (Celeux & Diebolt 1985), which repeats two steps. Step 1 estimates Σ. Step 2
draws each latent score from its conditional distribution given the rest of its row, with the precision Ω = Σ⁻¹,

    z_j | rest ~ N(-Σ_{l≠j} Ω_jl z_l / Ω_jj, 1 / Ω_jj), truncated to the interval of the row.

For two binary features, this procedure estimates their tetrachoric correlation.

    N rows   M rows drawn   F numeric features   L latent scores   P = F + L   K conditions   V values of a feature
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, cg
from scipy.special import ndtr, ndtri

from tabgenbench import ConditionCodes, Table
from tabgenbench_plugins.generators.parts.by_condition import TrainingConditions
from tabgenbench_plugins.generators.parts.covariance import ShrunkCovariance

__all__ = ["LatentCategories", "impute", "truncated_normal"]

MAX_SCORES = 12  # per column; if it has more decisions, the first score makes several of them
SWEEPS = 20  # estimates of the covariance, each from newly drawn scores
LAST_SWEEPS = 3  # more sweeps over all rows, if the first sweeps used a part of the rows
CELLS = 1_000_000  # most values of the rows that the sweeps use
RIDGE = 1e-4  # least variance of a score that the other columns do not explain

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LatentCategories:
    """Latent scores and thresholds of categorical features, fitted on training rows.

    Attributes:
        codes: the categorical features and their values.
        order: for each feature the codes of its values, the rarest first.
        decisions: for each feature, one array for each of its latent scores, shape (K, number of outcomes): the upper
            threshold of each outcome in each condition. Each outcome except the last is one value, in the sequence of
            ``order``. The last outcome, with threshold infinity, means any later value in ``order``.
    """

    codes: ConditionCodes
    order: tuple[NDArray[np.int64], ...]
    decisions: tuple[tuple[Floats, ...], ...]

    @classmethod
    def fit(cls, train: Table, conditions: TrainingConditions) -> LatentCategories:
        """Compute the attributes from training rows."""
        codes = ConditionCodes.fit(train.categories)
        codes_NC = codes.encode(train.categories)
        order, decisions = [], []
        for j, n_values in enumerate(codes.n_categories):
            counts = conditions.category_counts(codes_NC[:, j], n_values)
            order.append(np.argsort(counts.sum(axis=0), kind="stable"))
            decisions.append(_decisions(counts[:, order[-1]]))
        return cls(codes, tuple(order), tuple(decisions))

    @property
    def n_scores(self) -> int:
        """L, the number of latent scores of all features together."""
        return sum(map(len, self.decisions))

    def bounds(self, categories: pd.DataFrame, group: NDArray[np.int64]) -> tuple[NDArray[np.float32], ...]:
        """Return lower and upper bounds of the latent scores given the categories of each row, each of shape (N, L)."""
        codes_NC, n_scores = self.codes.encode(categories), self.n_scores
        lower, upper = (np.full((len(group), n_scores), end, dtype=np.float32) for end in (-np.inf, np.inf))
        column = 0
        for j, (order, decisions) in enumerate(zip(self.order, self.decisions, strict=True)):
            rank, start = np.argsort(order)[codes_NC[:, j]], 0
            for thresholds in decisions:
                reached, last = np.flatnonzero(rank >= start), thresholds.shape[1] - 1
                outcome = np.minimum(rank[reached] - start, last)
                below = np.column_stack([np.full(len(thresholds), -np.inf), thresholds])
                lower[reached, column] = below[group[reached], outcome]
                upper[reached, column] = thresholds[group[reached], outcome]
                start, column = start + last, column + 1
        return lower, upper

    def decode(self, z_ML: NDArray[np.float32], asked: NDArray[np.int64]) -> pd.DataFrame:
        """Convert latent scores with variance 1 to categories; ``asked`` is the requested condition of each row."""
        codes_MC = np.empty((len(z_ML), len(self.order)), dtype=np.int64)
        for k in np.unique(asked):
            rows, column = np.flatnonzero(asked == k), 0
            for j, (order, decisions) in enumerate(zip(self.order, self.decisions, strict=True)):
                rank, start = np.zeros(len(rows), dtype=np.int64), 0
                for thresholds in decisions:
                    outcome = np.searchsorted(thresholds[k], z_ML[rows, column])
                    rank = np.where(rank == start, start + outcome, rank)  # rows with a lower rank are already decided
                    start, column = start + thresholds.shape[1] - 1, column + 1
                codes_MC[rows, j] = order[rank]
        return self.codes.decode(codes_MC)


def _decisions(counts_KV: NDArray[np.int64]) -> tuple[Floats, ...]:
    n_values, start = counts_KV.shape[1], 0
    n_scores = max(1, min(n_values - 1, MAX_SCORES))
    decisions = []
    for n_decided in (n_values - n_scores, *[1] * (n_scores - 1)):
        remaining = counts_KV[:, start:]
        shares = remaining.cumsum(axis=1)[:, : n_decided + 1] / np.maximum(1, remaining.sum(axis=1, keepdims=True))
        shares[:, -1] = 1.0  # the last outcome is any later value, even if no row reaches the decision
        decisions.append(np.asarray(ndtri(shares)))
        start += n_decided
    return tuple(decisions)


def impute(
    x_NP: NDArray[np.float32],
    hidden: list[int],
    bounds: tuple[NDArray[np.float32], ...],
    degrees_of_freedom: int,
    rng: np.random.Generator,
) -> ShrunkCovariance:
    """Impute the columns that are known only as intervals; return the covariance of all columns (see the module).

    Args:
        x_NP: residuals and latent scores of rows. Imputed values overwrite the ``hidden`` columns.
        hidden: positions of the columns that are known only as intervals.
        bounds: lower and upper ends of these intervals, each of shape (N, len(hidden)). If both ends are equal, the
            value is not imputed.
        degrees_of_freedom: as for `ShrunkCovariance.fit`.
        rng: random generator for the imputed values.
    """
    n_rows, n_sample = len(x_NP), min(len(x_NP), max(1000, CELLS // x_NP.shape[1]))
    for i, column in enumerate(hidden):
        x_NP[:, column] = truncated_normal(bounds[0][:, i], bounds[1][:, i], rng)
    scores = [column for i, column in enumerate(hidden) if not (bounds[0][:, i] == bounds[1][:, i]).any()]
    rows = np.sort(rng.permutation(n_rows)[:n_sample])
    part, ends = x_NP[rows], tuple(end[rows] for end in bounds)
    freedom = max(1, round(degrees_of_freedom * n_sample / n_rows))
    for _ in range(SWEEPS):
        _sweep(part, hidden, ends, _estimate(part, scores, freedom), rng)
    if n_sample < n_rows:
        estimate = _estimate(part, scores, freedom)
        for _ in range(LAST_SWEEPS):
            _sweep(x_NP, hidden, bounds, estimate, rng)
        part = x_NP
    return ShrunkCovariance.fit(_standardised(part, scores), degrees_of_freedom)


def _estimate(x_NP: NDArray[np.float32], scores: list[int], degrees_of_freedom: int) -> ShrunkCovariance:
    """Return the covariance estimated from the imputed values, for the next round of imputation (sweep).

    The shrinkage is limited to P / N, the order of magnitude for Gaussian rows. Otherwise, each sweep would shrink the
    covariance further.
    """
    found = ShrunkCovariance.fit(_standardised(x_NP, scores), degrees_of_freedom)
    return replace(found, shrinkage=min(found.shrinkage, x_NP.shape[1] / len(x_NP)))


def _standardised(x_NP: NDArray[np.float32], columns: list[int]) -> NDArray[np.float32]:
    """Return a copy with standardised columns of latent scores; without this step, their scale would drift."""
    x_NP = x_NP.copy()
    for column in columns:
        values = x_NP[:, column] - x_NP[:, column].mean()
        x_NP[:, column] = values / max(float(values.std()), 1e-6)
    return x_NP


def _sweep(
    x_NP: NDArray[np.float32],
    hidden: list[int],
    bounds: tuple[NDArray[np.float32], ...],
    covariance: ShrunkCovariance,
    rng: np.random.Generator,
) -> None:
    for i, column in enumerate(hidden):
        weights, variance = _regression(covariance, column)
        mean, sd = (x_NP @ weights).astype(np.float64), np.sqrt(variance)
        lower, upper = ((end[:, i] - mean) / sd for end in bounds)
        x_NP[:, column] = mean + sd * truncated_normal(lower, upper, rng)


def _regression(covariance: ShrunkCovariance, column: int) -> tuple[NDArray[np.float32], float]:
    """Return the regression weights of a column on all other columns (0 for itself), and the residual variance."""
    factor, n = covariance.factor_RF.astype(np.float64), covariance.factor_RF.shape[1]
    share, ridge = 1.0 - covariance.shrinkage, covariance.shrinkage * covariance.mean_variance + RIDGE
    unit = np.zeros(n)
    unit[column] = 1.0
    sigma = LinearOperator((n, n), matvec=lambda v: share * (factor.T @ (factor @ v)) + ridge * v, dtype=np.float64)
    omega = cg(sigma, unit, rtol=1e-4, maxiter=200)[0]
    weights = -omega / omega[column]
    weights[column] = 0.0
    return weights.astype(np.float32), float(1.0 / omega[column])


def truncated_normal(lower: NDArray[Any], upper: NDArray[Any], rng: np.random.Generator) -> Floats:
    """Sample N(0, 1) truncated to intervals, shape (N,).

    Intervals whose centre is above 0 are mirrored, because Φ and its inverse are more precise in the lower tail.
    """
    flip = lower + np.where(np.isfinite(upper), upper, 0.0) > 0
    low, high = np.where(flip, -upper, lower), np.where(flip, -lower, upper)
    p, q = ndtr(low), ndtr(high)
    drawn = ndtri(p + (q - p) * np.maximum(rng.random(len(low)), 1e-12))
    drawn = np.clip(np.where(q > 0, drawn, high), low, high)  # beyond 38 standard deviations Φ is 0
    return np.where(flip, -drawn, drawn)
