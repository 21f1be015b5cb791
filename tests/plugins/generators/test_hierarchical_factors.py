"""Hierarchical factors: moments, margins, small conditions, mixed tables, and a saved model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabgenbench import ConfigError, FitContext, Generator, Table
from tabgenbench.options import make_options
from tabgenbench_plugins.generators.condition_gaussian import ConditionGaussian
from tabgenbench_plugins.generators.hierarchical_factors import HierarchicalFactors

Make = Callable[..., Any]
LUNG, TUMOUR, LIVER, SKIN = ("lung", "normal"), ("lung", "cancer"), ("liver", "normal"), ("skin", "normal")


@pytest.fixture(scope="module")
def correlated(make_correlated: Make) -> Table:
    table: Table = make_correlated()
    return table


def many(train: Table, n_rows: int) -> pd.DataFrame:
    return train.conditions.iloc[np.arange(n_rows) % train.n_rows].set_axis(range(n_rows))


def test_defaults() -> None:
    assert HierarchicalFactors.Config().model_dump() == {"factors": 10, "margins": True}


@pytest.mark.parametrize("value", [0, -1, 1.5, "all"])
def test_factors_are_a_positive_number_or_none(value: Any) -> None:
    with pytest.raises(ConfigError, match="'factors"):
        make_options(HierarchicalFactors.Config, {"factors": value}, where="hierarchical-factors")


@pytest.mark.parametrize("options", [{}, {"margins": False}, {"factors": "none"}], ids=str)
def test_moments_of_each_condition(options: dict[str, Any], make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table({LUNG: 60, LIVER: 40})
    made, _ = sample(fit(HierarchicalFactors, train, **options)[0], many(train, 10_000))
    for tissue in ("lung", "liver"):
        real, drawn = (t.X[(t.obs["tissue"] == tissue).to_numpy(), :-1] for t in (train, made))
        np.testing.assert_allclose(drawn.mean(axis=0), real.mean(axis=0), atol=0.05)
        # Without margins, variances are partly those of the other condition.
        np.testing.assert_allclose(drawn.std(axis=0), real.std(axis=0), rtol=0.4 if options else 0.1)


def test_margins_are_those_of_the_condition_and_no_value_is_below_the_lowest(
    make_table: Make, fit: Make, sample: Make
) -> None:
    table = make_table({LUNG: 200, LIVER: 200})
    train = table.like(np.exp(table.X).clip(0.3), table.conditions)  # skewed, with a limit that many rows have
    made, plain = (
        sample(fit(HierarchicalFactors, train, margins=margins)[0], many(train, 8000))[0] for margins in (True, False)
    )
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    real, drawn, normal = (
        np.quantile(t.X[(t.obs["tissue"] == "lung").to_numpy(), :-1], levels, axis=0) for t in (train, made, plain)
    )
    error, error_without = (np.abs(x - real).mean() for x in (drawn, normal))
    assert error < 0.2 * error_without
    assert (made.X >= train.X.min(axis=0)).all()
    assert (plain.X < train.X.min(axis=0)).any()


def test_few_factors_keep_fewer_correlations(make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table({LUNG: 300})  # three factors and noise

    def error(factors: Any) -> float:
        made = sample(fit(HierarchicalFactors, train, factors=factors)[0], many(train, 8000))[0]
        return float(np.abs(np.corrcoef(made.X[:, :-1].T) - np.corrcoef(train.X[:, :-1].T)).mean())

    errors = [error(factors) for factors in (1, 3, "none")]
    assert errors[0] > 3 * errors[1] > 3 * errors[2] * 0.5
    assert errors[1] < 0.05


def test_conditions_of_few_rows_use_the_pooled_covariance(make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table({LUNG: 60, TUMOUR: 40, LIVER: 3, SKIN: 1})
    generator, context = fit(HierarchicalFactors, train)
    assert context.notes == ["weight of a condition's own covariance: 0.00 to 0.25 over 4 conditions"]
    for condition in (LIVER, SKIN):
        of = (train.conditions.to_numpy(dtype=str) == condition).all(axis=1)
        asked = train.conditions.iloc[np.flatnonzero(of)[[0] * 4000]].set_axis(range(4000))
        made = sample(generator, asked)[0]
        near = made.X[:, :-1].mean(axis=0) - train.X[of, :-1].mean(axis=0)
        assert np.abs(near).max() < 0.1
        assert (made.X[:, :-1].std(axis=0) > 0.05).all()


def test_what_cannot_be_learned_or_leaks_is_noted(make_table: Make, fit: Make) -> None:
    notes = fit(HierarchicalFactors, make_table({LUNG: 1, LIVER: 1}))[1].notes
    assert notes == ["no condition has two training rows, so no spread can be learned and rows are means"]
    notes = fit(HierarchicalFactors, make_table({LUNG: 20}), factors="none")[1].notes
    assert notes == ["factors=none keeps whole covariances, which reveals training rows (mahalanobis-membership)"]


def association(table: Table, one: str, other: str) -> float:
    """Return Cramér's V."""
    counts = pd.crosstab(table.obs[one].astype(str), table.obs[other].astype(str)).to_numpy(dtype=float)
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / counts.sum()
    return float(np.sqrt(((counts - expected) ** 2 / expected).sum() / counts.sum() / (min(counts.shape) - 1)))


def test_mixed_tables_keep_frequencies_associations_and_present_values(
    correlated: Table, fit: Make, sample: Make
) -> None:
    made, floor = (
        sample(fit(kind, correlated)[0], correlated.conditions)[0] for kind in (HierarchicalFactors, ConditionGaussian)
    )
    for name in correlated.schema.categorical_features:
        expected, found = (pd.crosstab(t.obs["ward"], t.obs[name], normalize="index") for t in (correlated, made))
        np.testing.assert_allclose(found, expected, atol=0.06)
    for pair in (("smoker", "drink"), ("smoker", "weight is missing"), ("drink", "weight is missing")):
        real = association(correlated, *pair)
        assert association(made, *pair) > 0.6 * real > 2 * association(floor, *pair)
    (real, drawn) = (t.X[~t.is_gap("weight") & (t.obs["ward"] == "A").to_numpy()] for t in (correlated, made))
    assert np.corrcoef(drawn.T)[0, 1] > 0.9
    assert drawn[:, 1].mean() == pytest.approx(real[:, 1].mean(), abs=0.15)


def test_a_table_of_categories_only_and_one_without_conditions(make_mixed: Make, fit: Make, sample: Make) -> None:
    train = make_mixed(400, missing=0.2)
    made = sample(fit(HierarchicalFactors, train)[0], train.conditions)[0]
    assert association(made, "smoker", "colour") > 0.25
    schema = train.schema.model_copy(update={"categorical_features": ("smoker", "colour"), "gaps": ()})
    only = Table(X=train.X[:, :0], obs=train.obs[["smoker", "colour"]], features=(), schema=schema)
    made = sample(fit(HierarchicalFactors, only)[0], only.conditions)[0]
    assert made.X.shape == (400, 0)
    assert association(made, "smoker", "colour") == pytest.approx(association(only, "smoker", "colour"), abs=0.15)


@pytest.mark.parametrize("options", [{}, {"factors": "none", "margins": False}], ids=str)
@pytest.mark.parametrize("is_mixed", [False, True], ids=["numeric", "mixed"])
def test_a_loaded_model_samples_like_the_saved_one(
    is_mixed: bool,
    options: dict[str, Any],
    make_table: Make,
    correlated: Table,
    fit: Make,
    sample: Make,
    tmp_path: Path,
) -> None:
    train = correlated.take(range(300)) if is_mixed else make_table()
    saved: HierarchicalFactors = fit(HierarchicalFactors, train, **options)[0]
    saved.save(tmp_path)
    loaded = HierarchicalFactors.load(tmp_path, saved.config, template=train.take([]), device="cpu")
    asked = many(train, 50).assign(**{train.schema.conditions[0]: ["never seen"] * 10 + ["lung"] * 40})
    for conditions in (train.conditions, asked):
        (one, noted), (other, also) = (sample(generator, conditions) for generator in (saved, loaded))
        assert one.dense().tobytes() == other.dense().tobytes()
        pd.testing.assert_frame_equal(one.obs, other.obs)
        assert noted.fallbacks == also.fallbacks


@pytest.mark.parametrize("factors", [10, "none"])
def test_the_estimate_of_memory_grows_with_the_table(factors: Any, make_table: Make) -> None:
    generator: Generator = HierarchicalFactors(HierarchicalFactors.Config(factors=factors))
    small, large = (generator.estimate_memory(make_table().schema, 800, p) for p in (1000, 20_000))
    assert small is not None
    assert large is not None
    assert 8 * small < large < 30 * small  # no matrix of features by features


def test_equal_seeds_give_equal_models(correlated: Table, sample: Make) -> None:
    few, made = correlated.take(range(200)), []
    for seed in (3, 3, 4):
        generator = HierarchicalFactors()
        generator.fit(few, None, FitContext(device="cpu", seed=seed))
        made.append(sample(generator, few.conditions)[0].X.tobytes())
    assert made[0] == made[1] != made[2]
