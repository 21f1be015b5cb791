"""Ledoit-Wolf covariance of many features from few rows. Rows are sampled without computing the F x F matrix.

Ledoit & Wolf, "A well-conditioned estimator for large-dimensional covariance matrices", Journal of Multivariate
Analysis 88(2), 2004, doi 10.1016/S0047-259X(03)00096-4.

    N rows   F features   M rows drawn   R = min(N, F)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ShrunkCovariance", "ledoit_wolf_shrinkage"]

BLOCK = 1024  # rows of a product or of a draw that are computed together


@dataclass(frozen=True, eq=False)
class ShrunkCovariance:
    """The covariance (1 - s) AᵀA + s m I, stored as the factor A.

    Attributes:
        factor_RF: the matrix A, float32; AᵀA is the empirical covariance.
        shrinkage: s, from 0 (the empirical covariance) to 1 (equal variances, no correlation).
        mean_variance: m, mean of the features' variances.
    """

    factor_RF: NDArray[np.float32]
    shrinkage: float
    mean_variance: float

    @classmethod
    def fit(cls, residuals_NF: NDArray[np.float32], degrees_of_freedom: int) -> ShrunkCovariance:
        """Estimate the covariance of residuals.

        Args:
            residuals_NF: rows minus their mean, or minus the mean of their condition.
            degrees_of_freedom: N minus the number of subtracted means. Sums of squares and products are divided by this
                number, so that sampled rows have the variance of the data. Ledoit & Wolf assume a known mean and divide
                by N.
        """
        shrinkage = ledoit_wolf_shrinkage(residuals_NF)
        factor = residuals_NF / np.float32(np.sqrt(degrees_of_freedom))
        mean_variance = float(np.einsum("rf,rf->", factor, factor, dtype=np.float64)) / factor.shape[1]
        if factor.shape[0] > factor.shape[1]:
            # The R factor of a QR decomposition has the same AᵀA and fewer rows, so fewer numbers are drawn and stored.
            factor = np.asarray(np.linalg.qr(factor, mode="r"))
        return cls(factor, shrinkage, mean_variance)

    def variances(self) -> NDArray[np.float32]:
        """Return the variance of each feature, shape (F,)."""
        empirical = np.einsum("rf,rf->f", self.factor_RF, self.factor_RF)
        variances: NDArray[np.float32] = (1.0 - self.shrinkage) * empirical + self.shrinkage * self.mean_variance
        return variances

    def draw(self, n_rows: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """Sample rows of N(0, covariance), shape (M, F): √(1 - s) e_R A + √(s m) e_F, with e standard normal."""
        n_factors, n_features = self.factor_RF.shape
        x_MF = rng.standard_normal((n_rows, n_features), dtype=np.float32)
        x_MF *= np.float32(np.sqrt(self.shrinkage * self.mean_variance))
        scale = np.float32(np.sqrt(1.0 - self.shrinkage))
        for start in range(0, n_rows, BLOCK):
            block = x_MF[start : start + BLOCK]
            e_MR = rng.standard_normal((len(block), n_factors), dtype=np.float32)
            block += scale * e_MR @ self.factor_RF
        return x_MF


def ledoit_wolf_shrinkage(residuals_NF: NDArray[Any]) -> float:
    """Return the shrinkage s of Ledoit & Wolf (2004) for centred rows, as `sklearn.covariance.ledoit_wolf` computes it.

    X is the matrix of residuals, S = XᵀX / N and m = tr(S) / F. Then s = min(b², d²) / d², where d² = |S - m I|² / F,
    and b² is the mean over rows x of |xxᵀ - S|², divided by N F. Because |XᵀX| = |XXᵀ|, the smaller of these two
    products is computed, in chunks of rows.
    """
    n, n_features = residuals_NF.shape
    if n_features == 1:
        return 0.0  # with one feature, S equals m I
    row_squares = np.einsum("nf,nf->n", residuals_NF, residuals_NF, dtype=np.float64)
    mean_variance = row_squares.sum() / (n * n_features)
    squared_norm = _squared_norm_of_gram(residuals_NF) / n**2  # |S|²
    distance = squared_norm / n_features - mean_variance**2  # d²
    spread = ((row_squares**2).sum() / n - squared_norm) / (n * n_features)  # b²
    if spread <= 0 or distance <= 0:
        return 0.0
    return float(min(spread, distance) / distance)


def _squared_norm_of_gram(x_NF: NDArray[Any]) -> float:
    smaller = x_NF if x_NF.shape[0] <= x_NF.shape[1] else x_NF.T
    total = 0.0
    for start in range(0, len(smaller), BLOCK):
        block = smaller[start : start + BLOCK] @ smaller.T
        total += float(np.einsum("ij,ij->", block, block, dtype=np.float64))
    return total
