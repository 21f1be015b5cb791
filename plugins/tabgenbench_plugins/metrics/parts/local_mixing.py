"""Scores of how labels (such as batches) mix among neighbouring cells: LISI, kBET and graph connectivity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import ArpackError, eigsh
from scipy.stats import chi2

from tabgenbench_plugins.correlation import Floats, Undefined
from tabgenbench_plugins.metrics.parts.knn_graph import KnnGraph

__all__ = ["graph_connectivity", "kbet", "lisi"]

STEPS, TOLERANCE = 50, 1e-5  # of the search for a cell's bandwidth
BLOCK = 4096  # cells
COMPONENTS = 100  # of the diffusion map
ALPHA = 0.05
FEWEST_CELLS = 10  # of a label that kBET scores
LEAST_SHARE = 0.75  # of a label's cells in components of sufficient size

Codes = NDArray[np.int64]


def lisi(graph: KnnGraph, codes: Codes) -> Floats:
    """Return the local inverse Simpson index (LISI) of each cell, shape (n_cells,) (Korsunsky et al. 2019).

    Each neighbour at distance d has a weight proportional to exp(-b d); the weights sum to 1. The factor b is chosen so
    that the entropy of the weights is the logarithm of a third of the number of neighbours. Let q be the sum of the
    weights of the neighbours with one label. The index is 1 / (sum over labels of q^2), from 1 to the number of labels.

    Args:
        graph: neighbours of each cell; the cell itself is not counted as its own neighbour.
        codes: label of each cell as a number from 0, shape (n_cells,).
    """
    n_labels, entropy = int(codes.max()) + 1, np.log(max(graph.indices.shape[1] // 3, 1))
    found = np.empty(len(codes))
    for start in range(0, len(codes), BLOCK):
        rows = slice(start, start + BLOCK)
        p = _probabilities(graph.distances[rows, 1:], entropy)
        labels = codes[graph.indices[rows, 1:]]
        shares = np.stack([(p * (labels == label)).sum(axis=1) for label in range(n_labels)], axis=1)
        found[rows] = 1.0 / (shares**2).sum(axis=1)
    return found


def _probabilities(distances: Floats, entropy: float) -> Floats:
    beyond = distances - distances.min(axis=1, keepdims=True)
    low, high = np.zeros(len(beyond)), np.full(len(beyond), np.inf)
    b = np.ones(len(beyond))
    for _ in range(STEPS):
        p = np.exp(-b[:, None] * beyond)
        total = p.sum(axis=1)
        excess = np.log(total) + b * (beyond * p).sum(axis=1) / total - entropy
        if (np.abs(excess) < TOLERANCE).all():
            break
        low, high = np.where(excess > 0, b, low), np.where(excess > 0, high, b)
        b = np.where(np.isinf(high), 2 * b, (low + np.where(np.isinf(high), 0.0, high)) / 2)
    probabilities: Floats = p / total[:, None]
    return probabilities


def graph_connectivity(graph: KnnGraph, codes: Codes) -> float:
    """Return the share of a label's cells in the label's largest connected component, averaged over labels.

    The score is defined in Luecken et al. 2022. As in scib-metrics, the graph of a label contains the label's cells and
    the directed edges from these cells to nearest neighbours with the same label. Components are strongly connected.
    """
    edges = graph.adjacency(np.ones((len(codes), graph.indices.shape[1] - 1)))
    shares = []
    for label in np.unique(codes):
        rows = np.flatnonzero(codes == label)
        _, components = connected_components(edges[rows][:, rows], connection="strong")
        shares.append(np.bincount(components).max() / len(rows))
    return float(np.mean(shares))


def kbet(graph: KnnGraph, batches: Codes, labels: Codes) -> float:
    """Return the share of cells that kBET's test of batches accepts, averaged over labels (Büttner et al. 2019).

    Each label is scored separately, as in Luecken et al. 2022. Let k be the number of neighbours that the test uses. If
    UMAP's graph of the label's cells has several components, components with fewer than 3 k cells are removed. If fewer
    than 75 % of the cells remain, the share is 0. The nearest neighbours of a cell are found by distances in a
    diffusion map of the graph. A cell is accepted if a chi-squared test at level .05 finds no difference between the
    batches of its neighbours and the batches of all remaining cells. A label with one batch or fewer than 10 cells is
    excluded from the mean.

    Raises:
        Undefined: no label has at least two batches and 10 cells.
    """
    weights, rates = graph.connectivities(), []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        inside = np.unique(batches[rows], return_inverse=True)[1]
        if len(rows) >= FEWEST_CELLS and inside.max() > 0:
            rates.append(_acceptance_within(weights[rows][:, rows], inside))
    if not rates:
        raise Undefined(f"no type has {FEWEST_CELLS} cells and two batches")
    return float(np.mean(rates))


def _acceptance_within(weights: sparse.csr_matrix, batches: Codes) -> float:
    n_neighbors = int(min(70, max(10, np.bincount(batches).mean() // 4)))
    _, components = connected_components(weights)
    is_large = np.bincount(components) >= 3 * n_neighbors
    if len(is_large) > 1:
        kept = np.flatnonzero(is_large[components])
        if len(kept) < LEAST_SHARE * len(batches):
            return 0.0
        weights, batches = weights[kept][:, kept], np.unique(batches[kept], return_inverse=True)[1]
    try:
        places = _diffusion_map(weights)
    except ArpackError:
        return 0.0
    graph = KnnGraph.of(places, n_neighbors + 1)
    expected = np.bincount(batches) / len(batches) * graph.indices.shape[1]
    neighbours = batches[graph.indices]
    observed = np.stack([(neighbours == batch).sum(axis=1) for batch in range(len(expected))], axis=1)
    statistics = ((observed - expected) ** 2 / expected).sum(axis=1)
    return float((chi2.sf(statistics, max(len(expected) - 1, 1)) >= ALPHA).mean())


def _diffusion_map(weights: sparse.csr_matrix) -> Floats:
    """Return coordinates whose Euclidean distances approximate diffusion distances over all time scales."""
    inverse_density = sparse.diags(1.0 / np.asarray(weights.sum(axis=0)).ravel())
    kernel = inverse_density @ weights @ inverse_density
    scale = sparse.diags(1.0 / np.sqrt(np.asarray(kernel.sum(axis=0)).ravel()))
    transitions = scale @ kernel @ scale
    n = transitions.shape[0]
    start = np.random.default_rng(0).uniform(0.5, 1.5, n)  # without a fixed start, the result depends on the process
    values, vectors = eigsh(transitions, k=min(COMPONENTS, n - 1), which="LM", v0=start)
    steps = np.where(values > 1 - np.finfo(np.float32).eps, 1.0, values / np.maximum(1 - values, 1e-12))
    places: Floats = vectors * steps
    return places
