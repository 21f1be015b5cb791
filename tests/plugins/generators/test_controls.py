"""Each control does what its name says: known distributions are recovered, rare conditions follow their rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabgenbench import Table
from tabgenbench.interfaces.checks import misfit
from tabgenbench_plugins.generators.condition_gaussian import ConditionGaussian
from tabgenbench_plugins.generators.condition_mean import ConditionMean
from tabgenbench_plugins.generators.condition_mvn import ConditionMVN
from tabgenbench_plugins.generators.parts.by_condition import TrainingConditions, permuted_rows
from tabgenbench_plugins.generators.real_resample import RealResample
from tabgenbench_plugins.generators.shuffled import Shuffled
from tabgenbench_plugins.generators.unseen_third import UnseenThird

Make = Callable[..., Any]
LUNG, LIVER, SKIN = ("lung", "normal"), ("liver", "normal"), ("skin", "normal")


def rows_of(table: Table, tissue: str) -> np.ndarray[Any, Any]:
    rows: np.ndarray[Any, Any] = table.X[(table.obs["tissue"] == tissue).to_numpy()].astype(np.float64)
    return rows


@given(n_rows=st.integers(1, 20), n=st.integers(0, 70), seed=st.integers(0, 99))
def test_rows_are_used_equally_often(n_rows: int, n: int, seed: int) -> None:
    rows = np.arange(n_rows) * 3
    drawn = permuted_rows(rows, n, np.random.default_rng(seed))
    counts = pd.Series(drawn).value_counts().reindex(rows, fill_value=0)
    assert len(drawn) == n
    assert set(counts) <= {n // n_rows, -(-n // n_rows)}


def test_training_conditions_are_sorted_and_counted(make_table: Make) -> None:
    found = TrainingConditions.of(make_table({LUNG: 3, LIVER: 2}))
    assert found.labels == ("tissue=liver, status=normal", "tissue=lung, status=normal")
    assert found.counts.tolist() == [2, 3]
    assert found.rows(0).tolist() == [3, 4]


def test_resample_without_replacement_returns_every_row_once(make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table({LUNG: 30, LIVER: 20})
    made, context = sample(fit(RealResample, train)[0], train.conditions)
    assert sorted(map(tuple, made.X)) == sorted(map(tuple, train.X))
    assert not np.array_equal(made.X, train.X)
    assert not context.notes


def test_resample_uses_rows_again_and_says_so(make_table: Make, conditions: Make, fit: Make, sample: Make) -> None:
    train = make_table({LUNG: 4, LIVER: 20})
    made, context = sample(fit(RealResample, train)[0], conditions(*[LUNG] * 10))
    counts = pd.Series(list(map(tuple, made.X))).value_counts()
    assert sorted(counts) == [2, 2, 3, 3]
    assert context.notes == [
        "fewer training rows than asked, each used equally often: tissue=lung, status=normal (4 for 10)"
    ]


def test_resample_with_replacement_repeats_rows(make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table({LUNG: 60})
    made, _ = sample(fit(RealResample, train, replace=True)[0], train.conditions)
    distinct = len(set(map(tuple, made.X)))
    assert set(map(tuple, made.X)) <= set(map(tuple, train.X))
    assert 25 < distinct < 50  # 60 (1 - 1/e) = 38 are expected


def test_mean_is_the_mean_and_a_single_row_is_noted(
    make_table: Make, conditions: Make, fit: Make, sample: Make
) -> None:
    train = make_table({LUNG: 9, SKIN: 1})
    made, context = sample(fit(ConditionMean, train)[0], conditions(SKIN, LUNG, LUNG))
    np.testing.assert_allclose(made.X[1], rows_of(train, "lung").mean(axis=0), rtol=1e-6, atol=1e-7)
    assert np.array_equal(made.X[1], made.X[2])
    assert np.array_equal(made.X[0], rows_of(train, "skin")[0].astype(np.float32))
    assert context.notes == ["the mean is that of a single training row: tissue=skin, status=normal"]


@pytest.mark.parametrize("variance", ["condition", "pooled"])
def test_gaussian_has_the_means_and_variances_and_no_correlation(
    variance: str, make_table: Make, conditions: Make, fit: Make, sample: Make
) -> None:
    train = make_table({LUNG: 25, LIVER: 15})
    made, context = sample(fit(ConditionGaussian, train, variance=variance)[0], conditions(*[LIVER] * 20_000))
    own, other = rows_of(train, "liver"), rows_of(train, "lung")
    pooled = (14 * own.var(axis=0, ddof=1) + 24 * other.var(axis=0, ddof=1)) / 38
    expected = pooled if variance == "pooled" else own.var(axis=0, ddof=1)
    np.testing.assert_allclose(made.X.mean(axis=0), own.mean(axis=0), atol=0.03)
    np.testing.assert_allclose(made.X.var(axis=0), expected, rtol=0.06)
    correlation = np.corrcoef(made.X[:, :-1].T)  # the last feature is constant
    assert np.abs(correlation - np.eye(len(correlation))).max() < 0.04
    assert not context.fallbacks


def test_gaussian_takes_the_pooled_variance_where_rows_are_few(
    make_table: Make, conditions: Make, fit: Make, sample: Make
) -> None:
    train = make_table({LUNG: 25, LIVER: 4, SKIN: 1})
    made, context = sample(fit(ConditionGaussian, train)[0], conditions(*[SKIN] * 20_000, LIVER))
    lung, liver = rows_of(train, "lung"), rows_of(train, "liver")
    pooled = (24 * lung.var(axis=0, ddof=1) + 3 * liver.var(axis=0, ddof=1)) / 27
    np.testing.assert_allclose(made.X[:-1].var(axis=0), pooled, rtol=0.06)
    np.testing.assert_allclose(made.X[:-1].mean(axis=0), rows_of(train, "skin")[0], atol=0.03)
    assert [(f.condition, f.rows, f.rule) for f in context.fallbacks] == [
        ("tissue=liver, status=normal", 1, "pooled variance, as the condition has 4 training rows"),
        ("tissue=skin, status=normal", 20_000, "pooled variance, as the condition has 1 training row"),
    ]


def test_mvn_recovers_the_pooled_covariance(make_table: Make, conditions: Make, fit: Make, sample: Make) -> None:
    train = make_table({LUNG: 400, LIVER: 300, SKIN: 1})
    made, context = sample(fit(ConditionMVN, train)[0], conditions(*[LIVER] * 20_000))
    residuals = np.concatenate([rows - rows.mean(axis=0) for rows in (rows_of(train, t) for t in ("lung", "liver"))])
    expected = residuals.T @ residuals / (700 - 2)
    np.testing.assert_allclose(np.cov(made.X.T), expected, atol=0.05 * expected.max())
    np.testing.assert_allclose(made.X.mean(axis=0), rows_of(train, "liver").mean(axis=0), atol=0.03)
    assert not context.fallbacks


def test_mvn_keeps_the_spread_of_the_data_where_features_outnumber_rows(
    make_table: Make, fit: Make, sample: Make
) -> None:
    train = make_table({LUNG: 20, LIVER: 10}, n_features=200)
    asked = train.conditions.iloc[np.arange(6000) % 30].set_axis(range(6000))
    made, _ = sample(fit(ConditionMVN, train)[0], asked)

    def variance_within(table: Table) -> float:
        parts = [rows_of(table, t) for t in ("lung", "liver")]
        squares = sum(((rows - rows.mean(axis=0)) ** 2).sum() for rows in parts)
        return float(squares) / (sum(map(len, parts)) - 2)

    assert variance_within(made) == pytest.approx(variance_within(train), rel=0.02)


def test_mvn_with_a_covariance_for_each_condition(make_table: Make, conditions: Make, fit: Make, sample: Make) -> None:
    table = make_table({LUNG: 300, LIVER: 300, SKIN: 3})
    values = table.X.copy()
    values[300:600] *= 3.0
    train = table.like(values, table.obs)
    generator, _ = fit(ConditionMVN, train, covariance="condition")
    lung, liver = (sample(generator, conditions(*[c] * 5000))[0] for c in (LUNG, LIVER))
    for made, tissue in ((lung, "lung"), (liver, "liver")):
        expected = np.cov(rows_of(train, tissue).T)
        np.testing.assert_allclose(np.cov(made.X.T), expected, atol=0.1 * expected.max())
    _, context = sample(generator, conditions(SKIN, SKIN))
    assert [(f.rows, f.rule) for f in context.fallbacks] == [
        (2, "pooled covariance, as the condition has 3 training rows")
    ]


@pytest.mark.parametrize("cls", [ConditionGaussian, ConditionMVN])
def test_without_two_rows_of_any_condition_rows_are_means(cls: Any, make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table({LUNG: 1, LIVER: 1})
    generator, context = fit(cls, train)
    assert np.array_equal(sample(generator, train.conditions)[0].X, train.X)
    assert context.notes == ["no condition has two training rows, so no spread can be learned and rows are means"]


def test_shuffled_keeps_each_feature_and_nothing_else(make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table({LUNG: 200, LIVER: 200}, n_features=300)  # more features than a block
    made, context = sample(fit(Shuffled, train)[0], train.conditions)
    assert np.array_equal(np.sort(made.X, axis=0), np.sort(train.X, axis=0))
    correlation = np.corrcoef(made.X[:, :-1].T)
    assert np.abs(correlation - np.eye(299)).mean() < 0.05
    assert np.abs(np.corrcoef(train.X[:, :-1].T) - np.eye(299)).mean() > 0.3
    assert not context.notes


def test_shuffled_goes_round_again(make_table: Make, conditions: Make, fit: Make, sample: Make) -> None:
    train = make_table({LUNG: 6})
    made, context = sample(fit(Shuffled, train)[0], conditions(*[LUNG] * 15))
    assert sorted(pd.Series(made.X[:, 0]).value_counts()) == [2, 2, 2, 3, 3, 3]
    assert context.notes == ["15 rows asked of 6 training rows: each value is used equally often"]


def test_controls_alone_may_be_trained_on_the_reference() -> None:
    class Model(UnseenThird):
        is_control = False

    assert misfit("generators", UnseenThird) == ""
    assert "trained_on is 'reference', expected \"train\"; controls alone may" in misfit("generators", Model)
