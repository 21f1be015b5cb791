"""The scores of scIB, held against values of the package scib-metrics 0.5.10 on the same arrays."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

from tabgenbench_plugins.correlation import Undefined
from tabgenbench_plugins.metrics.parts import cell_widths, local_mixing
from tabgenbench_plugins.metrics.parts.cell_clusters import louvain
from tabgenbench_plugins.metrics.parts.knn_graph import KnnGraph
from tabgenbench_plugins.metrics.parts.scib_scores import BATCH, BIO, GRAPH, score_embedding

# Computed by scib-metrics 0.5.10 with jax on CPU, on the arrays of `cells`.
PACKAGE = {
    "ilisi": 0.5145,
    "kbet": 0.4103,
    "graph-connectivity": 0.9750,
    "pcr-comparison": 0.6386,
    "asw-batch": 0.8394,  # silhouette_batch
    "bras": 0.6568,
    "asw-label": 0.6144,
    "isolated-labels": 0.6128,
    "clisi": 0.8934,
}
LEIDEN = {"nmi": 0.7045, "ari": 0.7228}  # the package clusters by Leiden, this module by Louvain


@pytest.fixture(scope="module")
def cells() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """400 cells of 4 types in 3 batches: an embedding, the cells before integration, types and batches."""
    rng = np.random.default_rng(0)
    types, batches = rng.integers(4, size=400), rng.integers(3, size=400)
    centres, shifts = rng.normal(0, 1.6, size=(4, 5)), rng.normal(0, 0.5, size=(3, 5))
    embedding = centres[types] + shifts[batches] + rng.normal(size=(400, 5))
    before = centres[types] + 2 * shifts[batches] + rng.normal(size=(400, 5))
    return embedding, before, types, batches


@pytest.fixture(scope="module")
def scores(cells: tuple[NDArray[np.float64], ...]) -> dict[str, float]:
    found, undefined = score_embedding(*cells, KnnGraph.of(cells[0], GRAPH))  # type: ignore[arg-type]
    assert undefined == {}
    return found


def test_the_scores_are_those_of_scib_metrics(scores: dict[str, float]) -> None:
    assert {name: scores[name] for name in PACKAGE} == pytest.approx(PACKAGE, abs=0.001)


def test_clusters_agree_with_types_as_well_as_those_of_leiden(scores: dict[str, float]) -> None:
    assert {name: scores[name] for name in LEIDEN} == pytest.approx(LEIDEN, abs=0.01)
    assert scores["nmi-kmeans"] > 0.7  # the package runs one start of k-means, which here finds a poor optimum: .60


def test_the_total_weights_biology_six_to_four(scores: dict[str, float]) -> None:
    bio, batch = (np.mean([scores[name] for name in names]) for names in (BIO, BATCH))
    assert scores["bio"] == pytest.approx(bio)
    assert scores["batch"] == pytest.approx(batch)
    assert scores["total"] == pytest.approx(0.6 * bio + 0.4 * batch)
    assert all(0 <= value <= 1 for value in scores.values())


def test_lisi_of_fully_mixed_and_of_separate_batches() -> None:
    rng, batches = np.random.default_rng(0), np.arange(200) % 2
    mixed, apart = rng.normal(size=(200, 3)), rng.normal(size=(200, 3)) + 100 * batches[:, None]
    assert np.median(local_mixing.lisi(KnnGraph.of(mixed, 90), batches)) > 1.9
    assert np.allclose(local_mixing.lisi(KnnGraph.of(apart, 90), batches), 1.0)


def test_kbet_rejects_separate_batches_and_accepts_random_ones() -> None:
    rng, types = np.random.default_rng(0), np.zeros(300, dtype=np.int64)
    place, batches = rng.normal(size=(300, 3)), rng.integers(2, size=300)
    assert local_mixing.kbet(KnnGraph.of(place, 50), batches, types) > 0.8
    assert local_mixing.kbet(KnnGraph.of(place + 9 * batches[:, None], 50), batches, types) < 0.05


def test_kbet_and_widths_of_types_in_one_batch_each_are_undefined() -> None:
    place, types = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2
    with pytest.raises(Undefined, match="no type has 10 cells and two batches"):
        local_mixing.kbet(KnnGraph.of(place, 50), types, types)
    with pytest.raises(Undefined, match="no type has two batches"):
        cell_widths.bras(place, types, types)


def test_a_graph_with_a_split_type_is_half_connected() -> None:
    place = np.concatenate([np.arange(40) * 0.01, 50 + np.arange(40) * 0.01])[:, None]
    assert local_mixing.graph_connectivity(KnnGraph.of(place, 15), np.zeros(80, dtype=np.int64)) == 0.5


def test_the_variance_between_batches_is_that_of_their_means() -> None:
    values, batches = np.array([[0.0, 1], [2, 1], [4, 1], [6, 1]]), np.array([0, 0, 1, 1])
    assert cell_widths.variance_between(values, batches) == pytest.approx(16 / 20)


def test_louvain_finds_two_cliques_joined_by_a_weak_edge() -> None:
    block = np.ones((5, 5)) - np.eye(5)
    weights = np.block([[block, np.zeros((5, 5))], [np.zeros((5, 5)), block]])
    weights[4, 5] = weights[5, 4] = 0.1
    clusters = louvain(sparse.csr_matrix(weights), 1.0)
    assert len(set(clusters[:5])) == len(set(clusters[5:])) == 1
    assert clusters[0] != clusters[5]
