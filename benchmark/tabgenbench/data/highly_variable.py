"""Highly variable features of a table of counts.

The method is ``seurat_v3`` of Stuart et al. 2019 (https://doi.org/10.1016/j.cell.2019.05.031), with a quadratic
regression instead of a local regression. The regression predicts the log10 variance of a feature from its log10 mean.
The counts of a feature are standardised by the predicted standard deviation and clipped at the square root of the
number of rows. The variance of the clipped values ranks the features.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tabgenbench.data.table import Table
from tabgenbench.errors import ConfigError

__all__ = ["highly_variable"]

Floats = NDArray[np.float64]


def highly_variable(train: Table, n: int) -> tuple[str, ...]:
    """Return the names of the ``n`` most variable features of training rows, in the order of the table.

    Of equally variable features, the first in the table is preferred. If the table has at most ``n`` features, all are
    returned.

    Raises:
        ConfigError: the values are not counts.
    """
    if train.scale != "counts":
        raise ConfigError(
            f"split: option 'highly_variable': the dataset {train.source.name!r} has scale {train.scale!r}, expected "
            "counts; remove the option, or choose the features yourself"
        )
    order = np.argsort(-_standardised_variance(train), kind="stable")
    return tuple(train.features[j] for j in np.sort(order[:n]))


def _standardised_variance(train: Table) -> Floats:
    counts, n, size = sparse.csr_matrix(train.X), train.n_rows, train.n_features

    def sums(values: NDArray[np.floating]) -> Floats:
        totals: Floats = np.bincount(counts.indices, weights=values, minlength=size).astype(np.float64)
        return totals

    mean = sums(counts.data) / n
    variance = (sums(counts.data.astype(np.float64) ** 2) - n * mean**2) / max(n - 1, 1)
    varies = variance > 1e-12
    score = np.zeros(size)
    if not varies.any():
        return score
    x, y = np.log10(mean[varies]), np.log10(variance[varies])
    degree = min(2, len(np.unique(x)) - 1)
    spread = np.ones(size)
    spread[varies] = np.sqrt(10.0 ** np.polynomial.Polynomial.fit(x, y, degree)(x))
    limit = mean + np.sqrt(n) * spread
    clipped = np.minimum(counts.data, limit[counts.indices])
    squares = n * mean**2 + sums(clipped**2) - 2.0 * mean * sums(clipped)
    score[varies] = (squares / (max(n - 1, 1) * spread**2))[varies]
    return score
