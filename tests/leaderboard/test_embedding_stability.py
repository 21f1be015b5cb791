"""Agreement of the neighbourhoods of embeddings of several seeds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.helpers.embedding_stability import neighbour_agreement, stabilities

import tabgenbench
from tabgenbench.store.store import Store


def test_agreement_is_the_share_of_common_neighbours() -> None:
    line = np.array([[0.0], [1.0], [2.1], [3.3]], dtype=np.float32)
    assert neighbour_agreement(line, np.hstack([0 * line, -5 * line]), 2) == 1  # rotated and scaled
    # Nearest in line: 1, 0, 1, 2; after rows 0 and 3 are exchanged: 2, 3, 1, 1. Row 2 alone keeps its neighbour.
    assert neighbour_agreement(line, line[[3, 1, 2, 0]], 1) == 0.25


def test_embeddings_of_a_store_are_compared_between_seeds(tmp_path: Path) -> None:
    tabgenbench.benchmark(
        "simulated-cells:n_cells=200,n_genes=20",
        ["pca:components=3", "random"],
        metrics=["identifiability"],
        name="stable",
        splits=1,
        seeds=2,
        draws=0,
        split={"grouped": False},
        store=tmp_path,
        executor="inline",
        device="cpu",
    )
    store = Store(tmp_path)
    suite = store.read_suite("stable")
    assert suite is not None
    pca, noise = stabilities(store, suite, 10)
    assert (pca.generator, pca.splits, pca.seeds, pca.chance) == ("pca:components=3", 1, 2, pytest.approx(10 / 49))
    assert pca.agreement > 0.99
    assert noise.agreement == pytest.approx(noise.chance, abs=0.03)
