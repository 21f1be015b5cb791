"""Planted failure `mean-shifter`: a tenth of the numeric features shifted by half a standard deviation."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench import Card, Schema, Table, Unsupported
from tabgenbench_plugins.generators.parts.planted import Planted

__all__ = ["MeanShifter"]

SHIFT = 0.5
"""Shift in standard deviations of a feature."""
SHARE = 10
"""One in this many features is shifted, and at least one feature."""


class MeanShifter(Planted):
    """Returns training rows in which a tenth of the numeric features is 0.5 standard deviations too high.

    The features are chosen at random among those that vary in the training rows; at least one is shifted. In count
    data, the last feature (the library size) is never shifted, because most metrics ignore it. The shift of a feature
    of whole numbers may differ from 0.5 standard deviations, because TabGenBench rounds the values.
    """

    name = "mean-shifter"
    card = Card(summary="Training rows with a tenth of the features 0.5 standard deviations too high.")
    planted_for = "fidelity"

    @classmethod
    def supports(cls, schema: Schema, n_rows: int, n_features: int) -> None:
        """Reject tables without numeric features."""
        if n_features == 0:
            raise Unsupported("the table has no numeric features to shift")

    def choose_fault(self, train: Table, rng: np.random.Generator) -> None:
        """Choose the shifted features."""
        n_seen = train.n_features - int(train.schema.per_10k)  # the library size is the last feature
        varying = np.flatnonzero(train.dense()[:, :n_seen].std(axis=0) > 0)
        if not len(varying):
            raise Unsupported("the table has no numeric features that vary")
        self._shifted = rng.choice(varying, max(1, len(varying) // SHARE), replace=False)

    def change_rows(
        self, values: NDArray[np.float32], categories: pd.DataFrame, asked: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], pd.DataFrame]:
        """Shift the chosen features."""
        values[:, self._shifted] += np.float32(SHIFT)
        return values, categories
