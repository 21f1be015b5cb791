from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist

from tabgenbench_plugins.metrics.distances import Distances, median_distance


def by_hand(x: Any, y: Any, width: float) -> tuple[float, float]:
    """Return both scores from their formulas."""
    xx, yy, xy = cdist(x, x), cdist(y, y), cdist(x, y)
    n, m = len(x), len(y)
    a, b, c = (np.exp(-(d**2) / (2 * width**2)) for d in (xx, yy, xy))
    mmd = (a.sum() - n) / (n * (n - 1)) + (b.sum() - m) / (m * (m - 1)) - 2 * c.mean()
    return 2 * xy.mean() - xx.mean() - yy.mean(), mmd


def test_scores_are_those_of_the_formulas(score: Any) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(3.0, 1.0, (40, 5)).astype(np.float32), rng.normal(3.2, 1.5, (30, 5)).astype(np.float32)
    width = float(np.median(cdist(x, x)[np.triu_indices(40, 1)]))
    energy, mmd = by_hand(x, y, width)
    found = score(Distances(), x, y)
    assert found.scores == pytest.approx({"energy-distance": energy, "mmd": mmd}, abs=1e-9)
    assert f"median distance of two real test rows: {width:.4g}" in found.notes


def test_the_energy_distance_of_one_feature_is_the_square_of_that_of_scipy(score: Any) -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(60, 1)).astype(np.float32), rng.normal(0.4, 2.0, (50, 1)).astype(np.float32)
    expected = stats.energy_distance(x[:, 0], y[:, 0]) ** 2
    assert score(Distances(), x, y).scores["energy-distance"] == pytest.approx(expected, abs=1e-9)


def test_the_estimate_of_mmd_has_mean_zero_for_rows_of_one_distribution(score: Any) -> None:
    rng = np.random.default_rng(3)
    found = [score(Distances(), *rng.normal(size=(2, 20, 3))).scores["mmd"] for _ in range(200)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))
    assert min(found) < 0.0


def test_a_subsample_has_standard_errors_of_the_size_of_its_spread(score: Any) -> None:
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(300, 3)), rng.normal(0.8, 1.0, (300, 3))
    result = score(Distances(Distances.Config(max_rows=100)), x, y)
    assert result.notes[0].startswith("computed on 100 of 300 test rows")
    stated = [
        float(part.split()[-1]) for part in result.notes[1].removeprefix("standard errors of the subsample").split(",")
    ]
    samples = [score(Distances(), *rng.normal([[[0.0]], [[0.8]]], 1.0, (2, 100, 3))).scores for _ in range(60)]
    for error, name in zip(stated, ("energy-distance", "mmd"), strict=True):
        assert error == pytest.approx(np.std([one[name] for one in samples]), rel=0.5)


def test_constant_real_rows_have_no_kernel_width(score: Any) -> None:
    result = score(Distances(), np.zeros((5, 3)), np.ones((5, 3)))
    assert result.scores == {"energy-distance": pytest.approx(2 * np.sqrt(3))}
    assert "kernel has no width" in result.undefined["mmd"]


def test_the_median_distance_of_many_rows_is_that_of_a_sample() -> None:
    rows = np.random.default_rng(5).normal(size=(2600, 2))
    exact = np.median(cdist(rows, rows)[np.triu_indices(2600, 1)])
    assert median_distance(rows, seed=0) == pytest.approx(exact, rel=0.03)
