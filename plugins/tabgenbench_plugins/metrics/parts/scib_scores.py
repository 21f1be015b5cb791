"""The ten scores of scIB, a benchmark of data integration, and the scib-metrics variants of three of these scores."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tabgenbench_plugins.correlation import Floats, Undefined
from tabgenbench_plugins.metrics.parts import cell_clusters, cell_widths, local_mixing
from tabgenbench_plugins.metrics.parts.knn_graph import KnnGraph
from tabgenbench_plugins.metrics.parts.results import collect

__all__ = ["BATCH", "BIO", "GRAPH", "score_embedding"]

BATCH = ("ilisi", "kbet", "graph-connectivity", "pcr-comparison", "asw-batch")
BIO = ("nmi", "ari", "asw-label", "isolated-labels", "clisi")
GRAPH = 90
"""Neighbours of the largest graph, with the cell itself, as in scib-metrics."""
_OF_PACKAGE = {"asw-batch": "bras", "nmi": "nmi-kmeans", "ari": "ari-kmeans"}

Codes = NDArray[np.int64]


def score_embedding(
    embedding: Floats, before: Floats, types: Codes, batches: Codes, graph: KnnGraph
) -> tuple[dict[str, float], dict[str, str]]:
    """Return the scores of an embedding, and the reason for each undefined score, by name.

    ``batch`` is the mean of the scores in `BATCH`, ``bio`` is the mean of the scores in `BIO`, and ``total`` is .6
    ``bio`` + .4 ``batch``. ``total-package`` is the total with the scib-metrics variants of three scores.

    Args:
        embedding: shape (n_cells, n_dimensions).
        before: principal components of the cells before integration, shape (n_cells, n_components).
        types: type of each cell, as a number from 0; at least two types.
        batches: batch of each cell, as a number from 0; at least two batches.
        graph: the `GRAPH` nearest neighbours of each cell in the embedding; the first of them is the cell itself.
    """
    widths = cell_widths.type_widths(embedding, types)
    louvain = cache(lambda: cell_clusters.best_resolution(graph.first(15).connectivities(), types))
    k_means = cache(lambda: cell_clusters.k_means(embedding, types))
    n_batches, n_types = int(batches.max()) + 1, int(types.max()) + 1
    scores, undefined = collect(
        {
            "ilisi": lambda: (float(np.median(local_mixing.lisi(graph, batches))) - 1) / (n_batches - 1),
            "kbet": lambda: local_mixing.kbet(graph.first(50), batches, types),
            "graph-connectivity": lambda: local_mixing.graph_connectivity(graph.first(15), types),
            "pcr-comparison": lambda: _pcr_comparison(before, embedding, batches),
            "asw-batch": lambda: cell_widths.asw_batch(embedding, types, batches),
            "nmi": lambda: louvain()[0],
            "ari": lambda: louvain()[1],
            "asw-label": lambda: float(widths.mean()),
            "isolated-labels": lambda: cell_widths.isolated_labels(widths, types, batches),
            "clisi": lambda: (n_types - float(np.median(local_mixing.lisi(graph, types)))) / (n_types - 1),
            "bras": lambda: cell_widths.bras(embedding, types, batches),
            "nmi-kmeans": lambda: k_means()[0],
            "ari-kmeans": lambda: k_means()[1],
        }
    )
    scores = {name: min(max(value, 0.0), 1.0) for name, value in scores.items()}  # rounding exceeds the range by 1e-16
    package = {name: _OF_PACKAGE.get(name, name) for name in (*BATCH, *BIO)}
    means: dict[str, Callable[[], float]] = {
        "batch": lambda: _mean(scores, BATCH),
        "bio": lambda: _mean(scores, BIO),
        "total": lambda: 0.6 * _mean(scores, BIO) + 0.4 * _mean(scores, BATCH),
        "total-package": lambda: (
            0.6 * _mean(scores, [package[name] for name in BIO])
            + 0.4 * _mean(scores, [package[name] for name in BATCH])
        ),
    }
    found, missing = collect(means)
    return {**scores, **found}, {**undefined, **missing}


def _mean(scores: dict[str, float], names: tuple[str, ...] | list[str]) -> float:
    lacking = [name for name in names if name not in scores]
    if lacking:
        raise Undefined(f"{', '.join(lacking)}: no value on these cells")
    return float(np.mean([scores[name] for name in names]))


def _pcr_comparison(before: Floats, embedding: Floats, batches: Codes) -> float:
    start = cell_widths.variance_between(before, batches)
    if start == 0:
        raise Undefined("the batches do not differ before integration")
    return max(0.0, (start - cell_widths.variance_between(embedding, batches)) / start)
