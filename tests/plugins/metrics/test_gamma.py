from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anndata
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from tabgenbench import Evaluation, MetricContext, Result
from tabgenbench.data.h5ad import write_table
from tabgenbench_plugins.metrics.gamma import Gamma

Score = Callable[..., Result]
Tables = tuple[NDArray[np.float32], NDArray[np.float32], list[str]]

X, Y = np.array([1.0, 1, -1, -1]), np.array([1.0, -1, 1, -1])
small_integers = st.integers(-8, 8).map(float)


def gamma_of_files(real_path: Path, synthetic_path: Path, *, clip: bool) -> float:
    """Gamma by its definition, computed from the values in the files with plain NumPy."""
    real, synthetic = (np.asarray(anndata.read_h5ad(path).X, np.float64) for path in (real_path, synthetic_path))
    varies = np.ptp(real, axis=0) > 0
    triangles = []
    for values in (real[:, varies], synthetic[:, varies]):
        with np.errstate(all="ignore"):
            r = np.corrcoef(values, rowvar=False)
        r[~np.isfinite(r)] = 0.0
        distance = np.triu(1 - r, 1)[np.triu_indices(len(r), 1)]
        triangles.append(np.clip(distance, 0, 1) if clip else distance)
    return float(np.corrcoef(*triangles)[0, 1])


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(12, 40), (60, 9), (30, 30), (14, 4100)], ids=str)
def test_gamma_recomputed_from_the_files_agrees(
    shape: tuple[int, int], tmp_path: Path, make_evaluation: Callable[..., Evaluation]
) -> None:
    rng = np.random.default_rng(5)
    n, p = shape
    mix = rng.normal(size=(3, p))
    real, synthetic = (rng.normal(size=(n, 3)) @ mix + rng.normal(size=(n, p)) + 9.0 for _ in range(2))
    real[:, :2], synthetic[:, 1:4] = 0.1, -3.3
    evaluation = make_evaluation(real, synthetic)
    write_table(evaluation.test, tmp_path / "test.h5ad")
    write_table(evaluation.synthetic, tmp_path / "synthetic.h5ad")

    result = Gamma().compute(evaluation, MetricContext(seed=0))

    for name, clip in (("gamma", False), ("gamma-clipped", True)):
        expected = gamma_of_files(tmp_path / "test.h5ad", tmp_path / "synthetic.h5ad", clip=clip)
        assert result.scores[name] == pytest.approx(expected, abs=1e-9)
    assert result.notes == (
        f"2 of {p} features are constant in the real test rows and are excluded",
        "2 features are constant in the synthetic rows only and have r = 0 with every other feature",
    )


def test_known_value(score: Score) -> None:
    real = np.column_stack([X, Y, X + Y])  # r = 0, 0.707, 0.707
    synthetic = np.column_stack([X, X + Y, Y])  # r = 0.707, 0, 0.707
    assert score(Gamma(), real, synthetic).scores["gamma"] == pytest.approx(-0.5)


def test_clipping_hides_negative_correlations(score: Score) -> None:
    real = np.column_stack([X, -X, Y])  # r = -1, 0, 0
    result = score(Gamma(), real, real)
    assert result.scores == {"gamma": pytest.approx(1.0)}
    assert result.undefined == {"gamma-clipped": "all pairs of features are equally close in the real test rows"}


def test_a_half_collapsed_sampler_is_not_rewarded(score: Score) -> None:
    rng = np.random.default_rng(2)
    mix = rng.normal(size=(3, 40))
    real, whole = (rng.normal(size=(400, 3)) @ mix + 0.5 * rng.normal(size=(400, 40)) for _ in range(2))
    collapsed = whole.copy()
    collapsed[:, ::2] = 0.25
    gammas = [score(Gamma(), real, synthetic).scores["gamma"] for synthetic in (whole, collapsed)]
    left_out = score(Gamma(), real[:, 1::2], collapsed[:, 1::2]).scores["gamma"]
    assert gammas[0] > 0.95
    assert gammas[1] < 0.75
    assert left_out > 0.95  # the score if collapsed features were excluded


@pytest.mark.parametrize("n_features", [30, 4100])
def test_narrow_and_wide_routes_leave_out_what_is_constant_in_real_rows_only(score: Score, n_features: int) -> None:
    rng = np.random.default_rng(0)
    real, synthetic = rng.normal(size=(2, 9, n_features))
    padded = [np.insert(values, 0, 1.0, axis=1) for values in (real, synthetic)]
    padded[1][:, 0] = rng.normal(size=9)
    with_constant, without = score(Gamma(), *padded), score(Gamma(), real, synthetic)
    assert with_constant.scores == pytest.approx(dict(without.scores), abs=1e-12)
    assert with_constant.notes == (
        f"1 of {n_features + 1} features are constant in the real test rows and are excluded",
    )


@pytest.mark.parametrize(
    ("real", "synthetic", "reason"),
    [
        (np.eye(2, 5), np.eye(6, 5), "2 real test rows, and correlations need at least 3"),
        (np.eye(6, 5), np.eye(2, 5), "2 synthetic rows, and correlations need at least 3"),
        (
            np.eye(6, 5) * [1, 1, 0, 0, 0],
            np.eye(6, 5),
            "2 features vary in the real test rows, and gamma needs at least 3",
        ),
        (
            np.random.default_rng(0).normal(size=(6, 5)),
            np.ones((6, 5)),
            "every feature is constant in the synthetic rows",
        ),
        (
            np.eye(6, 5),
            np.random.default_rng(0).normal(size=(6, 5)),
            "all pairs of features are equally close in the real",
        ),
        (np.eye(6, 5), np.full((6, 5), np.nan), "the synthetic rows contain values that are not finite numbers"),
        (np.eye(6, 5), np.zeros((0, 5)), "there are no synthetic rows"),
        (np.zeros((6, 0)), np.zeros((6, 0)), "there are no features"),
    ],
)
def test_a_score_without_a_value_has_a_reason(
    score: Score, real: NDArray[np.float64], synthetic: NDArray[np.float64], reason: str
) -> None:
    result = score(Gamma(), real, synthetic)
    assert result.undefined["gamma"].startswith(reason)
    assert set(result.scores) | set(result.undefined) == {"gamma", "gamma-clipped"}
    assert "gamma" not in result.scores


@settings(deadline=None)
@given(
    tables=arrays(np.float64, (2, 6, 5), elements=small_integers),
    rows=st.permutations(range(6)),
    columns=st.permutations(range(5)),
    scale=arrays(np.float64, 5, elements=st.sampled_from([0.25, 0.5, 1.0, 4.0, 64.0])),
    offset=arrays(np.float64, 5, elements=small_integers),
)
def test_gamma_does_not_depend_on_row_order_feature_order_or_units(
    score: Score,
    tables: NDArray[np.float64],
    rows: list[int],
    columns: list[int],
    scale: NDArray[np.float64],
    offset: NDArray[np.float64],
) -> None:
    real, synthetic = tables
    expected = score(Gamma(), real, synthetic)
    changed = [
        score(Gamma(), real, synthetic[rows]),
        score(Gamma(), real[rows], synthetic),
        score(Gamma(), real, synthetic * scale + offset),
        score(Gamma(), real * scale + offset, synthetic),
        score(Gamma(), real[:, columns], synthetic[:, columns]),
    ]
    for result in changed:
        assert result.scores == pytest.approx(dict(expected.scores), abs=1e-9)
        assert result.undefined == expected.undefined
    assert all(-1 <= value <= 1 for value in expected.scores.values())


@settings(deadline=None)
@given(real=arrays(np.float64, (7, 4), elements=small_integers))
def test_a_copy_of_the_test_rows_scores_one(score: Score, real: NDArray[np.float64]) -> None:
    result = score(Gamma(), real, real)
    assert set(result.scores) | set(result.undefined) == {"gamma", "gamma-clipped"}
    assert all(value == pytest.approx(1.0, abs=1e-9) for value in result.scores.values())


def test_real_correlations_are_kept_for_the_next_draw(make_evaluation: Callable[..., Evaluation]) -> None:
    real, first, second = np.random.default_rng(4).normal(size=(3, 15, 6))
    evaluation = make_evaluation(real, first)
    context = MetricContext(seed=0)
    Gamma().compute(evaluation, context)
    evaluation.shared.next_draw()
    later = make_evaluation(real, second)
    shared = Evaluation(later.train, later.test, later.synthetic, later.transform, evaluation.shared)
    assert Gamma().compute(shared, context) == Gamma().compute(later, context)


def test_golden_scores(score: Score, golden_tables: Tables) -> None:
    real, synthetic, _ = golden_tables
    result = score(Gamma(), real, synthetic)
    assert result.scores == pytest.approx({"gamma": 0.8028641, "gamma-clipped": 0.5517515}, abs=1e-6)
