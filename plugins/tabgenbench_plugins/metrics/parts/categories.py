"""Integer codes of categories; equal codes mean equal categories in real and synthetic tables."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench import Table, as_categorical

__all__ = ["Codes", "generated_columns", "joint_codes", "total_variation"]

Codes: TypeAlias = NDArray[np.int32]


def generated_columns(table: Table) -> tuple[str, ...]:
    """Return the categorical features, except columns that mark missing values of numeric features."""
    companions = {gap.shown_by for gap in table.schema.numeric_gaps()}
    return tuple(name for name in table.schema.categorical_features if name not in companions)


def joint_codes(*columns: pd.Series) -> tuple[Codes, ...]:
    """Return one array of integer codes from 0 for each column; equal texts have equal codes in all columns.

    Missing values (NaN) get one further code, the same in all columns.
    """
    texts = [as_categorical(column) for column in columns]
    known = pd.Index([], dtype=object)
    for one in texts:
        known = known.union(one.cat.categories.astype(object), sort=False)
    found = []
    for one in texts:
        of_category = np.append(known.get_indexer(one.cat.categories), len(known))  # last: code -1, missing
        found.append(of_category[one.cat.codes.to_numpy()].astype(np.int32))
    return tuple(found)


def total_variation(a: NDArray[np.integer], b: NDArray[np.integer]) -> float:
    """Return the total variation distance of the distributions of two vectors of codes, 0 to 1.

    >>> total_variation(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]))
    0.25
    """
    n = int(max(a.max(), b.max())) + 1
    p, q = (np.bincount(codes, minlength=n) / len(codes) for codes in (a, b))
    return float(np.abs(p - q).sum() / 2)
