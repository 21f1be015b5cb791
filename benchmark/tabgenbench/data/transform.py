"""The evaluation scale: log2(x + 1) if the dataset requests it, then standardisation by training rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tabgenbench.data.table import CHECK_ROWS, Matrix, Scale, Table
from tabgenbench.errors import DataError

__all__ = ["Transform"]


@dataclass(frozen=True, eq=False)
class Transform:
    """An invertible map between a dataset's own scale and the evaluation scale, ``standardized``.

    For a dataset that is already standardized, the map is the identity.

    Attributes:
        mean: mean of each feature over training rows (after log2(x + 1) if ``log2p1`` is true), shape (n_features,),
            float64.
        std: standard deviation of each feature over the same values (population form), shape (n_features,), float64; 1
            for a feature that is constant in training rows.
        own_scale: the scale of the table that the transform was fitted on.
        log2p1: whether log2(x + 1) is applied before standardisation.
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    own_scale: Scale
    log2p1: bool

    @classmethod
    def fit(cls, train: Table) -> Transform:
        """Compute mean and standard deviation of every feature from training rows only."""
        if train.n_rows == 0:
            raise DataError("the training side of the split has no row, expected at least one")
        if train.scale == "standardized":
            if train.log2p1:
                raise DataError("got log2p1 for values that are standardized already; set log2p1 = false")
            ones = np.ones(train.n_features)
            return cls(np.zeros_like(ones), ones, train.scale, train.log2p1)
        values = _log2p1(train.dense()) if train.log2p1 else train.dense()
        mean = values.mean(axis=0, dtype=np.float64)
        variance = np.zeros_like(mean)
        for start in range(0, len(values), CHECK_ROWS):
            variance += ((values[start : start + CHECK_ROWS] - mean) ** 2).sum(axis=0)
        std = np.sqrt(variance / len(values))
        constant = values.max(axis=0) == values.min(axis=0)
        for gap in train.schema.numeric_gaps():  # of these features, present values alone count
            column = train.features.index(gap.column)
            found = values[~train.is_gap(gap.column), column].astype(np.float64)
            mean[column] = found.mean() if len(found) else 0.0
            std[column] = found.std() if len(found) else 0.0
            constant[column] = std[column] == 0
        std[constant | (std == 0)] = 1.0
        return cls(mean, std, train.scale, train.log2p1)

    def apply(self, table: Table) -> Table:
        """Return a table on the evaluation scale; a table on that scale is returned unchanged.

        If log2(x + 1) is applied, negative values count as 0.
        """
        if table.scale == "standardized":
            return table
        return replace(table, X=self.apply_array(table.dense()), scale="standardized")

    def apply_array(self, values: Matrix) -> NDArray[np.float32]:
        """Map values, shape (n_rows, n_features), to the evaluation scale."""
        logged = _log2p1(values) if self.log2p1 else values
        out = np.empty(values.shape, dtype=np.float32)
        for start in range(0, len(out), CHECK_ROWS):
            rows = slice(start, start + CHECK_ROWS)
            out[rows] = (logged[rows] - self.mean) / self.std
        return out

    def invert(self, table: Table) -> Table:
        """Return a table on the dataset's own scale; values that log2(x + 1) cannot produce become 0."""
        if table.scale != "standardized":
            return table
        out = np.empty(table.X.shape, dtype=np.float32)
        for start in range(0, len(out), CHECK_ROWS):
            rows = slice(start, start + CHECK_ROWS)
            values = table.X[rows] * self.std + self.mean
            out[rows] = np.maximum(np.exp2(values) - 1.0, 0.0) if self.log2p1 else values
        return replace(table, X=out, scale=self.own_scale)

    def round_whole(self, table: Table) -> Table:
        """Return a standardized table whose whole-number features are whole on the dataset's own scale.

        Values at gaps stay as they are: the medians of training rows, which may be between two whole numbers.
        """
        names = table.schema.whole_numbers
        if not names or table.scale != "standardized" or self.own_scale == "standardized":
            return table
        columns = [table.features.index(name) for name in names]
        part = replace(self, mean=self.mean[columns], std=self.std[columns])
        values = np.array(table.dense())
        own = values[:, columns] * part.std + part.mean
        own = np.maximum(np.exp2(own) - 1.0, 0.0) if self.log2p1 else own
        rounded, present = part.apply_array(np.rint(own).astype(np.float32)), table.present()
        values[:, columns] = rounded if present is None else np.where(present[:, columns], rounded, values[:, columns])
        return replace(table, X=values)


def _log2p1(values: NDArray[np.float32]) -> NDArray[np.float64]:
    logged: NDArray[np.float64] = np.log1p(np.maximum(values, 0.0), dtype=np.float64)
    logged /= np.log(2.0)
    return logged
