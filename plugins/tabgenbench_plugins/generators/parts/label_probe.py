"""Logistic regression of a label on latents, stored as arrays that can be saved with a model.

N cells   Z latents   K values of the label
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LabelProbe"]

MOST_CELLS = 20_000  # most cells that the regression uses, drawn at random


@dataclass(frozen=True, eq=False)
class LabelProbe:
    """Linear classifier of a label. Each value has a linear score; the value with the largest score is predicted.

    Attributes:
        values: values of the label, length K.
        weights: weights of the scores, shape (K, Z).
        offsets: intercepts of the scores, shape (K,).
    """

    values: tuple[str, ...]
    weights: NDArray[np.float64]
    offsets: NDArray[np.float64]

    @classmethod
    def fit(cls, z_NZ: NDArray[np.float32], labels: NDArray[Any]) -> LabelProbe:
        """Fit a multinomial logistic regression with L2 penalty on standardised latents of up to `MOST_CELLS` cells."""
        from sklearn.linear_model import LogisticRegression

        rows = np.random.default_rng(0).permutation(len(labels))[:MOST_CELLS]
        z, text = z_NZ[rows].astype(np.float64), labels[rows].astype(str)
        values = tuple(map(str, np.unique(text)))
        if len(values) < 2:
            return cls(values, np.zeros((1, z.shape[1])), np.zeros(1))
        mean, scale = z.mean(axis=0), z.std(axis=0)
        scale[scale == 0] = 1.0
        found = LogisticRegression(max_iter=1000).fit((z - mean) / scale, text)
        weights, offsets = found.coef_ / scale, found.intercept_
        offsets = offsets - weights @ mean
        if len(values) == 2:  # scikit-learn has one score, positive for the second value
            weights, offsets = np.vstack([0 * weights, weights]), np.append(0.0, offsets)
        return cls(values, weights, offsets)

    def predict(self, z_NZ: NDArray[np.float32]) -> NDArray[np.str_]:
        """Return the predicted label of each cell, shape (N,)."""
        scores = z_NZ.astype(np.float64) @ self.weights.T + self.offsets
        found: NDArray[np.str_] = np.array(self.values, dtype=np.str_)[scores.argmax(axis=1)]
        return found

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """Return weights and offsets in a dictionary for saving; its keys start with ``name``."""
        return {f"{name}.weights": self.weights, f"{name}.offsets": self.offsets}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]], name: str, values: tuple[str, ...]) -> LabelProbe:
        """Restore a classifier from the result of `arrays`."""
        return cls(values, arrays[f"{name}.weights"], arrays[f"{name}.offsets"])
