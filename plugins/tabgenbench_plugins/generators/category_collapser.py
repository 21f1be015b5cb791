"""Planted failure `category-collapser`: training rows in which the most frequent category replaces rare ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench import Card, Schema, Table, Unsupported
from tabgenbench_plugins.generators.parts.planted import Planted

__all__ = ["CategoryCollapser"]

SHARE = 0.1
"""Largest share of rows with replaced categories, unless the rarest category alone has a larger share."""


class CategoryCollapser(Planted):
    """Returns training rows in which the most frequent category of each feature replaces the rarest categories.

    In each feature with at least two categories, the rarest category is replaced. Further rare categories are replaced
    as long as at most a tenth of the training rows have a replaced category in this feature. The columns that mark
    missing values of numeric features are copied unchanged.
    """

    name = "category-collapser"
    card = Card(summary="Training rows with the rarest categories replaced by the most frequent one.")
    planted_for = "fidelity"

    @classmethod
    def supports(cls, schema: Schema, n_rows: int, n_features: int) -> None:
        """Reject tables without categorical features."""
        if schema.n_categorical == 0:
            raise Unsupported("the table has no categorical features whose categories could collapse")

    def choose_fault(self, train: Table, rng: np.random.Generator) -> None:
        """Choose which categories of each feature are replaced."""
        markers = {gap.shown_by for gap in train.schema.numeric_gaps()}
        self._replaced: dict[str, dict[str, str]] = {}
        for name in (name for name in train.schema.categorical_features if name not in markers):
            counts = train.obs[name].astype(str).value_counts().sort_index().sort_values(kind="stable")
            if len(counts) > 1:
                n_rare = max(1, int((counts.cumsum() <= SHARE * train.n_rows).iloc[:-1].sum()))
                self._replaced[name] = dict.fromkeys(counts.index[:n_rare], counts.index[-1])
        if not self._replaced:
            raise Unsupported("every categorical feature has a single category")

    def change_rows(
        self, values: NDArray[np.float32], categories: pd.DataFrame, asked: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], pd.DataFrame]:
        """Replace the rare categories."""
        columns = {name: categories[name].astype(str) for name in categories}
        return values, pd.DataFrame(
            {name: text.replace(self._replaced.get(name, {})) for name, text in columns.items()}
        )
