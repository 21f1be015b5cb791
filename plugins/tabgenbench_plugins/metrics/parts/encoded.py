"""Encoding of rows as vectors whose Euclidean distances give similar weights to numeric and categorical columns.

A numeric feature is encoded as one coordinate, in standard deviations of the training rows. A categorical column is
encoded as several indicators, which are 0 or 1. The weights are similar because the squared distance of two different
categories is 2, like the mean squared difference of two independent values of a standardised feature. A missing numeric
value is replaced by the median of the feature over the training rows. For each feature with missing values, an extra
categorical column marks the rows with a missing value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench import Evaluation, Table, as_categorical
from tabgenbench_plugins.correlation import Undefined
from tabgenbench_plugins.metrics.parts.results import check_values

__all__ = ["Side", "encode", "encoded", "encoding_notes", "known_categories"]

Side: TypeAlias = Literal["train", "test", "synthetic", "reference"]
_WORDS: dict[Side, str] = {
    "train": "training",
    "test": "real test",
    "synthetic": "synthetic",
    "reference": "reference",
}


def encoded(evaluation: Evaluation, side: Side, *, conditions: bool = False) -> NDArray[np.float32]:
    """Return real or synthetic rows as vectors, shape (n_rows, n_coordinates); the result is cached for all metrics.

    Coordinates are the numeric features, then the indicators of the categorical features and, with ``conditions``, of
    the conditions. A categorical column has one indicator for each category of the training and test rows, and one
    indicator for all other categories together. If a table has no categorical columns, its values are returned without
    a copy.

    Raises:
        Undefined: there is no row or no column, a value is not finite, or the split has no rows of the kind ``side``.
    """
    scope: Literal["draw", "split"] = "draw" if side == "synthetic" else "split"
    return evaluation.shared.once(
        ("encoded", side, conditions), lambda: _encoded(evaluation, side, conditions), scope=scope
    )


def known_categories(evaluation: Evaluation, *, conditions: bool = False) -> dict[str, tuple[str, ...]]:
    """Return, for each categorical column, the sorted categories that occur in training or test rows.

    With ``conditions``, the condition columns follow the categorical features.
    """
    schema = evaluation.test.schema
    names = (*schema.categorical_features, *(schema.conditions if conditions else ()))

    def find() -> dict[str, tuple[str, ...]]:
        tables = (evaluation.train, evaluation.test)
        return {name: tuple(sorted(set().union(*(_occurring(table.obs[name]) for table in tables)))) for name in names}

    return evaluation.shared.once(("known-categories", conditions), find, scope="split")


def encode(table: Table, categories: dict[str, tuple[str, ...]]) -> NDArray[np.float32]:
    """Return the numeric features of a table, followed by the indicators of categorical columns.

    Args:
        table: rows on the evaluation scale.
        categories: for each categorical column, the categories that get an indicator each. All other categories of the
            column share one indicator.
    """
    if not categories:
        return table.dense()
    return np.hstack([table.dense(), *(_indicators(table.obs[name], known) for name, known in categories.items())])


def _encoded(evaluation: Evaluation, side: Side, conditions: bool) -> NDArray[np.float32]:
    table = evaluation.reference if side == "reference" else evaluation.side(side)
    if table is None:
        raise Undefined("needs reference rows, which only a split into thirds has")
    values = encode(table, known_categories(evaluation, conditions=conditions))
    check_values(values, _WORDS[side])
    return values


def _occurring(column: pd.Series) -> set[str]:
    return set(as_categorical(column).dropna().unique())


def _indicators(column: pd.Series, known: Sequence[str]) -> NDArray[np.float32]:
    text = as_categorical(column)
    of_category = np.append(pd.Index(known, dtype=object).get_indexer(text.cat.categories), -1)
    codes = of_category[text.cat.codes.to_numpy()]  # -1: unknown, or missing in spite of the schema
    indicators = np.zeros((len(codes), len(known) + 1), dtype=np.float32)
    indicators[np.arange(len(codes)), codes] = 1.0  # -1 is the last column
    return indicators


def encoding_notes(evaluation: Evaluation) -> tuple[str, ...]:
    """Return notes on how distances treat categorical features and missing values."""
    schema = evaluation.test.schema
    if not schema.categorical_features:
        return ()
    notes = ["distances: numeric features in training standard deviations, categories as indicators 0 or 1"]
    if schema.numeric_gaps():
        notes.append("a missing value of a numeric feature is its training median and a category of its own")
    return tuple(notes)
