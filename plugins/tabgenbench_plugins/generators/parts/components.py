"""Principal components of wide training tables, with the noise that the components leave out.

    x_F = mean_F + (z_D * scale_D) V_DF + sqrt(psi_F) ε_F

V are the leading right singular vectors of the centred training rows, scale the standard deviations of their scores, so
each z has variance 1 over training rows. psi is the variance of what the components do not explain, within conditions:
one degree of freedom is subtracted for each condition. Without this noise, features would vary too little and would
correlate too much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Components"]

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Components:
    """The components, D of them.

    Attributes:
        mean: shape (n_features,).
        axes: rows are orthonormal, shape (D, n_features).
        scale: standard deviation of the training rows along each axis, shape (D,).
        noise_sd: standard deviation of the remaining noise of each feature, shape (n_features,).
    """

    mean: Floats
    axes: Floats
    scale: Floats
    noise_sd: Floats

    @classmethod
    def fit(cls, values: Floats, n_components: int, group: NDArray[np.int64]) -> Components:
        """Compute the leading components of training rows, shape (n_train, n_features).

        Args:
            values: training rows.
            n_components: number of components, at most n_train - 1 and n_features are used.
            group: number of the condition of each row, shape (n_train,).
        """
        from scipy.linalg import svd

        n_rows = len(values)
        mean = values.mean(axis=0, dtype=np.float64)
        centred = values - mean
        n_kept = max(1, min(n_components, n_rows - 1, values.shape[1]))
        left, sizes, axes = svd(centred, full_matrices=False, lapack_driver="gesdd")
        signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:n_kept]
        axes = axes[:n_kept] * np.where(signs == 0, 1.0, signs)[:, None]
        scale = sizes[:n_kept] / np.sqrt(max(n_rows, 1))
        left_out = centred - (centred @ axes.T) @ axes
        for k in np.unique(group):
            left_out[group == k] -= left_out[group == k].mean(axis=0)
        freedom = max(1, n_rows - len(np.unique(group)))
        noise_sd = np.sqrt((left_out**2).sum(axis=0) / freedom)
        kept = (mean, axes, np.where(scale > 0, scale, 1.0), noise_sd)
        return cls(*(part.astype(np.float32) for part in kept))

    def scores(self, values: Floats) -> Floats:
        """Return the scores z of rows, shape (n_rows, D)."""
        return np.asarray((values - self.mean) @ self.axes.T / self.scale, dtype=np.float32)

    def values(self, scores: Floats, rng: np.random.Generator) -> Floats:
        """Return rows for scores, shape (n_rows, n_features), with noise."""
        made = self.mean + (scores * self.scale) @ self.axes
        made += self.noise_sd * rng.standard_normal(made.shape, dtype=np.float32)
        return np.asarray(made, dtype=np.float32)
