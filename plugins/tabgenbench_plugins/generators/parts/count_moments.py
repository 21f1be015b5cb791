"""Estimation of the dispersion of gene counts within conditions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["pooled_dispersion"]

LEAST, MOST = 0.02, 100.0  # limits of the dispersion; counts with 0.02 are almost Poisson


def pooled_dispersion(counts_NF: Any, group_N: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the dispersion a of each gene, shape (F,).

    A count has the variance L f + a (L f)^2, where L is the library size of the cell and f is the gene's share of all
    counts in the cell's condition. The estimate makes the expected sum of (count - L f)^2 over all cells equal to the
    observed sum. The result is clipped to the range from 0.02 to 100.

    Args:
        counts_NF: counts in CSR form.
        group_N: code of the condition of each cell.
    """
    excess, scale = np.zeros(counts_NF.shape[1]), np.zeros(counts_NF.shape[1])
    for k in np.unique(group_N):
        counts = counts_NF[np.flatnonzero(group_N == k)].astype(np.float64)
        library = _sums(counts, axis=1)
        share = _sums(counts, axis=0) / max(library.sum(), 1.0)
        expected = share**2 * (library**2).sum()
        squares = _sums(counts.multiply(counts), axis=0) - 2.0 * share * np.asarray(counts.T @ library) + expected
        excess += squares - share * library.sum()
        scale += expected
    found = np.divide(excess, scale, out=np.zeros_like(excess), where=scale > 0)
    return np.clip(found, LEAST, MOST)


def _sums(values: Any, *, axis: int) -> NDArray[np.float64]:
    return np.asarray(values.sum(axis=axis), dtype=np.float64).reshape(-1)
