"""A normal distribution of latent codes for each condition, which replaces the prior N(0, I) of a VAE.

If the condition is an input of the decoder, the latent codes of a condition's training rows need not follow N(0, I).
The distribution of these latent codes is the aggregated posterior, the mean of the encoder's q(z | x, c) over the rows
of the condition. Tomczak & Welling ("VAE with a VampPrior", AISTATS 2018, arXiv 1705.07120) show that the evidence
lower bound is maximal if the prior is the aggregated posterior. This module approximates the aggregated posterior by a
normal distribution with the same mean and, up to shrinkage, the same covariance:

    z | c ~ N(m_c, w_c S_c + (1 - w_c) S_p + diag(v_c))

    m_c, S_c  mean and covariance of the posterior means of the condition's rows    v_c  mean posterior variances
    S_p  the covariance pooled over conditions    w_c  the weight of S_c (see `parts.hierarchical`)

    N rows   M rows drawn   K conditions   Z latents
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tabgenbench_plugins.generators.parts.hierarchical import roots

__all__ = ["AggregatedPrior"]

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class AggregatedPrior:
    """The normal distribution of latent codes in each condition.

    Attributes:
        means_KZ: m_c.
        roots_KZZ: a root A_c of each condition's covariance, so that the covariance is A_cᵀA_c.
    """

    means_KZ: Floats
    roots_KZZ: Floats

    @classmethod
    def fit(cls, mu_NZ: Floats, variances_NZ: Floats, group: NDArray[np.int64]) -> AggregatedPrior:
        """Estimate the distribution of each condition from the posteriors of its training rows.

        Args:
            mu_NZ: posterior means.
            variances_NZ: posterior variances.
            group: code of each row's condition, shape (N,). Each code from 0 to K - 1 occurs at least once.
        """
        counts = np.bincount(group)[:, None]
        means, spreads = np.zeros((2, len(counts), mu_NZ.shape[1]))
        np.add.at(means, group, mu_NZ)
        np.add.at(spreads, group, variances_NZ)
        means_KZ, spreads_KZ = (means / counts).astype(np.float32), spreads / counts
        found = np.empty((*means_KZ.shape, mu_NZ.shape[1]), dtype=np.float32)
        for k, root in roots(mu_NZ - means_KZ[group], group):
            own, pooled = root.own.astype(np.float64), root.pooled.astype(np.float64)
            covariance = root.weight * own.T @ own + (1.0 - root.weight) * pooled.T @ pooled
            found[k] = np.linalg.cholesky(covariance + np.diag(np.maximum(spreads_KZ[k], 1e-6))).T
        return cls(means_KZ, found)

    def draw(self, codes: NDArray[np.int64], rng: np.random.Generator) -> Floats:
        """Sample latent codes for the conditions of rows, shape (M, Z).

        Args:
            codes: code of each row's condition, shape (M,). -1 stands for a condition without training rows, for
                which N(0, I) is used.
            rng: random generator.
        """
        z_MZ = rng.standard_normal((len(codes), self.means_KZ.shape[1]), dtype=np.float32)
        for k in np.unique(codes[codes >= 0]):
            rows = np.flatnonzero(codes == k)
            z_MZ[rows] = self.means_KZ[k] + z_MZ[rows] @ self.roots_KZZ[k]
        return z_MZ
