"""What is left of a table once each condition's own mean is taken off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench import condition_labels
from tabgenbench_plugins.correlation import Floats, Undefined

__all__ = ["CONSTANT_SHARE", "Residuals", "condition_rows", "residuals", "spread"]

CONSTANT_SHARE = 1e-5  # a feature with less of its spread inside the conditions has rounding there, not signal


@dataclass(frozen=True, eq=False)
class Residuals:
    """Rows less their own condition's mean.

    Attributes:
        values: residuals, shape (n_kept, n_features).
        total_spread: standard deviation (population form) of the kept rows before, shape (n_features,).
        n_conditions: number of conditions that are kept.
        n_left_out: rows that are alone in their condition, and so have no residual.
    """

    values: Floats
    total_spread: Floats
    n_conditions: int
    n_left_out: int

    @property
    def degrees_of_freedom(self) -> int:
        """Rows kept less means taken off."""
        return len(self.values) - self.n_conditions


def condition_rows(conditions: pd.DataFrame) -> dict[str, NDArray[np.intp]]:
    """Return the positions of the rows of each condition, in sorted order of the labels."""
    labels = condition_labels(conditions).to_numpy().astype(str)
    names, codes = np.unique(labels, return_inverse=True)
    return {str(name): np.flatnonzero(codes == code) for code, name in enumerate(names)}


def residuals(values: NDArray[np.float32], conditions: pd.DataFrame) -> Residuals:
    """Take each condition's mean off its rows; rows that are alone in their condition are left out.

    Args:
        values: shape (n_rows, n_features).
        conditions: shape (n_rows, n_columns); without a column all rows are one condition.

    Raises:
        Undefined: no condition has two rows.
    """
    groups = [rows for rows in condition_rows(conditions).values() if len(rows) > 1]
    if not groups:
        raise Undefined("no condition has two rows, so nothing is left once each condition's mean is removed")
    kept = np.concatenate(groups)
    parts = [_centred(values[rows]) for rows in groups]
    return Residuals(np.concatenate(parts), spread(values[kept]), len(groups), len(values) - len(kept))


def spread(values: NDArray[np.floating]) -> Floats:
    """Return the standard deviation (population form) of each column; exactly 0 for a constant one."""
    centred = _centred(values)
    return np.asarray(np.sqrt(np.einsum("ij,ij->j", centred, centred) / len(centred)))


def _centred(values: NDArray[np.floating]) -> Floats:
    centred: Floats = values - values[0].astype(np.float64)  # a constant column becomes zeros to the bit
    centred -= centred.mean(axis=0)
    return centred
