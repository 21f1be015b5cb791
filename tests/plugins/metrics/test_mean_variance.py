from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabgenbench import Evaluation, MetricContext, Result, Table, Transform, Unsupported
from tabgenbench.interfaces.contract_table import make_mixed_split
from tabgenbench_plugins.metrics.mean_variance import MeanVariance, zero_shares


def counts(seed: int, *, n: int = 200, p: int = 30, noise: float = 1.0) -> Any:
    """Return counts whose variance grows with their mean; ``noise`` scales their deviations."""
    rng = np.random.default_rng(seed)
    mean = np.geomspace(0.3, 60.0, p)
    values = rng.poisson(rng.gamma(2.0, mean / 2.0, (n, p)))
    return np.rint(np.maximum(mean + noise * (values - mean), 0.0)).astype(np.float32)


def evaluation_of(real: Any, synthetic: Any, *, log2p1: bool = True) -> Evaluation:
    names = tuple(f"g{j}" for j in range(real.shape[1]))
    own = [
        Table(one, pd.DataFrame(index=[f"row{i}" for i in range(len(one))]), names, scale="counts", log2p1=log2p1)
        for one in (counts(9), real, synthetic)
    ]
    transform = Transform.fit(own[0])
    return Evaluation(*(transform.apply(one) for one in own), transform)


def compute(evaluation: Evaluation, **options: Any) -> Result:
    return MeanVariance(MeanVariance.Config(**options)).compute(evaluation, MetricContext(seed=0))


@pytest.mark.parametrize("log2p1", [True, False])
def test_zeros_are_those_of_the_own_scale(log2p1: bool) -> None:
    real, synthetic = counts(1), counts(2, noise=0.5)
    evaluation = evaluation_of(real, synthetic, log2p1=log2p1)
    np.testing.assert_array_equal(
        zero_shares(evaluation.test.dense(), None, evaluation.transform), (real == 0).mean(axis=0)
    )
    counted = (counts(9) == 0).any(axis=0)
    assert 0 < counted.sum() < 30
    expected = np.abs((real == 0).mean(axis=0) - (synthetic == 0).mean(axis=0))[counted].mean()
    assert compute(evaluation).scores["zero-error"] == pytest.approx(expected, abs=1e-12)


def test_values_below_zero_are_zeros_under_the_logarithm_only() -> None:
    real = counts(1)
    shares = []
    for log2p1 in (True, False):
        evaluation = evaluation_of(real, real, log2p1=log2p1)
        below = evaluation.test.dense() - np.float32(10.0)
        shares.append(zero_shares(below, None, evaluation.transform))
    assert (shares[0] == 1.0).all()
    assert (shares[1] == 0.0).all()


def test_the_error_of_the_variance_is_that_of_the_formula() -> None:
    real, synthetic = counts(1), counts(2, noise=2.0)
    x, y = (np.log10(part) for part in (real.mean(axis=0), real.var(axis=0, ddof=1)))
    made_x, made_y = (np.log10(part) for part in (synthetic.mean(axis=0), synthetic.var(axis=0, ddof=1)))
    curve = np.poly1d(np.polyfit(x, y, 2))
    expected = np.abs(made_y - curve(np.clip(made_x, x.min(), x.max())) - y + curve(x)).mean()
    found = compute(evaluation_of(real, synthetic)).scores["mean-variance-error"]
    assert found == pytest.approx(expected, abs=1e-4)  # values pass through float32
    assert found > 2 * compute(evaluation_of(real, counts(3))).scores["mean-variance-error"]


def test_a_variance_that_follows_the_mean_is_no_error() -> None:
    """Features in reverse order: means and variances are wrong, and their relation is right."""
    real, synthetic = counts(1), counts(2)[:, ::-1]
    assert np.abs(np.log10(real.var(axis=0)) - np.log10(synthetic.var(axis=0))).mean() > 1.0
    assert compute(evaluation_of(real, np.ascontiguousarray(synthetic))).scores["mean-variance-error"] < 0.15


def test_a_constant_feature_counts_as_far_below() -> None:
    real = counts(1)
    synthetic = real.copy()
    synthetic[:, -1] = 60.0
    alone = compute(evaluation_of(real, synthetic)).scores["mean-variance-error"]
    assert alone == pytest.approx(6.0 / 30, abs=0.01)


def test_scores_that_a_table_cannot_have_have_a_reason() -> None:
    evaluation = evaluation_of(counts(1), counts(2))
    standardized = replace(evaluation, transform=replace(evaluation.transform, own_scale="standardized"))
    assert len(compute(standardized).undefined) == 2
    assert all("the dataset is standardised" in reason for reason in compute(standardized).undefined.values())
    one_row = compute(evaluation_of(counts(1, n=1), counts(2))).undefined
    assert one_row == {"mean-variance-error": "there is one real test row; a variance needs at least two"}
    split = make_mixed_split()
    mixed = MeanVariance().compute(
        Evaluation(split.train, split.test, split.test, split.transform), MetricContext(seed=0)
    )
    assert mixed.undefined["mean-variance-error"].endswith("expected 10")
    split = make_mixed_split(numeric=False)
    with pytest.raises(Unsupported, match="expected at least 1"):
        MeanVariance().compute(Evaluation(split.train, split.test, split.test, split.transform), MetricContext(seed=0))


def test_numbers_of_each_feature_are_stored_where_wanted() -> None:
    real = counts(1)
    table = compute(evaluation_of(real, real), per_feature=True).artifacts["features"]
    np.testing.assert_allclose(table["mean_test"], real.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(table["variance_synthetic"], real.var(axis=0, ddof=1), rtol=1e-3)
    np.testing.assert_allclose(table["zeros_test"], (real == 0).mean(axis=0))
