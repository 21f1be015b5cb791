"""Shrinkage of each condition's covariance towards the pooled one, and its factors, compared with plain matrices."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tabgenbench_plugins.generators.parts.hierarchical import Root, roots

Array = NDArray[np.float64]
SHAPES = pytest.mark.parametrize("n_features", [60, 7], ids=["wide", "long"])


def residuals(sizes: tuple[int, ...], n_features: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return centred rows of conditions with different covariances, in mixed order, and their codes."""
    rng = np.random.default_rng(0)
    codes = rng.permutation(np.repeat(np.arange(len(sizes)), sizes)).astype(np.int64)
    loadings = rng.normal(size=(len(sizes), 2, n_features)) + rng.normal(size=(2, n_features))
    rows = np.einsum("nk,nkf->nf", rng.normal(size=(len(codes), 2)), loadings[codes])
    rows += rng.normal(size=rows.shape)
    for k in range(len(sizes)):
        rows[codes == k] -= rows[codes == k].mean(axis=0)
    return rows.astype(np.float32), codes


def formula(rows: Array, everything: Array, freedom: int) -> tuple[float, Array]:
    """Return the weight and the covariance of one condition, by features-by-features matrices."""
    n = len(rows)
    own, pooled = rows.T @ rows / (n - 1), everything.T @ everything / freedom
    error = n / (n - 1) ** 3 * ((rows**2).sum(axis=1) @ (rows**2).sum(axis=1) - (n - 1) ** 2 / n * (own**2).sum())
    weight = min(1.0, max(0.0, 1 - error / ((own - pooled) ** 2).sum())) if n >= 4 else 0.0
    return weight, weight * own + (1 - weight) * pooled


def matrix(root: Root) -> Array:
    own, pooled = root.own.astype(np.float64), root.pooled.astype(np.float64)
    return np.asarray(root.weight * own.T @ own + (1 - root.weight) * pooled.T @ pooled)


@SHAPES
def test_weights_and_covariances_are_the_formula(n_features: int) -> None:
    sizes = (40, 25, 9, 3, 1)
    rows, codes = residuals(sizes, n_features)
    found = dict(roots(rows, codes))
    exact = rows.astype(np.float64)
    expected = {k: formula(exact[codes == k], exact, sum(sizes) - len(sizes)) for k in range(3)}
    for k, (weight, covariance) in expected.items():
        assert found[k].weight == pytest.approx(weight, abs=1e-4)
        np.testing.assert_allclose(matrix(found[k]), covariance, atol=1e-3)
        np.testing.assert_allclose(found[k].variances(), np.diag(covariance), rtol=1e-4)
        assert len(found[k].own) <= min(sizes[k], n_features)
        assert len(found[k].pooled) == min(len(rows), n_features)
    assert all(0.1 < weight < 0.9 for weight, _ in expected.values())
    assert found[3] is found[4]  # too few rows: the pooled covariance, once
    assert found[3].weight == 0.0


def test_a_single_condition_is_the_pooled_covariance() -> None:
    rows, codes = residuals((30,), 12)
    (k, root), *others = roots(rows, codes)
    assert (k, root.weight, others) == (0, 0.0, [])
    np.testing.assert_allclose(matrix(root), np.cov(rows.T, dtype=np.float64), atol=1e-4)


@SHAPES
def test_factors_are_the_leading_part_and_keep_the_variances(n_features: int) -> None:
    root = dict(roots(*residuals((40, 25), n_features)))[0]
    covariance = matrix(root)
    values, vectors = np.linalg.eigh(covariance)
    leading = (vectors[:, -3:] * values[-3:]) @ vectors[:, -3:].T
    factors = root.factors(3)
    loadings = factors.loadings.astype(np.float64)
    np.testing.assert_allclose(loadings.T @ loadings, leading, atol=1e-3)
    np.testing.assert_allclose(factors.variances(), np.diag(covariance), rtol=1e-4)
    np.testing.assert_allclose(factors.rest, np.diag(covariance - leading), atol=1e-3)
    assert (loadings[np.arange(3), np.abs(loadings).argmax(axis=1)] > 0).all()


def test_more_factors_than_dimensions_are_the_whole_covariance() -> None:
    root = dict(roots(*residuals((40, 25), 7)))[1]
    factors = root.factors(50)
    assert factors.loadings.shape == (7, 7)
    np.testing.assert_allclose(factors.rest, 0.0, atol=1e-5)
    loadings = factors.loadings.astype(np.float64)
    np.testing.assert_allclose(loadings.T @ loadings, matrix(root), atol=1e-4)


def test_draws_have_the_covariance() -> None:
    root = dict(roots(*residuals((40, 25), 7)))[0]
    expected, n = matrix(root), 40_000
    for covariance in (root, root.factors(7)):
        drawn = covariance.draw(n, np.random.default_rng(1)).astype(np.float64)
        np.testing.assert_allclose(np.cov(drawn.T), expected, atol=0.05 * expected.max())
        np.testing.assert_allclose(drawn.mean(axis=0), 0.0, atol=0.05)
    few = root.factors(1)
    drawn = few.draw(n, np.random.default_rng(1)).astype(np.float64)
    loadings = few.loadings.astype(np.float64)
    np.testing.assert_allclose(np.cov(drawn.T), loadings.T @ loadings + np.diag(few.rest), atol=0.05 * expected.max())


def test_rows_without_spread() -> None:
    found = dict(roots(np.zeros((6, 9), np.float32), np.array([0, 0, 0, 0, 0, 1])))
    for root in found.values():
        assert root.weight == 0.0
        assert not root.draw(3, np.random.default_rng(0)).any()
        assert not root.factors(2).draw(3, np.random.default_rng(0)).any()
