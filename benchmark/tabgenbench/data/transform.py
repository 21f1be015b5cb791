"""The transform to the evaluation scale: an optional logarithm, then standardisation by the training rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tabgenbench.data.library_size import LIBRARY, counts_of, log_libraries, log_normalised, whole_counts
from tabgenbench.data.table import CHECK_ROWS, Matrix, Scale, Table
from tabgenbench.errors import DataError

__all__ = ["Transform", "has_library"]


@dataclass(frozen=True, eq=False)
class Transform:
    """Invertible conversion between a dataset's own scale and the evaluation scale, ``standardized``.

    Values are standardised by the mean and standard deviation of the training rows. If the dataset sets ``log2p1``,
    log2(x + 1) is applied first; if it sets ``per_10k``, log1p(counts per 10,000) is applied first. For a dataset that
    is already standardized, the conversion changes nothing.

    Attributes:
        mean: mean of each feature over training rows, after the logarithm if one is applied, shape (n_features,),
            float64.
        std: population standard deviation of the values that ``mean`` averages, shape (n_features,), float64; 1 for a
            feature that is constant in training rows.
        own_scale: the scale of the table that the transform was fitted on.
        log2p1: whether log2(x + 1) is applied before standardisation.
        library: mean and standard deviation of the log library size over training rows, for a dataset with ``per_10k``;
            otherwise None. The library size is the sum of the counts of a row.
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    own_scale: Scale
    log2p1: bool
    library: tuple[float, float] | None = None

    @classmethod
    def fit(cls, train: Table) -> Transform:
        """Return a transform with the mean and standard deviation of every feature over the training rows."""
        if train.n_rows == 0:
            raise DataError("the training side of the split has no row, expected at least one")
        if train.schema.per_10k:
            return cls._fit_counts(train)
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
        for gap in train.schema.numeric_gaps():  # features with gaps: only present values count
            column = train.features.index(gap.column)
            found = values[~train.is_gap(gap.column), column].astype(np.float64)
            mean[column] = found.mean() if len(found) else 0.0
            std[column] = found.std() if len(found) else 0.0
            constant[column] = std[column] == 0
        std[constant | (std == 0)] = 1.0
        return cls(mean, std, train.scale, train.log2p1)

    @classmethod
    def _fit_counts(cls, train: Table) -> Transform:
        if train.scale != "counts":
            raise DataError(f"got scale {train.scale!r} with per_10k = true, expected counts; set per_10k = false")
        if LIBRARY in train.features:
            raise DataError(f"got a feature named {LIBRARY!r}, a name of TabGenBench for per_10k = true; rename it")
        mean, variance = np.zeros(train.n_features), np.zeros(train.n_features)
        low, high = np.full(train.n_features, np.inf), np.full(train.n_features, -np.inf)
        for block in _row_blocks(train.X):
            values = log_normalised(block)
            mean += values.sum(axis=0) / train.n_rows
            low, high = np.minimum(low, values.min(axis=0)), np.maximum(high, values.max(axis=0))
        for block in _row_blocks(train.X):
            variance += ((log_normalised(block) - mean) ** 2).sum(axis=0) / train.n_rows
        std = np.sqrt(variance)
        std[(low == high) | (std == 0)] = 1.0
        libraries = log_libraries(train.X)
        spread = float(libraries.std()) if np.ptp(libraries) > 0 else 1.0
        return cls(mean, std, train.scale, False, library=(float(libraries.mean()), spread))

    def apply(self, table: Table) -> Table:
        """Return a table on the evaluation scale.

        If log2(x + 1) is applied, negative values count as 0. A table on the evaluation scale is returned unchanged,
        but without the feature `LIBRARY` (library size) that `for_generator` adds.
        """
        if table.scale == "standardized":
            return table.keep_features(table.features[:-1]) if has_library(table) else table
        values = table.X if self.library is not None else table.dense()
        return replace(table, X=self.apply_array(values), scale="standardized")

    def for_generator(self, table: Table) -> Table:
        """Return a table on the evaluation scale for a generator.

        For a dataset with ``per_10k``, a table of counts gets one more feature at the end, the standardised log library
        size. `invert` needs it to undo the normalisation of each row. Any other table is converted by `apply`.
        """
        if self.library is None or table.scale == "standardized":
            return self.apply(table)
        mean, std = self.library
        library = ((log_libraries(table.X) - mean) / std).astype(np.float32)
        values = np.empty((table.n_rows, table.n_features + 1), dtype=np.float32)
        values[:, -1] = library
        self._standardize_into(values[:, :-1], table.X)
        return replace(table, X=values, features=(*table.features, LIBRARY), scale="standardized")

    def to_store(self, table: Table) -> Table:
        """Return sampled rows in the form in which they are stored.

        Rows are stored on the evaluation scale, after features of whole numbers were rounded on the dataset's own
        scale. For a dataset with ``per_10k``, rows on the evaluation scale are stored unchanged, and counts are stored
        as whole numbers >= 0 in a sparse CSR matrix.
        """
        if self.library is not None and table.scale == "counts":
            return replace(table, X=whole_counts(table.X))
        return table if self.library is not None else self.round_whole(self.apply(table))

    def apply_array(self, values: Matrix) -> NDArray[np.float32]:
        """Convert values, shape (n_rows, n_features), to the evaluation scale."""
        out = np.empty(values.shape, dtype=np.float32)
        if self.library is not None:
            self._standardize_into(out, values)
            return out
        logged = _log2p1(values) if self.log2p1 else values
        for start in range(0, len(out), CHECK_ROWS):
            rows = slice(start, start + CHECK_ROWS)
            out[rows] = (logged[rows] - self.mean) / self.std
        return out

    def invert(self, table: Table) -> Table:
        """Return a table on the dataset's own scale; values that are negative after inverting log2(x + 1) become 0.

        For a dataset with ``per_10k``, the result contains whole counts in a sparse CSR matrix.

        Raises:
            DataError: the dataset has ``per_10k``, and the table has no feature `LIBRARY` (library size).
        """
        if table.scale != "standardized":
            return table
        if self.library is not None:
            return self._counts(table)
        out = np.empty(table.X.shape, dtype=np.float32)
        for start in range(0, len(out), CHECK_ROWS):
            rows = slice(start, start + CHECK_ROWS)
            values = table.X[rows] * self.std + self.mean
            out[rows] = np.maximum(np.exp2(values) - 1.0, 0.0) if self.log2p1 else values
        return replace(table, X=out, scale=self.own_scale)

    def _standardize_into(self, out: NDArray[np.float32], counts: Matrix) -> None:
        for start in range(0, len(out), CHECK_ROWS):
            rows = slice(start, start + CHECK_ROWS)
            out[rows] = (log_normalised(counts[rows]) - self.mean) / self.std

    def _counts(self, table: Table) -> Table:
        if not has_library(table) or self.library is None:
            raise DataError(f"table {table.source.name!r}: no feature {LIBRARY!r}, expected it to compute counts")
        mean, std = self.library
        blocks: list[Any] = [sparse.csr_matrix((0, len(self.mean)), dtype=np.float32)]
        for block in _row_blocks(table.dense()):
            blocks.append(counts_of(block[:, :-1] * self.std + self.mean, block[:, -1] * std + mean))
        counts = sparse.vstack(blocks, format="csr")
        return replace(table, X=counts, features=table.features[:-1], scale=self.own_scale)

    def round_whole(self, table: Table) -> Table:
        """Return a standardized table whose whole-number features are whole on the dataset's own scale.

        At a missing value, the table contains the median of the training rows. It is not rounded, because a median may
        lie between two whole numbers.
        """
        names = table.schema.whole_numbers
        if self.library is not None or not names or table.scale != "standardized" or self.own_scale == "standardized":
            return table
        columns = [table.features.index(name) for name in names]
        part = replace(self, mean=self.mean[columns], std=self.std[columns])
        values = np.array(table.dense())
        own = values[:, columns] * part.std + part.mean
        own = np.maximum(np.exp2(own) - 1.0, 0.0) if self.log2p1 else own
        rounded, present = part.apply_array(np.rint(own).astype(np.float32)), table.present()
        values[:, columns] = rounded if present is None else np.where(present[:, columns], rounded, values[:, columns])
        return replace(table, X=values)


def has_library(table: Table) -> bool:
    """Return whether the last feature of a table on the evaluation scale is the log library size."""
    return table.schema.per_10k and table.scale == "standardized" and table.features[-1:] == (LIBRARY,)


def _row_blocks(values: Matrix) -> Iterator[Matrix]:
    for start in range(0, values.shape[0], CHECK_ROWS):
        yield values[start : start + CHECK_ROWS]


def _log2p1(values: NDArray[np.float32]) -> NDArray[np.float64]:
    logged: NDArray[np.float64] = np.log1p(np.maximum(values, 0.0), dtype=np.float64)
    logged /= np.log(2.0)
    return logged
