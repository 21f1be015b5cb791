"""Residuals of a table after subtracting each condition's mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench import condition_labels
from tabgenbench_plugins.correlation import Floats, Undefined
from tabgenbench_plugins.metrics.parts.present import mean_and_spread

__all__ = [
    "CONSTANT_SHARE",
    "PresentResiduals",
    "Residuals",
    "condition_rows",
    "present_residuals",
    "residuals",
    "spread",
]

CONSTANT_SHARE = 1e-5  # a smaller share of a feature's spread within conditions is rounding error


@dataclass(frozen=True, eq=False)
class Residuals:
    """Residuals: each row minus the mean row of its condition.

    A condition with a single row is excluded.

    Attributes:
        values: residuals of the included rows, shape (n_included, n_features).
        total_spread: population standard deviation of each feature over included rows, before subtraction of the means.
        n_conditions: number of conditions with two or more rows.
        n_left_out: number of excluded rows.
    """

    values: Floats
    total_spread: Floats
    n_conditions: int
    n_left_out: int

    @property
    def degrees_of_freedom(self) -> int:
        """Number of included rows minus ``n_conditions``."""
        return len(self.values) - self.n_conditions


@dataclass(frozen=True, eq=False)
class PresentResiduals:
    """Residuals of a table with missing values: each value minus the mean of its feature in its condition.

    A condition with a single row is excluded.

    Attributes:
        values: residuals of the included rows, 0 where ``present`` is false, shape (n_included, n_features).
        present: mask of the entries with a residual. An entry has a residual if its value is not missing, and another
            row of the condition also has a value of the feature.
        total_spread: population standard deviation of each feature over included rows, before subtraction of the means.
        degrees_of_freedom: for each feature, the number of residuals minus the number of conditions with residuals.
        n_left_out: number of excluded rows.
    """

    values: Floats
    present: NDArray[np.bool_]
    total_spread: Floats
    degrees_of_freedom: NDArray[np.int64]
    n_left_out: int


def condition_rows(conditions: pd.DataFrame) -> dict[str, NDArray[np.intp]]:
    """Return the positions of the rows of each condition, by the condition's label; labels are sorted."""
    labels = condition_labels(conditions).to_numpy().astype(str)
    names, codes = np.unique(labels, return_inverse=True)
    return {str(name): np.flatnonzero(codes == code) for code, name in enumerate(names)}


def residuals(values: NDArray[np.float32], conditions: pd.DataFrame) -> Residuals:
    """Return the rows minus the means of their conditions, without conditions that have a single row.

    Args:
        values: shape (n_rows, n_features).
        conditions: shape (n_rows, n_columns); without columns, all rows are one condition.

    Raises:
        Undefined: no condition has two rows.
    """
    groups = _groups(conditions)
    kept = np.concatenate(groups)
    parts = [_centred(values[rows]) for rows in groups]
    return Residuals(np.concatenate(parts), spread(values[kept]), len(groups), len(values) - len(kept))


def present_residuals(
    values: NDArray[np.float32], present: NDArray[np.bool_], conditions: pd.DataFrame
) -> PresentResiduals:
    """Return the values minus the means of their conditions, like `residuals`, but ignore missing values.

    ``present`` is the mask of the entries that are not missing, shape (n_rows, n_features).

    Raises:
        Undefined: no condition has two rows.
    """
    groups = _groups(conditions)
    kept = np.concatenate(groups)
    parts, masks = [], []
    degrees = np.zeros(values.shape[1], dtype=np.int64)
    for rows in groups:
        count = present[rows].sum(axis=0)
        mask = present[rows] & (count > 1)
        mean, _ = mean_and_spread(values[rows], mask)
        parts.append(np.where(mask, values[rows] - mean, 0.0))
        masks.append(mask)
        degrees += np.where(count > 1, count - 1, 0)
    _, total_spread = mean_and_spread(values[kept], present[kept])
    return PresentResiduals(
        np.concatenate(parts), np.concatenate(masks), total_spread, degrees, len(values) - len(kept)
    )


def _groups(conditions: pd.DataFrame) -> list[NDArray[np.intp]]:
    groups = [rows for rows in condition_rows(conditions).values() if len(rows) > 1]
    if not groups:
        raise Undefined("no condition has two rows, so there are no residuals")
    return groups


def spread(values: NDArray[np.floating]) -> Floats:
    """Return the population standard deviation of each column; exactly 0 for a constant column."""
    centred = _centred(values)
    return np.asarray(np.sqrt(np.einsum("ij,ij->j", centred, centred) / len(centred)))


def _centred(values: NDArray[np.floating]) -> Floats:
    centred: Floats = values - values[0].astype(np.float64)  # a constant column becomes exactly zero
    centred -= centred.mean(axis=0)
    return centred
