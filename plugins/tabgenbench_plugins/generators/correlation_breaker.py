"""Planted failure `correlation-breaker`: training rows with each feature permuted within the condition."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench import Card, Schema, Unsupported
from tabgenbench_plugins.generators.parts.planted import Planted

__all__ = ["CorrelationBreaker"]


class CorrelationBreaker(Planted):
    """Returns training rows in which each feature is permuted independently over the rows of a condition.

    Each feature keeps its distribution within the condition. Within a condition, only chance correlations remain. Over
    all rows, features are still correlated, because the means of conditions differ. A numeric feature and the column
    that marks its missing values are permuted together.
    """

    name = "correlation-breaker"
    card = Card(summary="Training rows, each feature permuted within the condition.")
    planted_for = "structure"

    @classmethod
    def supports(cls, schema: Schema, n_rows: int, n_features: int) -> None:
        """Raise `Unsupported` for tables with fewer than two features."""
        if n_features + schema.n_categorical < 2:
            raise Unsupported("the table has fewer than two features, so there is no dependence to break")

    def change_rows(
        self, values: NDArray[np.float32], categories: pd.DataFrame, asked: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], pd.DataFrame]:
        """Permute each feature over the rows of each condition."""
        gaps = {gap.shown_by: self._train.features.index(gap.column) for gap in self._train.schema.numeric_gaps()}
        before = values.copy()
        columns = {name: np.arange(len(asked)) for name in categories}
        for k in np.unique(asked):
            places = np.flatnonzero(asked == k)
            values[places] = rng.permuted(values[places], axis=0)
            for name, order in columns.items():
                order[places] = rng.permutation(places)
                if name in gaps:
                    values[places, gaps[name]] = before[order[places], gaps[name]]
        permuted = {name: categories[name].iloc[order].array for name, order in columns.items()}
        return values, pd.DataFrame(permuted, index=categories.index)
