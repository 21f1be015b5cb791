"""Exact nearest neighbours of rows, and Euclidean distances in arrays of limited size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tabgenbench_plugins.correlation import Floats

__all__ = ["BLOCK", "Neighbours", "distance_blocks", "nearest"]

BLOCK = 4_194_304  # entries of a block of distances: 32 MiB
QUERIES = 4096  # rows per search
SPARE = 8  # further candidates, whose order by exact distances decides between near ties


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest reference rows of each row, nearest first.

    Attributes:
        distances: Euclidean distances, shape (n_rows, k).
        indices: positions of the neighbours among the reference rows, shape (n_rows, k).
    """

    distances: Floats
    indices: NDArray[np.int64]


def nearest(
    rows: NDArray[np.floating], reference: NDArray[np.floating], k: int, *, exclude_self: bool = False
) -> Neighbours:
    """Return the ``k`` nearest reference rows of each row; the choice between equally distant rows is arbitrary.

    A fast search by scikit-learn finds a few more candidates than needed. Their distances are recomputed in float64 as
    norms of the differences of rows, so that the distance of equal rows is exactly 0.

    Args:
        rows: shape (n_rows, d).
        reference: shape (n_reference, d).
        k: number of neighbours, at most n_reference, or n_reference - 1 with ``exclude_self``.
        exclude_self: set this if the two arrays contain the same rows, so that a row is not its own neighbour.
    """
    from sklearn.neighbors import NearestNeighbors

    n_candidates = min(k + exclude_self + SPARE, len(reference))
    # Centred values are small, so that products lose little precision. float32 saves memory in wide tables.
    centre = reference.mean(axis=0, dtype=np.float64).astype(np.float32)
    search = NearestNeighbors(n_neighbors=n_candidates, algorithm="brute").fit(
        (reference - centre).astype(np.float32, copy=False)
    )
    distances = np.empty((len(rows), k))
    indices = np.empty((len(rows), k), dtype=np.int64)
    size = max(1, BLOCK // (n_candidates * rows.shape[1]))
    for outer in range(0, len(rows), QUERIES):
        asked = (rows[outer : outer + QUERIES] - centre).astype(np.float32, copy=False)
        candidates = np.sort(search.kneighbors(asked, return_distance=False), axis=1)
        for start in range(outer, outer + len(asked), size):
            block = slice(start, min(start + size, outer + len(asked)))
            found = candidates[block.start - outer : block.stop - outer]
            apart = np.linalg.norm(reference[found].astype(np.float64) - rows[block, None, :], axis=2)
            if exclude_self:
                apart[found == np.arange(block.start, block.stop)[:, None]] = np.inf
            order = np.argsort(apart, axis=1, kind="stable")[:, :k]
            distances[block], indices[block] = (np.take_along_axis(one, order, axis=1) for one in (apart, found))
    return Neighbours(distances, indices)


def distance_blocks(a: NDArray[np.floating], b: NDArray[np.floating]) -> Iterator[tuple[slice, Floats]]:
    """Yield consecutive slices of the rows of ``a``, each with Euclidean distances to all rows of ``b``.

    Each yielded array takes at most 32 MiB, unless one row of distances takes more. Distances are computed from matrix
    products in float64. Their error is at most about 1e-7 times the distance of the rows from the mean row of ``b``.
    The computed distance of equal rows may therefore exceed 0.

    Args:
        a: shape (n_a, d).
        b: shape (n_b, d).
    """
    centre = b.mean(axis=0, dtype=np.float64)
    y = b - centre
    squares = np.einsum("ij,ij->i", y, y)
    size = max(1, BLOCK // len(b))
    for start in range(0, len(a), size):
        rows = slice(start, min(start + size, len(a)))
        x = a[rows] - centre
        block: Floats = x @ y.T
        block *= -2.0
        block += squares
        block += np.einsum("ij,ij->i", x, x)[:, None]
        np.maximum(block, 0.0, out=block)
        yield rows, np.sqrt(block, out=block)
