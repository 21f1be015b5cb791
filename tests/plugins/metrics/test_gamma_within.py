from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from tabgenbench import Result
from tabgenbench_plugins.metrics.gamma import Gamma
from tabgenbench_plugins.metrics.gamma_within import GammaWithin

Score = Callable[..., Result]
Tables = tuple[NDArray[np.float32], NDArray[np.float32], list[str]]
LABELS = ["a"] * 5 + ["b"] * 4
small_integers = st.integers(-8, 8).map(float)


def gamma(score: Score, *tables: NDArray[np.float64], **labels: list[str]) -> float:
    result = score(GammaWithin(), *tables, **labels)
    assert not result.undefined
    return result.scores["gamma-within"]


def by_definition(real: NDArray[np.float64], synthetic: NDArray[np.float64], labels: list[str]) -> float:
    triangles = []
    for values in (real, synthetic):
        left = np.asarray(values, np.float32).astype(np.float64)
        for name in set(labels):
            rows = np.array(labels) == name
            left[rows] -= left[rows].mean(axis=0)
        r = np.corrcoef(left, rowvar=False)
        triangles.append(r[np.triu_indices(len(r), 1)])
    return float(np.corrcoef(*triangles)[0, 1])


@pytest.mark.parametrize("n_features", [5, 30])
def test_it_is_gamma_of_residuals(score: Score, n_features: int) -> None:
    real, synthetic = np.random.default_rng(0).normal(size=(2, 9, n_features))
    real[:5] += 4.0
    expected = by_definition(real, synthetic, LABELS)
    assert gamma(score, real, synthetic, labels=LABELS) == pytest.approx(expected, abs=1e-9)


def test_rows_that_are_alone_in_their_condition_are_left_out_on_each_side(score: Score) -> None:
    real, synthetic = np.random.default_rng(1).normal(size=(2, 9, 6))
    lonely = [*LABELS[:-1], "c"]
    result = score(GammaWithin(), real, synthetic, labels=LABELS, synthetic_labels=lonely)
    expected = gamma(score, real, synthetic[:-1], labels=LABELS, synthetic_labels=LABELS[:-1])
    assert result.scores["gamma-within"] == pytest.approx(expected)
    assert result.notes == ("1 synthetic rows are alone in their condition and are excluded",)


def test_rows_without_noise_have_no_value(score: Score) -> None:
    real = np.random.default_rng(2).normal(size=(9, 6))
    means = np.random.default_rng(3).normal(size=(2, 6))[[0] * 5 + [1] * 4]
    rounded = means * (1 + 1e-7 * np.random.default_rng(4).normal(size=(9, 6)))  # as from a network in float32
    for synthetic in (means, rounded):
        result = score(GammaWithin(), real, synthetic, labels=LABELS)
        assert result.scores == {}
        assert result.undefined == {"gamma-within": "no feature varies within the conditions of the synthetic rows"}


def test_a_feature_with_a_millionth_of_its_spread_inside_counts_as_constant(score: Score) -> None:
    real, synthetic = np.random.default_rng(5).normal(size=(2, 9, 6))
    faint, zero = synthetic.copy(), synthetic.copy()
    between = np.where(np.array(LABELS) == "a", 1.0, -1.0)
    faint[:, 0], zero[:, 0] = between + 1e-6 * synthetic[:, 0], between
    result = score(GammaWithin(), real, faint, labels=LABELS)
    assert result.scores["gamma-within"] == pytest.approx(gamma(score, real, zero, labels=LABELS))
    where = "within the conditions of the synthetic rows only"
    collapsed = f"1 features are constant {where} and have r = 0 with every other feature"
    assert result.notes == (collapsed,)


def test_what_is_constant_inside_the_real_conditions_is_left_out(score: Score) -> None:
    real, synthetic = np.random.default_rng(6).normal(size=(2, 9, 6))
    real[:, 2] = np.where(np.array(LABELS) == "a", 0.1, 0.7)
    result = score(GammaWithin(), real, synthetic, labels=LABELS)
    rest = [0, 1, 3, 4, 5]
    assert result.scores["gamma-within"] == pytest.approx(
        gamma(score, real[:, rest], synthetic[:, rest], labels=LABELS)
    )
    assert result.notes == (
        "1 of 6 features are constant within the conditions of the real test rows and are excluded",
    )


def test_without_conditions_it_is_gamma(score: Score) -> None:
    real, synthetic = np.random.default_rng(7).normal(size=(2, 9, 6))
    synthetic[:, 0] = 0.1
    assert gamma(score, real, synthetic) == pytest.approx(score(Gamma(), real, synthetic).scores["gamma"])


def test_rows_all_alone_have_no_value(score: Score) -> None:
    real, synthetic = np.random.default_rng(8).normal(size=(2, 4, 6))
    reason = score(GammaWithin(), real, synthetic, labels=list("abcd")).undefined["gamma-within"]
    assert reason == "no condition has two rows, so there are no residuals"


@settings(deadline=None)
@given(
    tables=arrays(np.float64, (2, 9, 4), elements=small_integers),
    rows=st.permutations(range(9)),
    shift=arrays(np.float64, (2, 4), elements=small_integers),
)
def test_it_does_not_depend_on_row_order_or_on_the_means_of_conditions(
    score: Score, tables: NDArray[np.float64], rows: list[int], shift: NDArray[np.float64]
) -> None:
    real, synthetic = tables
    expected = score(GammaWithin(), real, synthetic, labels=LABELS)
    moved = synthetic + shift[[0] * 5 + [1] * 4]
    shuffled_labels = [LABELS[i] for i in rows]
    changed = [
        score(GammaWithin(), real, moved, labels=LABELS),
        score(GammaWithin(), real, synthetic[rows], labels=LABELS, synthetic_labels=shuffled_labels),
        score(GammaWithin(), real[rows], synthetic, labels=shuffled_labels, synthetic_labels=LABELS),
    ]
    for result in changed:
        assert result.scores == pytest.approx(dict(expected.scores), abs=1e-9)
        assert result.undefined == expected.undefined
    assert all(-1 <= value <= 1 for value in expected.scores.values())


def test_golden_score(score: Score, golden_tables: Tables) -> None:
    real, synthetic, labels = golden_tables
    assert gamma(score, real, synthetic, labels=labels) == pytest.approx(0.2771660, abs=1e-6)
