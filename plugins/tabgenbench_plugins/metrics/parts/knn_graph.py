"""Graph of the exact nearest neighbours of cells in an embedding, with edge weights as in UMAP."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tabgenbench_plugins.correlation import Floats
from tabgenbench_plugins.metrics.parts.neighbours import nearest

__all__ = ["KnnGraph"]

STEPS = 64  # of the search for the bandwidth of a cell
SMALLEST = 1e-3  # bandwidth as a share of the mean distance


@dataclass(frozen=True, eq=False)
class KnnGraph:
    """The nearest neighbours of each cell, nearest first, starting with the cell itself at distance 0.

    Attributes:
        indices: positions of the neighbours, shape (n_cells, k).
        distances: Euclidean distances, shape (n_cells, k).
    """

    indices: NDArray[np.int64]
    distances: Floats

    @classmethod
    def of(cls, embedding: NDArray[np.floating], k: int) -> KnnGraph:
        """Return the graph of exact nearest neighbours.

        Args:
            embedding: shape (n_cells, n_dimensions).
            k: number of neighbours including the cell itself; reduced to n_cells if larger.
        """
        n = len(embedding)
        found = nearest(embedding, embedding, min(k, n) - 1, exclude_self=True)
        return cls(np.column_stack([np.arange(n), found.indices]), np.column_stack([np.zeros(n), found.distances]))

    def first(self, k: int) -> KnnGraph:
        """Return the graph of the ``k`` nearest neighbours, including the cell itself."""
        return KnnGraph(self.indices[:, :k], self.distances[:, :k])

    def adjacency(self, weights: Floats) -> sparse.csr_matrix:
        """Return weights of the edges from each cell to its neighbours as a sparse matrix, shape (n_cells, n_cells).

        Args:
            weights: weights for all neighbours except the cell itself, shape (n_cells, k - 1).
        """
        n, k = weights.shape
        starts = np.arange(0, n * k + 1, k)
        return sparse.csr_matrix((weights.ravel(), self.indices[:, 1:].ravel(), starts), shape=(n, n))

    def connectivities(self) -> sparse.csr_matrix:
        """Return the symmetric weights of UMAP's graph (McInnes et al. 2018, section 3), shape (n_cells, n_cells).

        The edge from a cell to a neighbour at distance d has the weight exp(-(d - rho) / sigma), at most 1. Rho is the
        smallest positive distance from the cell to a neighbour. Sigma is chosen so that the weights of all edges from
        the cell sum to log2(k). The two directions of an edge have weights a and b; the symmetric weight is a + b - ab.
        """
        distances = self.distances[:, 1:]
        positive = np.where(distances > 0, distances, np.inf).min(axis=1)
        beyond = np.maximum(distances - np.where(np.isfinite(positive), positive, 0.0)[:, None], 0.0)
        directed = self.adjacency(np.exp(-beyond / _bandwidths(self.distances, beyond)[:, None]))
        joined = directed + directed.T - directed.multiply(directed.T)
        return sparse.csr_matrix(joined)


def _bandwidths(distances: Floats, beyond: Floats) -> Floats:
    """Return sigma of each cell (see `KnnGraph.connectivities`), found by bisection."""
    target = np.log2(distances.shape[1])
    low, high = np.zeros(len(beyond)), np.full(len(beyond), np.inf)
    sigma = np.ones(len(beyond))
    for _ in range(STEPS):
        is_wide = np.exp(-beyond / sigma[:, None]).sum(axis=1) > target
        high, low = np.where(is_wide, sigma, high), np.where(is_wide, low, sigma)
        sigma = np.where(np.isinf(high), 2 * sigma, (low + np.where(np.isinf(high), 0.0, high)) / 2)
    means = distances.mean(axis=1)
    smallest = SMALLEST * np.where(means > 0, means, distances.mean())
    found: Floats = np.maximum(np.maximum(sigma, smallest), np.finfo(np.float64).tiny)
    return found
