"""Training rows grouped by condition, and the rules for conditions without training rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench import ConditionCodes, Context, Table, condition_labels, nearest_known

__all__ = ["TrainingConditions", "permuted_rows", "with_known_values"]


@dataclass(frozen=True, eq=False)
class TrainingConditions:
    """The conditions of the training rows; a table without condition columns has one condition named ``all``.

    Attributes:
        frame: conditions of the training rows, shape (n_train, n_columns).
        labels: names of the K different conditions, sorted.
        group: position in ``labels`` of the condition of each training row, shape (n_train,).
        counts: number of training rows of each condition, shape (K,).
    """

    frame: pd.DataFrame
    labels: tuple[str, ...]
    group: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, train: Table) -> TrainingConditions:
        """Group the rows of a table by their condition."""
        frame = train.conditions
        labels, group, counts = np.unique(
            condition_labels(frame).to_numpy(dtype=str), return_inverse=True, return_counts=True
        )
        return cls(frame, tuple(str(x) for x in labels), group.astype(np.int64), counts.astype(np.int64))

    def rows(self, group: int) -> NDArray[np.int64]:
        """Return the positions of a condition's training rows, ascending."""
        rows: NDArray[np.int64] = np.flatnonzero(self.group == group)
        return rows

    def means(self, values: NDArray[np.float32], present: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
        """Return the mean row of each condition, shape (K, n_features), summed in float64.

        Missing values are excluded. If a condition has no value of a feature, the result is the placeholder that
        ``values`` contains for missing values: the median of the feature in all training rows.

        Args:
            values: training rows, shape (n_train, n_features).
            present: mask of the entries that are not missing, same shape as ``values``; None if no value is missing.
        """
        means = np.empty((len(self.labels), values.shape[1]), dtype=np.float32)
        for k in range(len(self.labels)):
            rows = self.rows(k)
            means[k] = values[rows].mean(axis=0, dtype=np.float64)
            if present is not None:
                has_value = present[rows]
                sums = np.where(has_value, values[rows], 0.0).sum(axis=0, dtype=np.float64)
                np.divide(sums, has_value.sum(axis=0), out=means[k], where=has_value.any(axis=0), casting="same_kind")
        return means

    def category_counts(self, codes: NDArray[np.int64], n_values: int) -> NDArray[np.int64]:
        """Return the number of training rows for each condition and value of a categorical column, shape (K, n_values).

        Args:
            codes: the column's code in each training row, shape (n_train,).
            n_values: number of values of the column.
        """
        counts = np.bincount(self.group * n_values + codes, minlength=len(self.labels) * n_values)
        return counts.reshape(len(self.labels), n_values).astype(np.int64)

    def asked(self, conditions: pd.DataFrame, context: Context) -> NDArray[np.int64]:
        """Return, for each requested row, the position in ``labels`` of the condition to use, shape (n_asked,).

        A condition without training rows is replaced by the most similar condition with training rows, and the
        replacement is recorded.
        """
        used = conditions.loc[:, list(self.frame.columns)]
        if used.shape[1] == 0:
            return np.zeros(len(conditions), dtype=np.int64)
        used, replaced = nearest_known(used, self.frame)
        _record_nearest(conditions.loc[:, list(self.frame.columns)], replaced, context)
        asked: NDArray[np.int64] = pd.Index(self.labels).get_indexer(condition_labels(used)).astype(np.int64)
        return asked

    def each_asked(self, conditions: pd.DataFrame, context: Context) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Yield each condition that `asked` returns, as position in ``labels``, and the requested rows that use it."""
        asked = self.asked(conditions, context)
        for k in np.unique(asked):
            yield int(k), np.flatnonzero(asked == k)

    def record_rare(self, asked: NDArray[np.int64], rare: NDArray[np.bool_], *, rule: str, context: Context) -> None:
        """Record a fallback for each requested condition that has too few training rows for a separate estimate.

        Args:
            asked: the training condition used for each requested row, shape (n_asked,).
            rare: mask of the conditions with too few training rows, shape (K,).
            rule: the estimate that is used instead.
            context: receives the fallbacks.
        """
        for k in np.unique(asked):
            if rare[k]:
                n = self.counts[k]
                why = f"{rule}, as the condition has {n} training row{'s' if n > 1 else ''}"
                context.fallback(self.labels[k], rows=int((asked == k).sum()), rule=why)


def with_known_values(
    conditions: pd.DataFrame, train: TrainingConditions, codes: ConditionCodes, context: Context
) -> pd.DataFrame:
    """Return the requested conditions, with replacements for those with a value that occurs in no training row.

    Such a value has no one-hot code. The whole condition is replaced by the most similar training condition, and the
    replacement is recorded. A new combination of values that occur in training rows is kept, and a note names it.

    Args:
        conditions: requested conditions, one per row; further columns are ignored.
        train: the conditions of the training rows.
        codes: the values of each condition column in the training rows.
        context: receives replacements and notes.

    Returns:
        The condition columns, same index as ``conditions``.
    """
    asked = conditions.loc[:, list(codes.columns)].astype(str)
    if asked.shape[1] == 0 or asked.empty:
        return asked
    unseen = np.zeros(len(asked), dtype=bool)
    for column, values in zip(codes.columns, codes.categories, strict=True):
        unseen |= ~asked[column].isin(values).to_numpy()
    new = set(condition_labels(asked[~unseen])) - set(train.labels)
    if new:
        context.note(
            f"no training row has this combination, the model combines values it knows: {'; '.join(sorted(new))}"
        )
    if unseen.any():
        used, replaced = nearest_known(asked[unseen], train.frame)
        _record_nearest(asked[unseen], replaced, context)
        asked.loc[unseen, :] = used.to_numpy()
    return asked


def permuted_rows(rows: NDArray[np.int64], n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return ``n`` elements of ``rows`` in random order.

    Rows are drawn without replacement. When all rows are used, drawing starts again in a new random order.
    """
    shuffles = [rng.permutation(rows) for _ in range(-(-n // len(rows)))]
    return np.concatenate([np.zeros(0, dtype=np.int64), *shuffles])[:n]


def _record_nearest(asked: pd.DataFrame, replaced: dict[str, str], context: Context) -> None:
    if not replaced:
        return
    counts = condition_labels(asked).value_counts()
    for label, nearest in replaced.items():
        context.fallback(label, rows=int(counts[label]), rule=f"nearest known condition: {nearest}")
