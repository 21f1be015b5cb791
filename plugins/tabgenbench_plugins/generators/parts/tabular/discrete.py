"""The discrete columns of a table: one column with the combined condition, then the categorical features.

N rows   J discrete columns   Q categorical features   J = Q + 1 if there are condition columns, otherwise J = Q
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench import Table
from tabgenbench_plugins.generators.parts.by_condition import TrainingConditions

__all__ = ["DiscreteColumns"]

Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class DiscreteColumns:
    """The values of the discrete columns of the training rows.

    Attributes:
        has_condition: whether the table has condition columns; without them, all discrete columns are categorical
            features.
        features: for each categorical feature, the categories that occur in training rows.
    """

    conditions: TrainingConditions
    has_condition: bool
    features: dict[str, pd.Index]

    @classmethod
    def of(cls, train: Table) -> DiscreteColumns:
        """Return the discrete columns of a table."""
        features = {
            name: column.cat.remove_unused_categories().cat.categories for name, column in train.categories.items()
        }
        return cls(TrainingConditions.of(train), bool(train.schema.conditions), features)

    @property
    def n_categories(self) -> tuple[int, ...]:
        """Number of distinct values of each of the J discrete columns."""
        condition = (len(self.conditions.labels),) if self.has_condition else ()
        return (*condition, *(len(values) for values in self.features.values()))

    def feature_codes(self, train: Table) -> Codes:
        """Return each category as its position among the categories of its feature, shape (N, Q)."""
        codes = np.empty((train.n_rows, len(self.features)), dtype=np.int64)
        for q, (name, values) in enumerate(self.features.items()):
            codes[:, q] = values.get_indexer(train.obs[name])
        return codes

    def codes(self, train: Table) -> Codes:
        """Return all discrete columns of the training rows as integer codes, shape (N, J)."""
        condition = self.conditions.group[:, None][:, : int(self.has_condition)]
        return np.hstack([condition, self.feature_codes(train)])

    def split(self, codes_NJ: Codes) -> tuple[Codes, Codes]:
        """Split codes into condition codes, shape (N,), and feature codes, shape (N, Q).

        Without condition columns, all condition codes are 0.
        """
        first = int(self.has_condition)
        return codes_NJ[:, 0] if first else np.zeros(len(codes_NJ), dtype=np.int64), codes_NJ[:, first:]

    def to_frame(self, codes_NQ: Codes) -> pd.DataFrame | None:
        """Return a frame with the category of each feature code; None if the table has no categorical feature."""
        if not self.features:
            return None
        pairs = zip(self.features.items(), codes_NQ.T, strict=True)
        return pd.DataFrame({name: pd.Categorical.from_codes(codes, values) for (name, values), codes in pairs})
