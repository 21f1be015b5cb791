from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tabgenbench import ConfigError, Result
from tabgenbench.options import make_options
from tabgenbench_plugins.metrics.gamma import Gamma
from tabgenbench_plugins.metrics.gamma_by_condition import GammaByCondition

Score = Callable[..., Result]
Tables = tuple[NDArray[np.float32], NDArray[np.float32], list[str]]
LABELS = ["lung"] * 22 + ["colon"] * 20 + ["liver"] * 19
COLON, LUNG = slice(22, 42), slice(0, 22)


@pytest.fixture(scope="module")
def tables() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(3, 8))
    real, synthetic = (rng.normal(size=(61, 3)) @ mix + rng.normal(size=(61, 8)) for _ in range(2))
    return real, synthetic


Pair = tuple[NDArray[np.float64], NDArray[np.float64]]


def test_it_is_the_mean_over_large_conditions_in_sorted_order(score: Score, tables: Pair) -> None:
    real, synthetic = tables
    result = score(GammaByCondition(), real, synthetic, labels=LABELS)
    inside = [score(Gamma(), real[rows], synthetic[rows]).scores["gamma"] for rows in (COLON, LUNG)]
    assert result.scores["gamma-by-condition"] == pytest.approx(np.mean(inside))
    table = result.artifacts["conditions"]
    assert table["condition"].tolist() == ["tissue=colon", "tissue=lung"]
    assert table["gamma"].tolist() == pytest.approx(inside)
    assert table[["test_rows", "synthetic_rows", "features"]].to_numpy().tolist() == [[20, 20, 8], [22, 22, 8]]
    assert result.notes == ()


def test_option_min_rows_admits_smaller_conditions(score: Score, tables: Pair) -> None:
    metric = GammaByCondition(GammaByCondition.Config(min_rows=19))
    result = score(metric, *tables, labels=LABELS)
    assert result.artifacts["conditions"]["condition"].tolist() == ["tissue=colon", "tissue=liver", "tissue=lung"]
    with pytest.raises(ConfigError, match="min_rows"):
        make_options(GammaByCondition.Config, {"min_rows": 2}, where="metric")


def test_conditions_without_noise_count_zero(score: Score, tables: Pair) -> None:
    real, _ = tables
    means = np.repeat(np.random.default_rng(1).normal(size=(3, 8)), [22, 20, 19], axis=0)
    rounded = means * (1 + 1e-7 * np.random.default_rng(2).normal(size=means.shape))
    for synthetic in (means, rounded):
        result = score(GammaByCondition(), real, synthetic, labels=LABELS)
        assert result.scores == {"gamma-by-condition": 0.0}
        reason = "counts 0 because every feature is constant in the synthetic rows: tissue=colon; tissue=lung"
        assert result.notes == (reason,)


def test_a_condition_without_synthetic_rows_counts_zero(score: Score, tables: Pair) -> None:
    real, synthetic = tables
    renamed = ["lung"] * 22 + ["elsewhere"] * 20 + ["liver"] * 19
    result = score(GammaByCondition(), real, synthetic, labels=LABELS, synthetic_labels=renamed)
    in_lung = score(Gamma(), real[LUNG], synthetic[LUNG]).scores["gamma"]
    assert result.scores["gamma-by-condition"] == pytest.approx(in_lung / 2)
    assert result.notes == ("counts 0 because there are 0 synthetic rows: tissue=colon",)


def test_a_condition_whose_real_rows_do_not_vary_is_left_out(score: Score, tables: Pair) -> None:
    real, synthetic = tables[0].copy(), tables[1]
    real[COLON] = real[22]
    result = score(GammaByCondition(), real, synthetic, labels=LABELS)
    assert result.artifacts["conditions"]["condition"].tolist() == ["tissue=lung"]
    assert result.notes == (
        "excluded because 0 features vary in the real test rows, and gamma needs at least 3: tissue=colon",
    )


def test_no_large_condition_is_undefined(score: Score, tables: Pair) -> None:
    metric = GammaByCondition(GammaByCondition.Config(min_rows=30))
    result = score(metric, *tables, labels=LABELS)
    assert result.scores == {}
    assert result.undefined == {"gamma-by-condition": "no condition has 30 real test rows; the largest has 22"}


def test_without_conditions_all_rows_are_one(score: Score, tables: Pair) -> None:
    result = score(GammaByCondition(), *tables)
    assert result.scores["gamma-by-condition"] == pytest.approx(score(Gamma(), *tables).scores["gamma"])


def test_pooled_covariance_that_is_wrong_in_each_condition_is_found(score: Score) -> None:
    rng = np.random.default_rng(3)
    labels = ["a"] * 300 + ["b"] * 300
    first, second = rng.normal(size=(2, 2, 10))

    def rows(mix: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(rng.normal(size=(300, 2)) @ mix + 0.3 * rng.normal(size=(300, 10)))

    real, right = (np.concatenate([rows(first), rows(second)]) for _ in range(2))
    swapped = np.concatenate([rows(second), rows(first)])
    values = [score(GammaByCondition(), real, s, labels=labels).scores["gamma-by-condition"] for s in (right, swapped)]
    assert values[0] > 0.95
    assert values[1] < 0.6
    assert score(Gamma(), real, swapped).scores["gamma"] > 0.95


@settings(deadline=None, max_examples=25)
@given(rows=st.permutations(range(61)), columns=st.permutations(range(8)))
def test_it_does_not_depend_on_the_order_of_rows_or_features(
    score: Score, tables: Pair, rows: list[int], columns: list[int]
) -> None:
    real, synthetic = tables
    expected = score(GammaByCondition(), real, synthetic, labels=LABELS).scores["gamma-by-condition"]
    moved = [LABELS[i] for i in rows]
    result = score(GammaByCondition(), real, synthetic[rows], labels=LABELS, synthetic_labels=moved)
    assert result.scores["gamma-by-condition"] == pytest.approx(expected, abs=1e-9)
    result = score(GammaByCondition(), real[:, columns], synthetic[:, columns], labels=LABELS)
    assert result.scores["gamma-by-condition"] == pytest.approx(expected, abs=1e-9)
    itself = score(GammaByCondition(), real, real[rows], labels=LABELS, synthetic_labels=moved)
    assert itself.scores["gamma-by-condition"] == pytest.approx(1.0, abs=1e-9)


def test_golden_score(score: Score, golden_tables: Tables) -> None:
    real, synthetic, labels = golden_tables
    metric = GammaByCondition(GammaByCondition.Config(min_rows=12))
    result = score(metric, real, synthetic, labels=labels)
    assert result.scores["gamma-by-condition"] == pytest.approx(0.2090561, abs=1e-6)
