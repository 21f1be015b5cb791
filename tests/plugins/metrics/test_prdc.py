from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from tabgenbench_plugins.metrics.prdc import PRDC


def by_hand(x: Any, y: Any, k: int) -> dict[str, float]:
    """Return the scores from the definitions of Naeem et al. (2020), where a row on a surface is outside."""
    apart = cdist(x, y)
    x_radius, y_radius = (np.sort(cdist(one, one), axis=1)[:, k] for one in (x, y))
    return {
        "precision": float((apart < x_radius[:, None]).any(axis=0).mean()),
        "recall": float((apart < y_radius[None, :]).any(axis=1).mean()),
        "density": float((apart < x_radius[:, None]).sum(axis=0).mean() / k),
        "coverage": float((apart.min(axis=1) < x_radius).mean()),
    }


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("shift", [0.0, 1.5])
def test_scores_are_those_of_the_definitions(score: Any, k: int, shift: float) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(70, 4)).astype(np.float32), rng.normal(shift, 1.2, (50, 4)).astype(np.float32)
    found = score(PRDC(PRDC.Config(n_neighbours=k)), x, y).scores
    assert found == pytest.approx(by_hand(x.astype(np.float64), y.astype(np.float64), k), abs=1e-12)


def test_scores_are_those_of_the_package_prdc(score: Any) -> None:
    prdc = pytest.importorskip("prdc")
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(80, 6)).astype(np.float32), rng.normal(0.3, 1.0, (60, 6)).astype(np.float32)
    expected = prdc.compute_prdc(x.astype(np.float64), y.astype(np.float64), nearest_k=5)
    assert score(PRDC(), x, y).scores == pytest.approx(expected, abs=1e-12)


def test_the_same_rows_are_perfect(score: Any) -> None:
    x = np.random.default_rng(3).normal(size=(60, 5))
    perfect = {"precision": 1.0, "recall": 1.0, "density": 1.0, "coverage": 1.0}
    assert score(PRDC(), x, x).scores == pytest.approx(perfect)
    assert score(PRDC(), x, x[::-1]).scores == pytest.approx(perfect)
    repeated = np.repeat(x[:10], 6, axis=0)  # balls of radius 0
    assert score(PRDC(), repeated, repeated).scores == pytest.approx({**perfect, "density": 6 / 5})


def test_too_few_rows_have_a_reason(score: Any) -> None:
    x = np.random.default_rng(4).normal(size=(9, 3))
    result = score(PRDC(), x, x[:5])
    assert set(result.undefined.values()) == {"5 synthetic rows are too few for 5 neighbours"}


def test_a_subsample_has_standard_errors(score: Any) -> None:
    x, y = np.random.default_rng(5).normal(size=(2, 250, 3))
    notes = score(PRDC(PRDC.Config(max_rows=100)), x, y).notes
    assert notes[0].startswith("computed on 100 of 250 test rows")
    assert notes[1].startswith("standard errors of the subsample: recall 0.0")
