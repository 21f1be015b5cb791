"""Principal components of wide tables, for models whose cost or quality suffers from many features.

    x = μ + z V' + √ψ ε

N rows   F features   K components   z scores (N, K)   V axes (F, K)   ψ residual variances (F,)   ε standard normal
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tabgenbench import Context

__all__ = ["COMPONENTS", "WIDE", "Components", "n_components"]

WIDE = 200  # numeric features above which components are the default
COMPONENTS = 20


def n_components(asked: int | None, n_features: int) -> int:
    """Return the number of components in place of ``n_features``; 0 keeps the features."""
    return asked if asked is not None else COMPONENTS if n_features > WIDE else 0


@dataclass(frozen=True, eq=False)
class Components:
    """Axes of the training rows.

    Attributes:
        mean: mean row, shape (F,).
        axes: orthonormal axes, shape (F, K); empty if the features themselves are kept.
        residual: standard deviation of each feature around its reconstruction, shape (F,).
    """

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]
    residual: NDArray[np.float32]

    @classmethod
    def fit(cls, values: NDArray[np.float32], n: int, context: Context) -> Components | None:
        """Return the first axes of training rows, and note their share of the variance; None if ``n`` is 0.

        Args:
            values: training rows, shape (N, F).
            n: number of components, at most the rank is used.
            context: receives the note.
        """
        if not n or not values.size:
            return None
        mean: NDArray[np.float64] = values.mean(axis=0, dtype=np.float64)
        centred = values - mean
        _, _, axes = _svd(centred)
        axes = axes[: min(n, len(axes))].T
        left = centred - centred @ axes @ axes.T
        total = float(np.square(centred).sum())
        share = 1.0 - float(np.square(left).sum()) / total if total else 1.0
        context.note(
            f"fitted on {axes.shape[1]} principal components of {values.shape[1]} features, which hold "
            f"{100 * share:.0f} % of the variance of the training rows; the rest is independent noise"
        )
        residual = np.sqrt(np.square(left).mean(axis=0))
        return cls(*(part.astype(np.float32) for part in (mean, axes, residual)))

    def scores(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the scores of rows, shape (N, K)."""
        return np.asarray((values - self.mean) @ self.axes, dtype=np.float32)

    def features(self, scores: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Return rows with these scores, and noise with the variance that the axes leave, shape (N, F)."""
        noise = rng.standard_normal((len(scores), len(self.mean)), dtype=np.float32)
        return np.asarray(self.mean + scores @ self.axes.T + self.residual * noise, dtype=np.float32)


def _svd(centred: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return left vectors, sizes and axes, largest first; the largest entry of each axis is positive."""
    left, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    return left * signs, sizes, axes * signs[:, None]
