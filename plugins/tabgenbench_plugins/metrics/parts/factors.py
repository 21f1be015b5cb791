"""Correlation between the latents of an embedding and the true factors of a simulation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.stats import rankdata

from tabgenbench_plugins.correlation import Floats

__all__ = ["matched_correlation", "within_groups"]


def matched_correlation(factors: Floats, latents: Floats, *, ranks: bool = False) -> float:
    """Return the mean correlation of factors and latents, 0 to 1 (Hyvärinen & Morioka, NeurIPS 2016).

    Each true factor is matched with a different latent so that the sum of absolute correlations is as large as
    possible. The result is the mean of these absolute correlations over factors. The correlation of a factor is 0 if no
    latent is left for the factor, or if the matched latent is constant.

    Args:
        factors: shape (n_cells, n_factors).
        latents: shape (n_cells, n_latents).
        ranks: whether to correlate ranks (Spearman) in place of values (Pearson).
    """
    if ranks:
        factors, latents = rankdata(factors, axis=0), rankdata(latents, axis=0)
    absolute = np.abs(_units(factors).T @ _units(latents))
    rows, columns = linear_sum_assignment(absolute, maximize=True)
    return float(min(absolute[rows, columns].sum() / factors.shape[1], 1.0))


def within_groups(values: Floats, groups: NDArray[np.int64]) -> Floats:
    """Return each value minus the mean of its group.

    Args:
        values: shape (n_cells, n_dimensions).
        groups: group of each cell as a number from 0, shape (n_cells,).
    """
    sums = np.zeros((int(groups.max()) + 1, values.shape[1]))
    np.add.at(sums, groups, values)
    centred: Floats = values - (sums / np.maximum(np.bincount(groups), 1)[:, None])[groups]
    return centred


def _units(values: Floats) -> Floats:
    centred = values - values.mean(axis=0)
    lengths = np.linalg.norm(centred, axis=0)
    is_constant = lengths <= 1e-9 * np.maximum(np.abs(values).max(axis=0), 1.0)
    units: Floats = np.where(is_constant, 0.0, centred / np.where(is_constant, 1.0, lengths))
    return units
