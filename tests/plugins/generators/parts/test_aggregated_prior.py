"""The distribution of codes in each condition: its moments, rare conditions, and conditions without rows."""

from __future__ import annotations

import numpy as np
import pytest

from tabgenbench_plugins.generators.parts.aggregated_prior import AggregatedPrior
from tabgenbench_plugins.generators.parts.hierarchical import roots


def test_moments_are_those_of_the_posteriors() -> None:
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1, 2], [400, 300, 1])
    mu = (rng.normal(size=(701, 3)) @ rng.normal(size=(3, 3)) + group[:, None]).astype(np.float32)
    mu[group == 1] *= 2.0
    variances = rng.uniform(0.1, 0.5, size=(701, 3)).astype(np.float32)
    prior = AggregatedPrior.fit(mu, variances, group)
    residuals = mu - np.stack([mu[group == k].mean(axis=0) for k in range(3)])[group]
    for k, root in roots(residuals, group):
        rows = group == k
        own, pooled = np.zeros((3, 3)), residuals.T @ residuals / 698
        if rows.sum() > 1:
            own = np.cov(mu[rows].T)
        expected = root.weight * own + (1 - root.weight) * pooled + np.diag(variances[rows].mean(axis=0))
        np.testing.assert_allclose(prior.means_KZ[k], mu[rows].mean(axis=0), atol=1e-5)
        np.testing.assert_allclose(prior.roots_KZZ[k].T @ prior.roots_KZZ[k], expected, rtol=1e-4, atol=1e-4)
        drawn = prior.draw(np.full(50_000, k), np.random.default_rng(k))
        np.testing.assert_allclose(np.cov(drawn.T), expected, atol=0.05 * expected.max())
        np.testing.assert_allclose(drawn.mean(axis=0), prior.means_KZ[k], atol=0.05)


def test_a_condition_without_training_rows_gets_the_standard_prior() -> None:
    prior = AggregatedPrior.fit(np.full((5, 2), 9.0, np.float32), np.full((5, 2), 0.1, np.float32), np.zeros(5, int))
    drawn = prior.draw(np.repeat([-1, 0], 20_000), np.random.default_rng(0))
    assert drawn[:20_000].mean() == pytest.approx(0.0, abs=0.02)
    assert drawn[:20_000].var() == pytest.approx(1.0, abs=0.03)
    assert drawn[20_000:].mean() == pytest.approx(9.0, abs=0.02)
    assert drawn[20_000:].var() == pytest.approx(0.1, abs=0.005)
    assert prior.draw(np.zeros(0, int), np.random.default_rng(0)).shape == (0, 2)
