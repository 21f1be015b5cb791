"""Correlations between numeric features in tables with missing values.

The correlation of two features uses the rows in which both features have a value. Let X be the centred values, with 0
for a missing value, and M the mask of values that are not missing. With ' for the transpose, the matrix products M'M,
X'M, (X^2)'M and X'X contain, for each pair of features, the number of these rows and sums of x, x^2 and xy over these
rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tabgenbench import Unsupported
from tabgenbench_plugins.correlation import (
    MAX_TRIANGLE_FEATURES,
    MIN_ROWS,
    Floats,
    check_shapes,
    correlation_agreement,
    pearson,
    triangle,
)

__all__ = [
    "CHUNK",
    "Columns",
    "PresentColumns",
    "agreement",
    "centred_block",
    "check_columns",
    "mean_and_spread",
    "n_columns",
    "present_correlations",
    "select",
    "triangle_of",
    "varying",
    "varying_columns",
]

TILE = 512  # features per side of a tile
CHUNK = 8192  # rows per product
EQUAL = 1e-10  # a variance below this share of the mean square is rounding error

Bools: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class PresentColumns:
    """Numeric columns in which some values are missing.

    Attributes:
        values: shape (n_rows, n_features). Entries where ``present`` is false are ignored.
        present: mask of the entries of ``values`` that are not missing, same shape.
        floor: limit, shape (n_features,) or one number. Columns with a population standard deviation up to this limit
            count as constant.
    """

    values: NDArray[np.floating]
    present: Bools
    floor: Floats | float = 0.0

    def triangle(self) -> Floats:
        """Return the correlation of each pair of features i < j, shape (p (p - 1) / 2,).

        Raises:
            Unsupported: there are more than 4,000 features.
        """
        from scipy.spatial.distance import squareform

        p = self.values.shape[1]
        if p > MAX_TRIANGLE_FEATURES:
            raise Unsupported(
                f"the table has missing values and {p:,} numeric features; correlations over present cells are "
                f"computed for at most {MAX_TRIANGLE_FEATURES:,}, because memory grows with their square"
            )
        pairs: Floats = squareform(present_correlations(self.values, self.present, floor=self.floor), checks=False)
        return pairs

    def varies(self) -> Bools:
        """Return a mask of the columns that vary, ignoring missing values, shape (n_features,)."""
        return varying(self.values, self.present) & (mean_and_spread(self.values, self.present)[1] > self.floor)


Columns: TypeAlias = Floats | PresentColumns  # unit columns, or columns with missing values


def agreement(real: Columns, synthetic: Columns) -> float:
    """Return gamma, the Pearson correlation between the feature-feature correlations of two tables.

    Raises:
        Undefined: fewer than 3 rows or features, or all correlations of a table are equal.
        Unsupported: a table with missing values has more than 4,000 features.
    """
    if isinstance(real, PresentColumns) or isinstance(synthetic, PresentColumns):
        check_columns(real, synthetic)
        return pearson(triangle_of(real), triangle_of(synthetic))
    return correlation_agreement(real, synthetic)


def triangle_of(columns: Columns) -> Floats:
    """Return the correlation of each pair of features i < j, shape (p (p - 1) / 2,)."""
    return columns.triangle() if isinstance(columns, PresentColumns) else triangle(columns)


def n_columns(columns: Columns) -> int:
    """Return the number of columns."""
    values = columns.values if isinstance(columns, PresentColumns) else columns
    return int(values.shape[1])


def select(columns: Columns, chosen: NDArray[np.integer] | Bools) -> Columns:
    """Return some of the columns; ``chosen`` contains their positions, or is a mask of all columns."""
    if isinstance(columns, PresentColumns):
        floor = np.broadcast_to(np.asarray(columns.floor, dtype=np.float64), columns.values.shape[1])[chosen]
        return PresentColumns(columns.values[:, chosen], columns.present[:, chosen], floor)
    return columns[:, chosen]


def varying_columns(columns: Columns) -> Bools:
    """Return a mask of the columns that are not constant, shape (n_features,)."""
    return columns.varies() if isinstance(columns, PresentColumns) else np.asarray(columns.any(axis=0))


def check_columns(real: Columns, synthetic: Columns) -> None:
    """Raise `Undefined` if there are too few rows or features to compare correlations."""
    check_shapes(_outline(real), _outline(synthetic))


def _outline(columns: Columns) -> Floats:
    # `check_shapes` only needs the shape of the array and to see which columns are zero (constant).
    if not isinstance(columns, PresentColumns):
        return columns
    return np.broadcast_to(columns.varies().astype(np.float64), columns.values.shape)


def varying(values: NDArray[np.floating], present: Bools | None) -> Bools:
    """Return a mask of the columns that vary, ignoring missing values, shape (n_features,)."""
    if present is None:
        return np.asarray(values.max(axis=0) > values.min(axis=0))
    largest = values.max(axis=0, where=present, initial=-np.inf)
    return np.asarray(largest > values.min(axis=0, where=present, initial=np.inf))


def mean_and_spread(values: NDArray[np.floating], present: Bools | None) -> tuple[Floats, Floats]:
    """Return mean and population standard deviation of each column, ignoring missing values.

    Mean and standard deviation are 0 for a column without values. The standard deviation of a constant column is
    exactly 0.
    """
    shift = _first_values(values, present)
    count, total = np.zeros((2, values.shape[1]))
    for start in range(0, len(values), CHUNK):
        x, mask = centred_block(values, present, slice(start, start + CHUNK), slice(None), shift)
        count += mask.sum(axis=0)
        total += x.sum(axis=0)
    n = np.maximum(count, 1.0)
    mean = shift + total / n
    squares = np.zeros_like(mean)
    for start in range(0, len(values), CHUNK):
        x, _ = centred_block(values, present, slice(start, start + CHUNK), slice(None), mean)
        squares += np.einsum("ij,ij->j", x, x)
    return mean, np.sqrt(squares / n)


def _first_values(values: NDArray[np.floating], present: Bools | None) -> Floats:
    if present is None:
        return np.asarray(values[0], dtype=np.float64)
    first = present.argmax(axis=0)
    columns = np.arange(values.shape[1])
    return np.where(present[first, columns], values[first, columns], 0.0).astype(np.float64)


def present_correlations(values: NDArray[np.floating], present: Bools | None, *, floor: Floats | float = 0.0) -> Floats:
    """Return the Pearson correlations of all pairs of columns, shape (p, p), with zeros on the diagonal.

    The correlation uses the rows in which both columns have a value. The correlation is 0 if one column is constant
    over these rows, or if there are fewer than 3 such rows.

    Args:
        values: shape (n, p).
        present: mask of the entries that are not missing, shape (n, p), or None if no entry is missing.
        floor: limit, shape (p,) or one number. Columns with a population standard deviation up to this limit count as
            constant.
    """
    p = values.shape[1]
    centre, _ = mean_and_spread(values, present)
    floors = np.broadcast_to(np.asarray(floor, dtype=np.float64), p)
    r = np.zeros((p, p))
    for i in range(0, p, TILE):
        for j in range(i, p, TILE):
            left, right = slice(i, min(i + TILE, p)), slice(j, min(j + TILE, p))
            part = _tile(values, present, (left, right), centre, floors)
            r[left, right] = part
            r[right, left] = part.T
    np.fill_diagonal(r, 0.0)
    return r


def _tile(
    values: NDArray[np.floating], present: Bools | None, columns: tuple[slice, slice], centre: Floats, floor: Floats
) -> Floats:
    left, right = columns
    sums = np.zeros((6, left.stop - left.start, right.stop - right.start))
    for start in range(0, len(values), CHUNK):
        rows = slice(start, start + CHUNK)
        (x, m), (y, k) = (centred_block(values, present, rows, one, centre) for one in columns)
        sums += (m.T @ k, x.T @ k, m.T @ y, (x * x).T @ k, m.T @ (y * y), x.T @ y)
    n, sx, sy, xx, yy, xy = sums
    enough = n >= MIN_ROWS
    n = np.maximum(n, 1.0)
    vx, vy = xx - sx * sx / n, yy - sy * sy / n
    usable = enough & (vx > EQUAL * xx) & (vy > EQUAL * yy)
    usable &= (np.sqrt(vx.clip(0) / n) > floor[left][:, None]) & (np.sqrt(vy.clip(0) / n) > floor[right][None, :])
    scale = np.sqrt(np.where(usable, vx, 1.0)) * np.sqrt(np.where(usable, vy, 1.0))
    return np.asarray(np.clip(np.where(usable, (xy - sx * sy / n) / scale, 0.0), -1.0, 1.0))


def centred_block(
    values: NDArray[np.floating], present: Bools | None, rows: slice, columns: slice, centre: Floats
) -> tuple[Floats, Floats]:
    """Return centred values of the given rows and columns (0 if missing), and a mask that is 0 for missing values."""
    x = values[rows, columns] - centre[columns]
    if present is None:
        return x, np.ones_like(x)
    mask = present[rows, columns]
    return np.where(mask, x, 0.0), mask.astype(np.float64)
