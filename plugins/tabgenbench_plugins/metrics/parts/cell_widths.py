"""Silhouette widths of biological cells, grouped by type or batch, and the share of variance between batches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tabgenbench_plugins.correlation import Floats, Undefined

__all__ = ["asw_batch", "bras", "isolated_labels", "type_widths", "variance_between"]

Codes = NDArray[np.int64]


def type_widths(embedding: Floats, types: Codes) -> Floats:
    """Return each cell's silhouette width with types as clusters, rescaled to [0, 1], shape (n_cells,)."""
    from sklearn.metrics import silhouette_samples

    widths: Floats = (silhouette_samples(embedding, types) + 1) / 2
    return widths


def isolated_labels(widths: Floats, types: Codes, batches: Codes) -> float:
    """Return the mean silhouette width of the isolated types (types that occur in the fewest batches).

    Types have equal weights.

    Args:
        widths: the result of `type_widths`.
        types: shape (n_cells,).
        batches: shape (n_cells,).
    """
    names = np.unique(types)
    n_batches = np.array([len(np.unique(batches[types == name])) for name in names])
    return float(np.mean([widths[types == name].mean() for name in names[n_batches == n_batches.min()]]))


def asw_batch(embedding: Floats, types: Codes, batches: Codes) -> float:
    """Return 1 - mean |silhouette width of batches| within a type, averaged over types (Luecken et al. 2022).

    Raises:
        Undefined: no type has two batches and more cells than batches.
    """
    from sklearn.metrics import silhouette_samples

    return _mean_over_types(embedding, types, batches, silhouette_samples)


def bras(embedding: Floats, types: Codes, batches: Codes) -> float:
    """Return the batch-removal adapted silhouette (Rautenstrauch & Ohler 2025), averaged over types.

    Unlike `asw_batch`, the score uses cosine distances, and the mean distance to all cells of other batches instead of
    the mean distance to the nearest other batch.

    Raises:
        Undefined: no type has two batches and more cells than batches.
    """
    return _mean_over_types(embedding, types, batches, _cosine_widths)


def _mean_over_types(
    embedding: Floats, types: Codes, batches: Codes, widths: Callable[[Floats, Codes], Floats]
) -> float:
    found = []
    for name in np.unique(types):
        rows = types == name
        if 1 < len(np.unique(batches[rows])) < rows.sum():
            found.append(1 - np.abs(widths(embedding[rows], batches[rows])).mean())
    if not found:
        raise Undefined("no type has two batches and more cells than batches")
    return float(np.mean(found))


def _cosine_widths(embedding: Floats, batches: Codes) -> Floats:
    # Sums of unit vectors replace the matrix of all distances.
    lengths = np.linalg.norm(embedding, axis=1, keepdims=True)
    units = embedding / np.where(lengths > 0, lengths, 1.0)
    codes = np.unique(batches, return_inverse=True)[1]
    sums, counts = np.zeros((codes.max() + 1, units.shape[1])), np.bincount(codes)
    np.add.at(sums, codes, units)
    own, n_own = sums[codes], counts[codes]
    n_inside = np.maximum(n_own - 1, 1)
    inside = 1 - ((own - units) * units).sum(axis=1) / n_inside
    outside = 1 - ((units.sum(axis=0) - own) * units).sum(axis=1) / (len(codes) - n_own)
    largest = np.maximum(inside, outside)
    widths: Floats = np.where((n_own > 1) & (largest > 0), (outside - inside) / np.where(largest > 0, largest, 1), 0.0)
    return widths


def variance_between(values: Floats, batches: Codes) -> float:
    """Return the share of the total variance that lies between the means of batches, in [0, 1].

    The share equals the score of principal component regression (Büttner et al. 2019), if all components are used and
    each component is weighted by its variance.

    Args:
        values: shape (n_cells, n_dimensions).
        batches: shape (n_cells,).
    """
    centred = values - values.mean(axis=0)
    total = float((centred**2).sum())
    if total == 0:
        return 0.0
    parts = [(batches == batch) for batch in np.unique(batches)]
    return float(sum(rows.sum() * (centred[rows].mean(axis=0) ** 2).sum() for rows in parts) / total)
