"""Planted failure `copier`: training rows with tiny noise."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench import Card, Table
from tabgenbench_plugins.generators.parts.planted import Planted

__all__ = ["Copier"]

NOISE = 0.01
"""Standard deviation of the noise, in standard deviations of a feature."""


class Copier(Planted):
    """Returns training rows plus noise with 0.01 times the standard deviation of each numeric feature.

    Categories are copied. TabGenBench rounds features of whole numbers, which usually restores their training values.
    Scores of fidelity and structure are like those of real rows; a privacy score must detect the copies.
    """

    name = "copier"
    card = Card(summary="Training rows with noise of 0.01 standard deviations.")
    planted_for = "privacy"

    def choose_fault(self, train: Table, rng: np.random.Generator) -> None:
        """Compute the standard deviation of the noise that is added to each feature."""
        self._noise = NOISE * train.dense().std(axis=0)

    def change_rows(
        self, values: NDArray[np.float32], categories: pd.DataFrame, asked: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], pd.DataFrame]:
        """Add noise to the numeric features."""
        return values + self._noise * rng.standard_normal(values.shape, dtype=np.float32), categories
