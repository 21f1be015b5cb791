from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.spatial.distance import squareform

from tabgenbench import Result, Unsupported
from tabgenbench_plugins.metrics.dendrogram import Dendrogram

Score = Callable[..., Result]
Tables = tuple[NDArray[np.float32], NDArray[np.float32], list[str]]
X, Y = np.array([1.0, 1, -1, -1]), np.array([1.0, -1, 1, -1])


def test_known_value(score: Score) -> None:
    real = np.column_stack([X, 0.8 * X + 0.6 * Y, Y])  # D = .2, 1, .4: features 1 and 2 join at .2, then 3 at 1
    synthetic = np.column_stack([X, 0.6 * X + 0.8 * Y, Y])  # D = .4, 1, .2: features 2 and 3 join first
    result = score(Dendrogram(), real, synthetic)
    assert result.scores == pytest.approx({"s-dend": -0.5, "s-sdcc": 0.0}, abs=1e-6)


def test_it_follows_the_definition_by_scipy(score: Score) -> None:
    rng = np.random.default_rng(0)
    real, synthetic = rng.normal(size=(2, 30, 12)).astype(np.float32)
    synthetic[:, 3] = 2.0
    distances, trees = [], []
    for values in (real, synthetic):
        with np.errstate(all="ignore"):
            r = np.nan_to_num(np.corrcoef(values.astype(np.float64), rowvar=False))
        np.fill_diagonal(r, 1.0)
        distance = squareform(1 - r, checks=False)
        distances.append(distance)
        trees.append(cophenet(linkage(distance, method="complete")))
    fits = [np.corrcoef(d, t)[0, 1] for d, t in zip(distances, trees, strict=True)]
    result = score(Dendrogram(), real, synthetic)
    assert result.scores["s-dend"] == pytest.approx(np.corrcoef(*trees)[0, 1], abs=1e-9)
    assert result.scores["s-sdcc"] == pytest.approx((fits[0] - fits[1]) ** 2, abs=1e-9)
    assert result.notes == (
        "1 features are constant in the synthetic rows only and have r = 0 with every other feature",
    )


def test_it_declines_wide_tables_with_the_reason(score: Score) -> None:
    wide = np.zeros((4, 4001))
    with pytest.raises(Unsupported, match="got 4,001 features, expected at most 4,000"):
        score(Dendrogram(), wide, wide)
    with pytest.raises(Unsupported, match="expected at most 5"):
        score(Dendrogram(Dendrogram.Config(max_features=5)), wide[:, :6], wide[:, :6])


def test_trees_that_do_not_vary_have_no_value(score: Score) -> None:
    real = np.random.default_rng(1).normal(size=(8, 4))
    flat = score(Dendrogram(), real, np.ones((8, 4)))
    assert flat.undefined == dict.fromkeys(["s-dend", "s-sdcc"], "every feature is constant in the synthetic rows")
    equal = score(Dendrogram(), real, np.outer(np.arange(8), np.ones(4)))
    reason = "all pairs of features are equally close in the synthetic rows"
    assert equal.undefined == dict.fromkeys(["s-dend", "s-sdcc"], reason)


def test_neither_score_is_ranked() -> None:
    assert {spec.name: spec.ranked for spec in Dendrogram.scores} == {"s-dend": False, "s-sdcc": False}


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), rows=st.permutations(range(9)), columns=st.permutations(range(7)))
def test_order_of_rows_and_features_does_not_matter(
    score: Score, seed: int, rows: list[int], columns: list[int]
) -> None:
    real, synthetic = np.random.default_rng(seed).normal(size=(2, 9, 7)).astype(np.float32)
    expected = score(Dendrogram(), real, synthetic).scores
    assert -1 <= expected["s-dend"] <= 1
    assert 0 <= expected["s-sdcc"] <= 4
    assert score(Dendrogram(), real, synthetic[rows]).scores == pytest.approx(dict(expected), abs=1e-9)
    assert score(Dendrogram(), real[:, columns], synthetic[:, columns]).scores == pytest.approx(
        dict(expected), abs=1e-9
    )
    assert score(Dendrogram(), real, real[rows]).scores == pytest.approx({"s-dend": 1.0, "s-sdcc": 0.0}, abs=1e-9)


def test_golden_scores(score: Score, golden_tables: Tables) -> None:
    real, synthetic, _ = golden_tables
    expected = {"s-dend": 0.8100692, "s-sdcc": 0.0063663}
    assert score(Dendrogram(), real, synthetic).scores == pytest.approx(expected, abs=1e-6)
