"""Principal components of tables with many features, and noise for the variance that they do not explain.

    x_F = mean_F + (z_D * scale_D) V_DF + sqrt(psi_F) ε_F

V are the leading right singular vectors of the centred training rows. ``scale`` are the standard deviations of the rows
along V, so each z has variance 1 over training rows. ε is standard normal noise, and psi is the variance that the
components do not explain. Without the noise ε, features would vary too little and would correlate too much.

A feature may vary in one condition and not in another, so the noise of condition k has its own variance psi_k. Let S_k
be the sum of squared deviations of the n_k rows of condition k from their mean, after the components are subtracted.
psi_k lies between the variance S_k / (n_k - 1) and the pooled variance psi:

    psi = Σ_k S_k / Σ_k (n_k - 1)        psi_k = (S_k + 10 psi) / (n_k - 1 + 10)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Components"]

PRIOR_ROWS = 10  # the pooled variance has the weight of 10 rows

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Components:
    """D principal components, and the noise for the variance that they do not explain.

    Attributes:
        mean: shape (n_features,).
        axes: orthonormal directions of the components, shape (D, n_features).
        scale: standard deviation of the training rows along each axis, shape (D,).
        noise_sd: standard deviation of the noise, shape (n_conditions + 1, n_features): √psi_k of each condition, and
            √psi in the last row.
    """

    mean: Floats
    axes: Floats
    scale: Floats
    noise_sd: Floats

    @classmethod
    def fit(cls, values: Floats, n_components: int, group: NDArray[np.int64]) -> Components:
        """Compute the leading principal components of training rows.

        Args:
            values: training rows, shape (n_train, n_features).
            n_components: number of components, limited to n_train - 1 and to n_features.
            group: code of the condition of each row, shape (n_train,).
        """
        from scipy.linalg import svd

        n_rows = len(values)
        mean = values.mean(axis=0, dtype=np.float64)
        centred = values - mean
        n_kept = max(1, min(n_components, n_rows - 1, values.shape[1]))
        _, sizes, axes = svd(centred, full_matrices=False, lapack_driver="gesdd")
        signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:n_kept]
        axes = axes[:n_kept] * np.where(signs == 0, 1.0, signs)[:, None]
        scale = sizes[:n_kept] / np.sqrt(max(n_rows, 1))
        noise_sd = _noise_sd(centred - (centred @ axes.T) @ axes, group)
        kept = (mean, axes, np.where(scale > 0, scale, 1.0), noise_sd)
        return cls(*(part.astype(np.float32) for part in kept))

    def scores(self, values: Floats) -> Floats:
        """Return the scores z of rows on the components, shape (n_rows, D)."""
        return np.asarray((values - self.mean) @ self.axes.T / self.scale, dtype=np.float32)

    def values(self, scores: Floats, group: NDArray[np.int64], rng: np.random.Generator) -> Floats:
        """Return rows with the given scores plus noise, shape (n_rows, n_features).

        Args:
            scores: scores z on the components, shape (n_rows, D).
            group: code of the condition of each row, shape (n_rows,); -1 for a condition without training rows.
            rng: draws the noise.
        """
        made = rng.standard_normal((len(scores), len(self.mean)), dtype=np.float32)
        made *= self.noise_sd[group]
        made += self.mean
        made += (scores * self.scale) @ self.axes
        return made


def _noise_sd(left_out: NDArray[np.float64], group: NDArray[np.int64]) -> NDArray[np.float64]:
    n_conditions = int(group.max()) + 1
    squares, freedom = np.zeros((n_conditions, left_out.shape[1])), np.zeros((n_conditions, 1))
    for k in range(n_conditions):
        rows = left_out[group == k]
        squares[k], freedom[k] = ((rows - rows.mean(axis=0)) ** 2).sum(axis=0), len(rows) - 1
    pooled = squares.sum(axis=0) / max(1.0, freedom.sum())
    own = (squares + PRIOR_ROWS * pooled) / (freedom + PRIOR_ROWS)
    noise_sd: NDArray[np.float64] = np.sqrt(np.vstack([own, pooled]))
    return noise_sd
