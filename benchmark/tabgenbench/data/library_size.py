"""Log-normalisation of counts, and its inverse.

Each row of counts is scaled to the sum 10,000, then log1p is applied. The scaling loses the library size (the original
sum). For a dataset with ``per_10k``, the tables that generators get on the evaluation scale therefore have one more
feature at the end, `LIBRARY`: the standardised logarithm of the library size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tabgenbench.data.table import Matrix, dense_block

__all__ = ["LIBRARY", "PER", "counts_of", "log_libraries", "log_normalised", "whole_counts"]

LIBRARY = "log library size"
PER = 10_000.0
LARGEST = 24.0  # larger logarithms are clipped: exp(24) exceeds the whole numbers that float32 can count

Floats = NDArray[np.float64]


def log_libraries(counts: Matrix) -> Floats:
    """Return the natural logarithm of the library size of each row, 0 for a row without counts, shape (n_rows,)."""
    totals = np.asarray(counts.sum(axis=1, dtype=np.float64), dtype=np.float64).reshape(-1)
    return np.log(np.maximum(totals, 1.0))


def log_normalised(counts: Matrix) -> Floats:
    """Return the log-normalised counts as a dense array, shape (n_rows, n_features)."""
    scale = PER / np.exp(log_libraries(counts))
    values: Floats = np.log1p(dense_block(counts) * scale[:, None])
    return values


def counts_of(values: NDArray[Any], log_library: NDArray[Any]) -> Any:
    """Return the counts of log-normalised rows, rounded to whole numbers, as a CSR matrix.

    Args:
        values: log1p(counts per 10,000), shape (n_rows, n_features); 0 replaces negative values.
        log_library: natural logarithm of the library size of each row, shape (n_rows,).
    """
    scale = np.exp(np.minimum(log_library, LARGEST)) / PER
    return whole_counts(np.expm1(np.clip(values, 0.0, LARGEST)) * scale[:, None])


def whole_counts(values: Matrix) -> Any:
    """Return values rounded to whole numbers >= 0, as a CSR matrix of float32 without stored zeros."""
    counts = sparse.csr_matrix(values, dtype=np.float32, copy=True)
    counts.data = np.maximum(np.rint(counts.data), 0.0).astype(np.float32)
    counts.eliminate_zeros()
    counts.sort_indices()
    return counts
