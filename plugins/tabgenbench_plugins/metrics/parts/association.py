"""Associations of all pairs of columns of one table: Pearson correlation, correlation ratio and Cramér's V."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tabgenbench_plugins.correlation import Floats
from tabgenbench_plugins.metrics.parts.categories import Codes
from tabgenbench_plugins.metrics.parts.present import (
    CHUNK,
    centred_block,
    mean_and_spread,
    present_correlations,
    varying,
)

__all__ = ["Associations", "associations", "correlation_ratios", "cramers_v", "cramers_v_of_pairs"]


@dataclass(frozen=True, eq=False)
class Associations:
    """Associations of the columns of one table, with p numeric features and q categorical columns.

    Attributes:
        numeric: Pearson correlations of the pairs i < j, shape (p (p - 1) / 2,), -1 to 1.
        mixed: correlation ratios of numeric and categorical columns, shape (p, q), 0 to 1.
        categorical: Cramér's V of the pairs i < j, shape (q (q - 1) / 2,), 0 to 1.
    """

    numeric: Floats
    mixed: Floats
    categorical: Floats


def associations(
    values: NDArray[np.float32], present: NDArray[np.bool_] | None, categories: Sequence[Codes]
) -> Associations:
    """Return the associations of all pairs of columns.

    Only rows in which both columns of a pair have a value are used. If one column is constant over these rows, the
    association is 0.

    Args:
        values: numeric features, shape (n, p).
        present: mask of the entries of ``values`` that are not missing, shape (n, p), or None if no entry is missing.
        categories: codes from 0 of each categorical column, each of shape (n,).
    """
    upper = np.triu_indices(values.shape[1], 1)
    return Associations(
        numeric=present_correlations(values, present)[upper],
        mixed=correlation_ratios(values, present, categories),
        categorical=cramers_v_of_pairs(categories),
    )


def correlation_ratios(
    values: NDArray[np.floating], present: NDArray[np.bool_] | None, categories: Sequence[Codes]
) -> Floats:
    """Return the correlation ratio eta of each numeric column with each categorical column, shape (p, q).

    Eta squared is the sum of squares between categories divided by the total sum of squares. Missing values are
    ignored.
    """
    (n_rows, p), q = values.shape, len(categories)
    if q == 0:
        return np.empty((p, 0))
    starts = np.concatenate([[0], np.cumsum([int(codes.max()) + 1 for codes in categories])])
    count, total, squares = np.zeros((starts[-1], p)), np.zeros((starts[-1], p)), np.zeros(p)
    centre, _ = mean_and_spread(values, present)
    for start in range(0, n_rows, CHUNK):
        rows = slice(start, start + CHUNK)
        x, mask = centred_block(values, present, rows, slice(None), centre)
        codes = np.concatenate([one[rows] + first for one, first in zip(categories, starts, strict=False)])
        row = np.tile(np.arange(len(x)), q)
        of_code = sparse.csr_array((np.ones(len(row)), (codes, row)), shape=(starts[-1], len(x)))
        total += of_code @ x
        count += of_code @ mask
        squares += np.einsum("ij,ij->j", x, x)
    between = np.add.reduceat(total**2 / np.maximum(count, 1.0), starts[:-1], axis=0).T
    usable = (varying(values, present) & (squares > 0.0))[:, None]
    ratio = np.where(usable, between / np.where(usable, squares[:, None], 1.0), 0.0)
    return np.asarray(np.sqrt(np.clip(ratio, 0.0, 1.0)))


def cramers_v_of_pairs(categories: Sequence[Codes]) -> Floats:
    """Return Cramér's V of the pairs i < j of categorical columns, shape (q (q - 1) / 2,)."""
    sizes = [int(codes.max()) + 1 for codes in categories]
    found = []
    for i, a in enumerate(categories):
        wide = a.astype(np.int64)
        for j in range(i + 1, len(categories)):
            table = np.bincount(wide * sizes[j] + categories[j], minlength=sizes[i] * sizes[j])
            found.append(cramers_v(table.reshape(sizes[i], sizes[j])))
    return np.array(found, dtype=np.float64)


def cramers_v(table: NDArray[np.integer]) -> float:
    """Return Cramér's V of a contingency table, without bias correction; 0 if a variable has one category.

    V squared is chi squared divided by n (min(r, c) - 1), where n is the number of rows, and r and c are the numbers of
    occurring categories.

    >>> cramers_v(np.array([[30, 0], [0, 20]]))
    1.0
    """
    table = table[table.any(axis=1)][:, table.any(axis=0)].astype(np.float64)
    fewest = min(table.shape) - 1
    if fewest < 1:
        return 0.0
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    share = (table**2 / rows[:, None] / columns[None, :]).sum() - 1.0  # chi squared / n
    return float(np.sqrt(np.clip(share / fewest, 0.0, 1.0)))
