"""Agreement of cell types with clusters of cells, from Louvain's algorithm or from k-means."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tabgenbench_plugins.correlation import Floats

__all__ = ["Agreement", "best_resolution", "k_means", "louvain"]

RESOLUTIONS = tuple(i / 5 for i in range(1, 11))

Codes = NDArray[np.int64]
Agreement = tuple[float, float]
"""Normalised mutual information and adjusted Rand index of clusters and types."""


def best_resolution(weights: sparse.csr_matrix, types: Codes) -> Agreement:
    """Return the `Agreement` of cell types and Louvain clusters, at the resolution with the highest agreement.

    Ten resolutions from 0.2 to 2 are compared by the normalised mutual information of types and clusters.

    Args:
        weights: symmetric weights of a graph of cells, shape (n_cells, n_cells).
        types: code of each cell's type, shape (n_cells,).
    """
    return max(_agreement(types, louvain(weights, resolution)) for resolution in RESOLUTIONS)


def k_means(embedding: Floats, types: Codes) -> Agreement:
    """Return the `Agreement` of cell types and k-means clusters, where k is the number of types."""
    from sklearn.cluster import KMeans

    n_types = len(np.unique(types))
    return _agreement(types, KMeans(n_types, n_init=10, random_state=0).fit_predict(embedding))


def _agreement(types: Codes, clusters: Codes) -> Agreement:
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    return float(normalized_mutual_info_score(types, clusters)), max(0.0, float(adjusted_rand_score(types, clusters)))


def louvain(weights: sparse.csr_matrix, resolution: float) -> Codes:
    """Return the cluster of each node, by greedy maximisation of modularity (Blondel et al. 2008).

    Each node is moved to the neighbouring cluster that increases the modularity most, until no move increases the
    modularity. Then the clusters become the nodes of a smaller graph. These two steps are repeated until no node moves.

    Args:
        weights: symmetric weights, shape (n_nodes, n_nodes).
        resolution: larger values give smaller clusters.
    """
    clusters = np.arange(weights.shape[0])
    while True:
        merged = np.unique(_moved(weights, resolution), return_inverse=True)[1]
        clusters = merged[clusters]
        n_merged = int(merged.max()) + 1
        if n_merged == len(merged):
            return clusters
        member = sparse.csr_matrix((np.ones(len(merged)), (merged, np.arange(len(merged)))))
        weights = (member @ weights @ member.T).tocsr()


def _moved(weights: sparse.csr_matrix, resolution: float) -> list[int]:
    n = weights.shape[0]
    degrees: list[float] = np.asarray(weights.sum(axis=1)).ravel().tolist()
    per_weight = resolution / max(sum(degrees), 1e-300)
    starts, targets, strengths = weights.indptr.tolist(), weights.indices.tolist(), weights.data.tolist()
    cluster, totals = list(range(n)), list(degrees)
    queue = deque(np.random.default_rng(0).permutation(n).tolist())
    is_waiting = [True] * n
    while queue:
        node = queue.popleft()
        is_waiting[node] = False
        edges = slice(starts[node], starts[node + 1])
        links = {cluster[node]: 0.0}
        for other, strength in zip(targets[edges], strengths[edges], strict=True):
            if other != node:
                links[cluster[other]] = links.get(cluster[other], 0.0) + strength
        old, cost = cluster[node], degrees[node] * per_weight
        totals[old] -= degrees[node]
        best, most = old, links[old] - cost * totals[old] + 1e-12
        for candidate, link in links.items():
            gain = link - cost * totals[candidate]
            if gain > most:
                best, most = candidate, gain
        totals[best] += degrees[node]
        cluster[node] = best
        if best != old:
            for other in targets[edges]:
                if cluster[other] != best and not is_waiting[other]:
                    is_waiting[other] = True
                    queue.append(other)
    return cluster
