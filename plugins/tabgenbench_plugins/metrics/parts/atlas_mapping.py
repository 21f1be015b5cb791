"""Prediction of cell types: a query cell gets the most frequent type of its nearest reference cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tabgenbench_plugins.correlation import Floats, Undefined
from tabgenbench_plugins.metrics.parts.embedded_cells import Labels
from tabgenbench_plugins.metrics.parts.neighbours import nearest

__all__ = ["Mapping", "choose_threshold", "map_cells"]

FEWEST_CELLS = 10  # number of cells of a type that is removed to choose the threshold
SMALLEST_QUANTILE, N_THRESHOLDS = 0.5, 200


@dataclass(frozen=True, eq=False)
class Mapping:
    """Predicted types of query cells.

    Attributes:
        types: most frequent type among the nearest reference cells, shape (n_query,).
        strangeness: mean distance of each query cell to its nearest reference cells, divided by a usual distance, shape
            (n_query,). The usual distance is the median of the same mean distance over the reference cells of the
            predicted type.
    """

    types: Labels
    strangeness: Floats


def map_cells(reference: Floats, types: Labels, query: Floats, *, k: int) -> Mapping:
    """Assign each query cell the most frequent type among its nearest reference cells.

    Args:
        reference: coordinates of the reference cells, shape (n_reference, n_dimensions).
        types: types of the reference cells, shape (n_reference,).
        query: coordinates of the query cells, shape (n_query, n_dimensions).
        k: number of nearest reference cells.
    """
    k = min(k, len(reference) - 1)
    names, codes = np.unique(types.astype(str), return_inverse=True)
    usual = nearest(reference, reference, k, exclude_self=True).distances.mean(axis=1)
    scale = np.array([np.median(usual[codes == code]) for code in range(len(names))])
    found = nearest(query, reference, k)
    votes = np.stack([(codes[found.indices] == code).sum(axis=1) for code in range(len(names))], axis=1)
    chosen = votes.argmax(axis=1)
    strangeness = found.distances.mean(axis=1) / np.maximum(scale[chosen], 1e-12)
    return Mapping(names[chosen].astype(object), strangeness)


def choose_threshold(reference: Floats, types: Labels, *, k: int, rng: np.random.Generator) -> float:
    """Return the strangeness (see `Mapping`) above which a cell is called unknown, chosen on reference cells alone.

    A random fifth of the reference cells, drawn with ``rng``, serves as query cells. Each type with at least 10 cells
    is removed in turn from the other reference cells, and the query cells are mapped to the remaining cells. For each
    removed type, two shares are added: the share of its query cells that are called unknown, and the share of all other
    query cells that are not called unknown. The threshold maximises the mean of these sums over types. For the other
    arguments, see `map_cells`.

    Raises:
        Undefined: fewer than two types have 10 cells, or no removed type has some but not all of the query cells.
    """
    names, counts = np.unique(types.astype(str), return_counts=True)
    names = names[counts >= FEWEST_CELLS]
    if len(names) < 2:
        raise Undefined(f"fewer than two types have {FEWEST_CELLS} training cells, so none can be left out")
    is_query: NDArray[np.bool_] = np.zeros(len(types), dtype=bool)
    is_query[rng.choice(len(types), max(1, len(types) // 5), replace=False)] = True
    known, unknown = [], []
    for name in names:
        is_left_out = types == name
        kept = ~is_query & ~is_left_out
        mapped = map_cells(reference[kept], types[kept], reference[is_query], k=k).strangeness
        left_out = is_left_out[is_query]
        if left_out.any() and not left_out.all():
            unknown.append(mapped[left_out])
            known.append(mapped[~left_out])
    if not known:
        raise Undefined("no type that is left out has a queried cell")
    candidates = np.quantile(np.concatenate([*known, *unknown]), np.linspace(SMALLEST_QUANTILE, 1, N_THRESHOLDS))
    gains = [
        np.mean([(inside <= t).mean() + (outside > t).mean() for inside, outside in zip(known, unknown, strict=True)])
        for t in candidates
    ]
    return float(candidates[int(np.argmax(gains))])
