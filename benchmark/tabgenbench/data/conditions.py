"""Integer codes of categorical columns, and the choice of a similar condition if one has no training rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench.data.table import condition_labels
from tabgenbench.errors import DataError

__all__ = ["ConditionCodes", "nearest_known"]


@dataclass(frozen=True)
class ConditionCodes:
    """Integer codes of condition columns, or of categorical features, fitted on training rows.

    Attributes:
        columns: the names of the columns.
        categories: the sorted training values of each column.
    """

    columns: tuple[str, ...]
    categories: tuple[tuple[str, ...], ...]

    @classmethod
    def fit(cls, conditions: pd.DataFrame) -> ConditionCodes:
        """Return codes for the values that occur in each column; a category that no row has gets no code."""
        columns = tuple(str(c) for c in conditions.columns)
        values = tuple(tuple(sorted(map(str, conditions[c].unique()))) for c in columns)
        return cls(columns, values)

    @property
    def n_categories(self) -> tuple[int, ...]:
        """The number of different training values of each column."""
        return tuple(len(values) for values in self.categories)

    def encode(self, conditions: pd.DataFrame) -> NDArray[np.int64]:
        """Return the integer codes of condition values, shape (n_rows, n_columns).

        Raises:
            DataError: a value occurs in no training row. To replace such conditions, call `nearest_known` first.
        """
        codes = np.empty((len(conditions), len(self.columns)), dtype=np.int64)
        for j, (column, values) in enumerate(zip(self.columns, self.categories, strict=True)):
            asked = conditions[column].astype("category")  # text is compared once for each category, not for each row
            position = pd.Index(values, dtype=object).get_indexer(asked.cat.categories.astype(str))
            codes[:, j] = np.append(position, -1)[asked.cat.codes]
            if (codes[:, j] < 0).any():
                unseen = str(asked.iloc[int((codes[:, j] < 0).argmax())])
                raise DataError(f"condition {column}={unseen!r} has no training row, expected one of {list(values)}")
        return codes

    def decode(self, codes: NDArray[np.integer]) -> pd.DataFrame:
        """Convert integer codes back to categorical columns, shape (n_rows, n_columns)."""
        columns = zip(self.columns, self.categories, strict=True)
        decoded = {c: pd.Categorical.from_codes(codes[:, j], list(values)) for j, (c, values) in enumerate(columns)}
        return pd.DataFrame(decoded, index=pd.RangeIndex(len(codes)))

    def one_hot(self, conditions: pd.DataFrame) -> NDArray[np.float32]:
        """Return the concatenated one-hot codes of the columns, shape (n_rows, sum of n_categories)."""
        codes = self.encode(conditions)
        blocks = [np.eye(n, dtype=np.float32)[codes[:, j]] for j, n in enumerate(self.n_categories)]
        return np.concatenate([np.zeros((len(conditions), 0), np.float32), *blocks], axis=1)


def nearest_known(asked: pd.DataFrame, known: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """Replace conditions without training rows by the nearest conditions with training rows.

    The nearest condition has the most column values in common with the replaced condition. Among equally near
    conditions, the condition with the most training rows is used. If several of these have equally many rows, the first
    in alphabetical order is used.

    Args:
        asked: conditions to sample, shape (n_rows, n_columns).
        known: conditions of the training rows, same columns.

    Returns:
        The conditions after replacement, with the index of ``asked``, and a dict from the label of each replaced
        condition to the label of its replacement.
    """
    used, columns = asked.astype(str), list(known.columns)
    codes, names = pd.factorize(condition_labels(known).to_numpy(), sort=True)
    _, first, counts = np.unique(codes, return_index=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")  # by number of training rows, then by name
    names, values = names[order], known.iloc[first[order]].astype(str).to_numpy()
    labels, wanted = condition_labels(used).to_numpy(), used[columns].to_numpy()
    replaced: dict[str, str] = {}
    for label in sorted(set(labels) - set(names)):
        rows = labels == label
        best = int((values == wanted[rows.argmax()]).sum(axis=1).argmax())  # the first of equals
        wanted[rows] = values[best]
        replaced[str(label)] = str(names[best])
    if replaced:
        used[columns] = wanted
    return used, replaced
