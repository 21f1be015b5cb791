"""The Ledoit-Wolf covariance, compared with scikit-learn's, and samples from it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import ledoit_wolf

from tabgenbench_plugins.generators.parts.covariance import ShrunkCovariance, ledoit_wolf_shrinkage


@settings(max_examples=40, deadline=None)
@given(n=st.integers(2, 60), n_features=st.integers(1, 60), seed=st.integers(0, 1000), rank=st.integers(1, 5))
def test_shrinkage_is_that_of_scikit_learn(n: int, n_features: int, seed: int, rank: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, rank)) @ rng.normal(size=(rank, n_features)) + 0.3 * rng.normal(size=(n, n_features))
    _, expected = ledoit_wolf(x, assume_centered=True)
    assert ledoit_wolf_shrinkage(x) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("shape", [(30, 80), (80, 30)], ids=["wide", "long"])
def test_the_factor_gives_the_matrix_of_scikit_learn(shape: tuple[int, int]) -> None:
    x = (np.random.default_rng(0).normal(size=shape) * np.linspace(0.2, 3.0, shape[1])).astype(np.float32)
    matrix, _ = ledoit_wolf(x.astype(np.float64), assume_centered=True)
    found = ShrunkCovariance.fit(x, degrees_of_freedom=len(x))
    a = found.factor_RF.astype(np.float64)
    mine = (1 - found.shrinkage) * a.T @ a + found.shrinkage * found.mean_variance * np.eye(shape[1])
    assert min(shape) == found.factor_RF.shape[0]
    np.testing.assert_allclose(mine, matrix, atol=2e-5)


def test_more_rows_than_a_block_and_rows_without_spread() -> None:
    x = np.random.default_rng(1).normal(size=(1500, 1200))
    assert ledoit_wolf_shrinkage(x) == pytest.approx(ledoit_wolf(x, assume_centered=True)[1], abs=1e-8)
    flat = ShrunkCovariance.fit(np.zeros((4, 6), np.float32), degrees_of_freedom=3)
    assert flat.shrinkage == 0.0
    assert not flat.draw(5, np.random.default_rng(0)).any()


@pytest.mark.parametrize("n", [60, 500], ids=["wide", "long"])
def test_draws_have_the_covariance(n: int) -> None:
    rng = np.random.default_rng(3)
    x = (rng.normal(size=(n, 4)) @ rng.normal(size=(4, 80)) + rng.normal(size=(n, 80))).astype(np.float32)
    found = ShrunkCovariance.fit(x, degrees_of_freedom=n - 7)
    a = found.factor_RF.astype(np.float64)
    expected = (1 - found.shrinkage) * a.T @ a + found.shrinkage * found.mean_variance * np.eye(80)
    drawn = found.draw(40_000, rng).astype(np.float64)
    np.testing.assert_allclose(drawn.mean(axis=0), 0.0, atol=0.06)
    np.testing.assert_allclose(np.cov(drawn.T), expected, atol=0.06 * expected.max())
    assert np.trace(expected) == pytest.approx(x.astype(np.float64).var(axis=0).sum() * n / (n - 7), rel=0.05)
