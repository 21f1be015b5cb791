"""Missing values (gaps) of numeric features, which are replaced by medians of the training rows in a split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tabgenbench.data.table import Table

__all__ = ["fill_gaps", "medians_at_gaps"]


def medians_at_gaps(train: Table) -> dict[str, float]:
    """Return the training median of each feature with gaps in the schema; 0 for a feature without a training value."""
    medians = {}
    for gap in train.schema.numeric_gaps():
        present = train.X[:, train.features.index(gap.column)][~train.is_gap(gap.column)]
        medians[gap.column] = float(np.median(present)) if len(present) else 0.0
    return medians


def fill_gaps(table: Table, medians: Mapping[str, float]) -> Table:
    """Return a copy of the table in which medians replace missing values; without missing values, the same table."""
    if not table.schema.numeric_gaps():
        return table
    values = np.array(table.dense())
    for gap in table.schema.numeric_gaps():
        values[table.is_gap(gap.column), table.features.index(gap.column)] = medians[gap.column]
    return replace(table, X=values)
