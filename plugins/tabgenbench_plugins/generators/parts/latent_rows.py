"""Imputation of missing numbers and latent scores in training rows, for the Gaussian copula of module `latent`.

Missing numbers and latent scores are unknown (hidden); the estimate of each condition's covariance needs values for
them. A latent score is a Gaussian variable that represents a category. The category determines only an interval that
contains the score. `impute` of module `latent` estimates Σ, the pooled covariance of latent scores and residuals
(numbers minus condition means). A Gibbs sampler then draws each hidden value given the other values of the row,
with the formula of module `latent`.

    N rows   F numeric features   L latent scores   P = F + L   H hidden columns   R rows of A in Σ = a AᵀA + b I
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tabgenbench import Table
from tabgenbench_plugins.generators.parts.by_condition import TrainingConditions
from tabgenbench_plugins.generators.parts.covariance import ShrunkCovariance
from tabgenbench_plugins.generators.parts.latent import LatentCategories, impute, truncated_normal

__all__ = ["completed_residuals"]

SWEEPS = 10  # sweeps of the Gibbs sampler
RIDGE = 1e-4  # least variance of a hidden value that the other columns do not explain

Floats = NDArray[np.float32]


def completed_residuals(
    train: Table,
    conditions: TrainingConditions,
    means_KF: Floats,
    latent: LatentCategories,
    rng: np.random.Generator,
) -> Floats:
    """Return residuals and latent scores with imputed values in place of hidden ones, shape (N, P).

    Residuals are numeric features minus ``means_KF``, the means of the conditions. After imputation, the new mean of
    each condition is subtracted. Without categorical features, only the residuals are returned.
    """
    group = conditions.group
    residuals = train.dense() - means_KF[group]
    if not latent.n_scores:
        return residuals
    lower, upper = latent.bounds(train.categories, group)
    hidden = list(range(train.n_features, train.n_features + latent.n_scores))
    for gap in train.schema.numeric_gaps():  # a present value is known; a missing value has no bounds
        column, is_gap = train.features.index(gap.column), train.is_gap(gap.column)
        hidden.insert(0, column)
        lower = np.column_stack([np.where(is_gap, -np.inf, residuals[:, column]), lower])
        upper = np.column_stack([np.where(is_gap, np.inf, residuals[:, column]), upper])
    x_NP = np.hstack([residuals, np.zeros((len(group), latent.n_scores), dtype=np.float32)])
    repeated = np.flatnonzero(conditions.counts[group] > 1)
    if len(repeated):
        freedom = len(repeated) - len(np.unique(group[repeated]))
        part = x_NP[repeated]
        ends = lower[repeated], upper[repeated]
        covariance = impute(part.copy(), hidden, ends, freedom, rng)
        _draw_hidden(part, hidden, ends, covariance, rng)
        x_NP[repeated] = part
    x_NP -= conditions.means(x_NP)[group]
    return x_NP


def _draw_hidden(
    x_NP: Floats,
    hidden: list[int],
    ends: tuple[Floats, ...],
    covariance: ShrunkCovariance,
    rng: np.random.Generator,
) -> None:
    lower, upper = ends
    for i, column in enumerate(hidden):
        x_NP[:, column] = truncated_normal(lower[:, i], upper[:, i], rng)
    omega_PH = _inverse_columns(covariance, hidden)
    for _ in range(SWEEPS):
        for i, column in enumerate(hidden):
            variance = 1.0 / omega_PH[column, i]
            weights = -omega_PH[:, i] * variance
            weights[column] = 0.0
            mean, sd = (x_NP @ weights.astype(np.float32)).astype(np.float64), np.sqrt(variance)
            drawn = truncated_normal((lower[:, i] - mean) / sd, (upper[:, i] - mean) / sd, rng)
            x_NP[:, column] = mean + sd * drawn


def _inverse_columns(covariance: ShrunkCovariance, columns: list[int]) -> NDArray[np.float64]:
    """Return the given columns of Σ⁻¹, shape (P, H), by Woodbury's identity for Σ = a AᵀA + b I."""
    factor_RP = covariance.factor_RF.astype(np.float64)
    a, b = 1.0 - covariance.shrinkage, covariance.shrinkage * covariance.mean_variance + RIDGE
    unit_PH = np.zeros((factor_RP.shape[1], len(columns)))
    unit_PH[columns, np.arange(len(columns))] = 1.0
    inner = b * np.eye(len(factor_RP)) + a * factor_RP @ factor_RP.T
    return np.asarray((unit_PH - a * factor_RP.T @ np.linalg.solve(inner, factor_RP[:, columns])) / b)
