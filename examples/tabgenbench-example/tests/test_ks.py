"""The mean Kolmogorov-Smirnov distance agrees with SciPy and keeps its range."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp
from tabgenbench_example.ks import MeanKS, ks_distances

from tabgenbench import Evaluation, MetricContext, Result, Table, Transform


def score(test: np.ndarray, synthetic: np.ndarray, *, per_feature: bool = False) -> Result:
    """Return the metric's result for two arrays."""
    names = [f"f{j}" for j in range(test.shape[1])]
    tables = [Table.from_frame(pd.DataFrame(x, columns=names), scale="standardized") for x in (test, synthetic)]
    evaluation = Evaluation(tables[0], *tables, Transform.fit(tables[0]))
    return MeanKS(MeanKS.Config(per_feature=per_feature)).compute(evaluation, MetricContext(seed=0))


def test_distances_agree_with_scipy() -> None:
    """Half of the values are rounded, so that there are ties."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(60, 6)), rng.normal(0.3, 1.5, size=(45, 6))
    a[:, :3], b[:, :3] = a[:, :3].round(1), b[:, :3].round(1)
    expected = [ks_2samp(a[:, j], b[:, j]).statistic for j in range(6)]
    np.testing.assert_allclose(ks_distances(a, b), expected, atol=1e-12)


def test_identity_is_0_and_separation_is_1() -> None:
    """The extreme values, and invariance to the order of rows."""
    values = np.random.default_rng(1).normal(size=(30, 4))
    assert score(values, values[::-1]).scores["example-ks"] == 0.0
    assert score(values, values + 100).scores["example-ks"] == pytest.approx(1.0)


def test_per_feature_is_an_artifact_only_where_asked() -> None:
    """The artifact's mean is the score."""
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(30, 4)), rng.normal(size=(20, 4))
    assert not score(a, b).artifacts
    result = score(a, b, per_feature=True)
    assert result.artifacts["features"]["distance"].mean() == pytest.approx(result.scores["example-ks"])
