"""Exact nearest neighbours of rows, and Euclidean distances in blocks of limited memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tabgenbench import Evaluation
from tabgenbench_plugins.correlation import Floats, Undefined
from tabgenbench_plugins.metrics.parts.encoded import WORDS, Side, encoded

__all__ = ["BLOCK", "Neighbours", "distance_blocks", "nearest", "neighbours"]

BLOCK = 4_194_304  # entries of a block of distances: 32 MiB
SHARED = 10  # smallest number of neighbours that is computed, so that metrics with different numbers share one search
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

    def first(self, k: int) -> Neighbours:
        """Return the nearest ``k`` of these neighbours."""
        return Neighbours(self.distances[:, :k], self.indices[:, :k])


def neighbours(evaluation: Evaluation, of: Side, among: Side, k: int) -> Neighbours:
    """Return the nearest neighbours of the rows of one table (training, test, synthetic) in the same or another table.

    Rows are vectors as in `encoded`, without conditions. A row is not its own neighbour. Computed once for all metrics.

    Args:
        evaluation: the rows; it caches the result.
        of: table whose rows get neighbours.
        among: table in which the neighbours are searched.
        k: number of neighbours.

    Raises:
        Undefined: there are fewer than ``k`` rows to choose from, or a value is not a finite number.
    """
    rows, reference = encoded(evaluation, of), encoded(evaluation, among)
    available = len(reference) - (of == among)
    if k > available:
        raise Undefined(f"{len(reference)} {WORDS[among]} rows are too few for {k} neighbours")
    n_found = min(max(k, SHARED), available)
    scope: Literal["draw", "split"] = "draw" if "synthetic" in (of, among) else "split"
    found = evaluation.shared.once(
        ("neighbours", of, among, n_found),
        lambda: nearest(rows, reference, n_found, exclude_self=of == among),
        scope=scope,
    )
    return found.first(k)


def nearest(
    rows: NDArray[np.floating], reference: NDArray[np.floating], k: int, *, exclude_self: bool = False
) -> Neighbours:
    """Return the nearest reference rows of each row; the choice between equally distant reference rows is arbitrary.

    scikit-learn finds a few more candidates by products of matrices in blocks. Their distances are then computed from
    differences in float64, so that the distance of equal rows is exactly 0.

    Args:
        rows: shape (n_rows, d).
        reference: shape (n_reference, d).
        k: number of neighbours, at most n_reference, or n_reference - 1 with ``exclude_self``.
        exclude_self: set this if both arrays are the same rows, so that a row is not its own neighbour.
    """
    from sklearn.neighbors import NearestNeighbors

    n_candidates = min(k + exclude_self + SPARE, len(reference))
    centre = reference.mean(axis=0, dtype=np.float64)  # products of small numbers lose little precision
    search = NearestNeighbors(n_neighbors=n_candidates, algorithm="brute").fit((reference - centre).astype(np.float32))
    distances = np.empty((len(rows), k))
    indices = np.empty((len(rows), k), dtype=np.int64)
    size = max(1, BLOCK // (n_candidates * rows.shape[1]))
    for outer in range(0, len(rows), QUERIES):
        asked = (rows[outer : outer + QUERIES] - centre).astype(np.float32)
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
    """Yield rows of ``a`` and their Euclidean distances to all rows of ``b``, in blocks of at most 32 MiB.

    Distances are computed by products of matrices in float64. Their error is about 1e-7 of the rows' spread, so the
    computed distance of two equal rows may have this size instead of 0. A block has at least one row of distances, even
    if this row exceeds 32 MiB.

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
