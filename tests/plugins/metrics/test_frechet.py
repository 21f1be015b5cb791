from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.linalg import sqrtm
from sklearn.decomposition import PCA

from tabgenbench import Evaluation, MetricContext
from tabgenbench_plugins.metrics import frechet as module
from tabgenbench_plugins.metrics.frechet import Frechet, frechet_distance


def test_the_distance_is_that_of_the_formula() -> None:
    rng = np.random.default_rng(1)
    (m, n), (a, b) = rng.normal(size=(2, 4)), rng.normal(size=(2, 9, 4))
    s, t = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    expected = ((m - n) ** 2).sum() + np.trace(s + t - 2 * np.real(sqrtm(s @ t)))
    assert frechet_distance(m, s, n, t) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(m, s, m, s) == pytest.approx(0.0, abs=1e-9)


def test_the_distance_of_singular_covariances_is_defined() -> None:
    s, t = np.diag([4.0, 0.0]), np.diag([0.0, 9.0])
    assert frechet_distance(np.zeros(2), s, np.zeros(2), t) == pytest.approx(13.0)


def test_the_distance_is_that_of_pot() -> None:
    gaussian = pytest.importorskip("ot.gaussian")
    rng = np.random.default_rng(2)
    (m, n), (a, b) = rng.normal(size=(2, 4)), rng.normal(size=(2, 9, 4))
    s, t = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    expected = gaussian.bures_wasserstein_distance(m, n, s, t) ** 2
    assert frechet_distance(m, s, n, t) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("exact", [True, False])
def test_components_are_those_of_the_training_rows(
    make_evaluation: Any, monkeypatch: pytest.MonkeyPatch, exact: bool
) -> None:
    monkeypatch.setattr(module, "EXACT", 2000 if exact else 3)
    rng = np.random.default_rng(3)
    x, y = (rng.normal(size=(80, 8)) * 2.0 ** -np.arange(8) for _ in range(2))
    evaluation: Evaluation = make_evaluation(x, y)
    result = Frechet(Frechet.Config(components=3)).compute(evaluation, MetricContext(seed=0))
    pca = PCA(3, svd_solver="full").fit(evaluation.train.dense().astype(np.float64))
    a, b = (pca.transform(one.dense().astype(np.float64)) for one in (evaluation.test, evaluation.synthetic))
    moments = [part for one in (a, b) for part in (one.mean(axis=0), np.cov(one, rowvar=False))]
    assert result.scores["frechet-distance"] == pytest.approx(frechet_distance(*moments), rel=1e-4)
    assert result.notes == ("3 principal components of the training rows",)


def test_few_rows_limit_the_number_of_components(score: Any) -> None:
    x, y = np.random.default_rng(4).normal(size=(2, 30, 10))
    assert score(Frechet(), x, y).notes == ("6 principal components of the training rows",)
    few = score(Frechet(), x, y[:4])
    assert few.undefined == {"frechet-distance": "4 rows are too few for a covariance, which needs 5"}
