"""Control `shuffled`: a baseline that permutes every feature independently over the training rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench import Card, FitContext, Generator, SampleContext, Table
from tabgenbench_plugins.generators.parts.by_condition import permuted_rows

__all__ = ["Shuffled"]

BLOCK = 256  # features permuted together; bounds the temporary memory


class Shuffled(Generator):
    """Returns the training values of each feature in an independent random order.

    Each feature keeps its distribution but does not depend on other features or on the condition. A model that learns
    only these distributions therefore scores like this control. A numeric feature and the column that marks its missing
    values are permuted together. If more rows are requested than the training table has, every value is used once
    before any value is used again.
    """

    name = "shuffled"
    card = Card(summary="Each feature permuted independently over all training rows.")
    is_control = True
    makes = ("numeric", "categorical")

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Keep the training rows."""
        self._train = train

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Return one row for each requested condition."""
        train, n = self._train.dense(), len(conditions)
        values = np.empty((n, train.shape[1]), dtype=np.float32)
        for first in range(0, train.shape[1], BLOCK):
            block = np.ascontiguousarray(train[:, first : first + BLOCK].T)  # permuting along rows of memory is fast
            for start in range(0, n, len(train)):
                rows = values[start : start + len(train), first : first + BLOCK]
                rows[:] = context.numpy.permuted(block, axis=1)[:, : len(rows)].T
        if n > len(train):
            context.note(f"{n} rows asked of {len(train)} training rows: each value is used equally often")
        return self._train.like(values, conditions, self._shuffled_categories(values, context))

    def _shuffled_categories(self, values: NDArray[np.float32], context: SampleContext) -> pd.DataFrame | None:
        """Return independently permuted categorical features.

        If a feature marks missing values of a numeric feature, the column of the numeric feature in ``values`` is
        overwritten with its training values in the same permuted order.
        """
        train, schema = self._train, self._train.schema
        if not schema.categorical_features:
            return None
        every = np.arange(train.n_rows)
        columns = {}
        for name in schema.categorical_features:
            order = permuted_rows(every, len(values), context.numpy)
            columns[name] = train.obs[name].iloc[order].array
            for gap in schema.numeric_gaps():
                if gap.shown_by == name:
                    column = train.features.index(gap.column)
                    values[:, column] = train.dense()[order, column]
        return pd.DataFrame(columns)
