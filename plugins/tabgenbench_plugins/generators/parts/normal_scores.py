"""Quantile transform of numeric features to normal scores, and back.

A feature has n training values that are not missing. The score of the value with rank r = 0 .. n - 1 is
Φ⁻¹((r + ½) / n). The inverse evaluates the empirical quantile function at Φ(score) with linear interpolation, so values
never leave the range of the training values. Equal values get consecutive ranks in random order, so the scores are
normally distributed even if the feature has many zeros. If a feature has only one distinct value, all its scores are 0.

The score of a missing value is a draw from N(0, 1), which carries no information about the row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

__all__ = ["MAX_QUANTILES", "NormalScores"]

MAX_QUANTILES = 1001  # of a feature; with fewer rows and no missing value, all values are kept
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class NormalScores:
    """Empirical quantiles of each feature.

    Attributes:
        quantiles: values at equally spaced probabilities from 0 to 1, shape (n_quantiles, n_features).
        n_present: number of training values that are not missing, shape (n_features,); 1 if all are missing.
    """

    quantiles: Floats
    n_present: NDArray[np.int64]

    @classmethod
    def fit(cls, values: Floats, present: NDArray[np.bool_] | None = None) -> NormalScores:
        """Return the quantiles of each feature, computed from the training values that are not missing.

        If all values of a feature are missing, the placeholders in ``values`` are used instead.
        """
        n_rows, n_features = values.shape
        grid = np.linspace(0.0, 1.0, min(n_rows, MAX_QUANTILES))
        quantiles = np.empty((len(grid), n_features), dtype=np.float32)
        counts = np.full(n_features, n_rows) if present is None else present.sum(axis=0)
        for j in range(n_features):
            column = values[:, j] if present is None or counts[j] == 0 else values[present[:, j], j]
            ordered = np.sort(column).astype(np.float64)
            quantiles[:, j] = np.interp(grid * (len(ordered) - 1), np.arange(len(ordered)), ordered)
        return cls(quantiles, np.maximum(counts, 1).astype(np.int64))

    @property
    def n_features(self) -> int:
        """Number of features."""
        return len(self.n_present)

    def of_training_rows(self, values: Floats, present: NDArray[np.bool_] | None, rng: np.random.Generator) -> Floats:
        """Return the normal scores of the training rows, in the same shape.

        ``present`` is False for missing values, which get random scores.
        """
        scores = np.zeros(values.shape, dtype=np.float32)
        for j in range(values.shape[1]):
            here = np.arange(len(values)) if present is None else np.flatnonzero(present[:, j])
            if present is not None:
                scores[:, j] = rng.normal(size=len(values))
            if len(here) and self.quantiles[0, j] < self.quantiles[-1, j]:
                order = here[np.lexsort((rng.random(len(here)), values[here, j]))]
                scores[order, j] = ndtri((np.arange(len(here)) + 0.5) / len(here))
            else:
                scores[here, j] = 0.0
        return scores

    def values(self, scores: Floats) -> Floats:
        """Transform normal scores back to values, shape (n_rows, n_features)."""
        last = len(self.quantiles) - 1
        spread = np.maximum(self.n_present - 1, 1)
        places = (ndtr(scores.astype(np.float64)) * self.n_present - 0.5) / spread
        places = np.clip(places, 0.0, 1.0) * last
        lower = np.minimum(places.astype(np.int64), max(last - 1, 0))
        columns = np.arange(self.n_features)
        below, above = self.quantiles[lower, columns], self.quantiles[np.minimum(lower + 1, last), columns]
        return np.asarray(below + (places - lower) * (above - below), dtype=np.float32)
