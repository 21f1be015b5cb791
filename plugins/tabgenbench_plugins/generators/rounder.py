"""Planted failure (a control with one known fault) `rounder`: training rows with coarsely rounded numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench import Card, Schema, Unsupported
from tabgenbench_plugins.generators.parts.planted import Planted

__all__ = ["Rounder"]

STEP = 0.5
"""Distance between neighbouring rounded values, in standard deviations of a feature."""


class Rounder(Planted):
    """Returns training rows; each numeric value is rounded to the mean plus a multiple of 0.5 standard deviations.

    Rounding hardly changes means, standard deviations and correlations, but it changes the shapes of the distributions.
    """

    name = "rounder"
    card = Card(summary="Training rows with numbers rounded to multiples of 0.5 standard deviations.")
    planted_for = "fidelity"

    @classmethod
    def supports(cls, schema: Schema, n_rows: int, n_features: int) -> None:
        """Reject tables without numeric features."""
        if n_features == 0:
            raise Unsupported("the table has no numeric features to round")

    def change_rows(
        self, values: NDArray[np.float32], categories: pd.DataFrame, asked: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], pd.DataFrame]:
        """Round the numeric features."""
        return np.round(values / np.float32(STEP)) * np.float32(STEP), categories
