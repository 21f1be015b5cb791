from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tabgenbench import Result
from tabgenbench_plugins.metrics.correlation_pairs import CorrelationPairs, hexagons

Score = Callable[..., Result]


def pairs(values: NDArray[np.float64]) -> NDArray[np.float64]:
    upper = np.triu_indices(values.shape[1], 1)
    return np.asarray(np.corrcoef(values, rowvar=False)[upper])


@pytest.mark.parametrize("shape", [(30, 8), (8, 30)])
def test_scores_are_those_of_the_correlation_matrices(score: Score, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    real, synthetic = (rng.normal(size=shape).astype(np.float32).astype(float) for _ in range(2))
    a, b = pairs(real), pairs(synthetic)
    expected = {"correlation-rmse": np.sqrt(((a - b) ** 2).mean()), "correlation-spread": b.std() / a.std()}
    assert score(CorrelationPairs(), real, synthetic).scores == pytest.approx(expected, abs=1e-6)


def test_identity_is_perfect_and_collapse_is_not(score: Score) -> None:
    real = np.random.default_rng(0).normal(size=(40, 6))
    itself = score(CorrelationPairs(), real, real[::-1]).scores
    assert itself == pytest.approx({"correlation-rmse": 0.0, "correlation-spread": 1.0}, abs=1e-6)
    tied = score(CorrelationPairs(), real, real[:, :1] * np.array([1.0, -1, 1, 1, -1, 1])).scores
    assert tied["correlation-spread"] > 3
    collapsed = score(CorrelationPairs(), real, np.ones((40, 6)))
    assert set(collapsed.undefined.values()) == {"every feature is constant in the synthetic rows"}


def test_the_artifact_counts_every_pair(score: Score) -> None:
    real, synthetic = (np.random.default_rng(i).normal(size=(20, 9)) for i in range(2))
    frame = score(CorrelationPairs(), real, synthetic).artifacts["hexagons"]
    assert list(frame.columns) == ["real", "synthetic", "pairs", "width"]
    assert frame["pairs"].sum() == 9 * 8 / 2
    some = score(CorrelationPairs(CorrelationPairs.Config(figure_features=5)), real, synthetic).artifacts["hexagons"]
    assert some["pairs"].sum() == 5 * 4 / 2


@settings(deadline=None, max_examples=40)
@given(points=arrays(np.float64, (2, 50), elements=st.floats(-1, 1)), across=st.integers(4, 60))
def test_every_point_is_in_the_hexagon_of_the_nearest_centre(points: Any, across: int) -> None:
    a, b = points
    frame = hexagons(a, b, across)
    assert frame["pairs"].sum() == 50
    centres = frame[["real", "synthetic"]].to_numpy()
    radius = 2 / across / np.sqrt(3)
    distances = np.hypot(a[:, None] - centres[:, 0], b[:, None] - centres[:, 1]).min(axis=1)
    assert (distances <= radius + 1e-4).all()


def test_counts_are_those_of_matplotlib() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.uniform(-1, 1, (2, 3000))
    ours = hexagons(a, b, 20)
    rows = round(2 / (np.sqrt(3) * 0.1))
    height = np.sqrt(3) * 0.1 * rows / 2
    drawn = Figure().subplots().hexbin(a, b, gridsize=(20, rows), extent=(-1, 1, -height, height))
    counts = drawn.get_array()
    # The two lattices may have different origins, so only the distribution of points over hexagons is compared.
    assert np.sort(ours["pairs"])[-50:].mean() == pytest.approx(np.sort(counts)[-50:].mean(), rel=0.1)
    assert len(ours) == pytest.approx((counts > 0).sum(), rel=0.1)


def test_golden_scores(score: Score, golden_tables: Any) -> None:
    real, synthetic, labels = golden_tables
    expected = {"correlation-rmse": 0.2713480, "correlation-spread": 0.8328643}
    assert score(CorrelationPairs(), real, synthetic, labels=labels).scores == pytest.approx(expected, abs=1e-6)
