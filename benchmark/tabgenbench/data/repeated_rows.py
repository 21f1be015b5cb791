"""Counting rows that repeat an earlier row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tabgenbench.data.table import Table

__all__ = ["n_repeated_rows"]

BLOCK_VALUES = 1 << 20  # values of a dense matrix that are hashed at once, to limit memory
Hashes = NDArray[np.uint64]


def n_repeated_rows(table: Table) -> int:
    """Return how many rows equal an earlier row in all columns except the sample id and the group.

    Rows are compared by 64-bit hashes: for a million rows, the probability of a wrong count is below 1e-6. Time is
    linear in the number of stored values.
    """
    columns = [column for column in table.obs.columns if column != table.schema.group]
    random = np.random.default_rng(0).integers(1, 2**64 - 1, table.n_features + len(columns), dtype=np.uint64)
    hashes = _hash_matrix(table.X, random[: table.n_features])
    for column, factor in zip(columns, random[table.n_features :], strict=True):
        codes = table.obs[column].astype("category").cat.codes.to_numpy()
        hashes += _mixed((codes.astype(np.int64) + 1).astype(np.uint64)) * factor
    return len(hashes) - len(np.unique(hashes))


def _hash_matrix(values: Any, factors: Hashes) -> Hashes:
    """Return, for each row, the sum over columns of factor times hash of the value, modulo 2^64."""
    n_rows, n_columns = values.shape
    hashes = np.zeros(n_rows, dtype=np.uint64)
    is_sparse = sparse.issparse(values)
    per_row = values.nnz / max(1, n_rows) if is_sparse else n_columns
    step = int(BLOCK_VALUES // max(1, per_row)) or 1
    for start in range(0, n_rows, step):
        block = values[start : start + step]
        if is_sparse:
            sums = np.cumsum(_bits(block.data) * factors[block.indices], dtype=np.uint64)
            ends = np.concatenate([[np.uint64(0)], sums])[block.indptr]
            hashes[start : start + step] = ends[1:] - ends[:-1]
        else:
            hashes[start : start + step] = (_bits(np.asarray(block)) * factors).sum(axis=1, dtype=np.uint64)
    return hashes


def _bits(values: NDArray[np.float32]) -> Hashes:
    plain = np.where(np.isnan(values), np.float32(np.nan), values + np.float32(0)).astype(np.float32, copy=False)
    return _mixed(plain.view(np.uint32).astype(np.uint64))


def _mixed(bits: Hashes) -> Hashes:
    """Return a hash of each 64-bit value; the hash of 0 is 0."""
    bits = (bits ^ (bits >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(29))) * np.uint64(0xD1342543DE82EF95)
    return bits ^ (bits >> np.uint64(32))
