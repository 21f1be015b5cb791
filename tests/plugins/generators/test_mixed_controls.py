"""Controls on mixed tables: categories follow the rule of each control, and gaps do not distort the numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabgenbench import Schema, Table
from tabgenbench_plugins.generators.condition_gaussian import ConditionGaussian
from tabgenbench_plugins.generators.condition_mean import ConditionMean
from tabgenbench_plugins.generators.condition_mvn import ConditionMVN
from tabgenbench_plugins.generators.real_resample import RealResample
from tabgenbench_plugins.generators.shuffled import Shuffled

Make = Callable[..., Any]
ALL = [RealResample, Shuffled, ConditionMean, ConditionGaussian, ConditionMVN]


@pytest.fixture(scope="module")
def train(make_correlated: Make) -> Table:
    table: Table = make_correlated()
    return table


def draw(kind: type[Any], train: Table, fit: Make, sample: Make, **options: Any) -> Table:
    made: Table = sample(fit(kind, train, **options)[0], train.conditions)[0]
    return made


def association(table: Table, one: str, other: str) -> float:
    """Return Cramér's V."""
    counts = pd.crosstab(table.obs[one].astype(str), table.obs[other].astype(str)).to_numpy(dtype=float)
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / counts.sum()
    return float(np.sqrt(((counts - expected) ** 2 / expected).sum() / counts.sum() / (min(counts.shape) - 1)))


def difference(table: Table, category: str, column: int) -> float:
    """Return the difference of the means of present cells between ``yes`` and ``no``."""
    present, yes = ~table.is_gap(table.features[column]), (table.obs[category] == "yes").to_numpy()
    return float(table.X[present & yes, column].mean() - table.X[present & ~yes, column].mean())


def shares(table: Table, column: str) -> pd.Series:
    return pd.crosstab(table.obs["ward"].astype(str), table.obs[column].astype(str), normalize="index")


def test_resampled_rows_are_whole(train: Table, fit: Make, sample: Make) -> None:
    made = draw(RealResample, train, fit, sample)
    columns = [*train.schema.categorical_features, *train.features]
    first, second = (t.to_frame()[columns].astype(str).agg("|".join, axis=1) for t in (train, made))
    assert sorted(first) == sorted(second)
    assert list(first) != list(second)


def test_shuffled_keeps_a_number_with_its_gaps_and_loses_the_rest(train: Table, fit: Make, sample: Make) -> None:
    made = draw(Shuffled, train, fit, sample)
    for name in train.schema.categorical_features:
        assert made.obs[name].value_counts().to_dict() == train.obs[name].value_counts().to_dict()
    of_made, of_train = (np.sort(t.X[~t.is_gap("weight"), 1]) for t in (made, train))
    np.testing.assert_array_equal(of_made, of_train)
    assert association(made, "smoker", "drink") < 0.1 < 0.5 < association(train, "smoker", "drink")


def test_the_mean_row_has_modes_and_means_of_present_cells(train: Table, fit: Make, sample: Make) -> None:
    made = draw(ConditionMean, train, fit, sample)
    for ward in ("A", "B"):
        rows, asked = ((t.obs["ward"] == ward).to_numpy() for t in (train, made))
        for name in train.schema.categorical_features:
            assert set(made.obs[name][asked]) == {train.obs[name][rows].mode()[0]}
        present = rows & ~train.is_gap("weight")
        np.testing.assert_allclose(made.X[asked, 1], train.X[present, 1].mean(), rtol=1e-5)


@pytest.mark.parametrize("kind", [ConditionGaussian, ConditionMVN])
def test_frequencies_are_those_of_the_condition(kind: type[Any], train: Table, fit: Make, sample: Make) -> None:
    made = draw(kind, train, fit, sample)
    for name in train.schema.categorical_features:
        np.testing.assert_allclose(shares(made, name), shares(train, name), atol=0.06)
    assert (made.obs["clinic"].astype(str) == np.where(made.obs["ward"] == "B", "south", "north")).all()


@pytest.mark.parametrize("kind", [ConditionGaussian, ConditionMVN])
def test_moments_are_those_of_present_cells(kind: type[Any], train: Table, fit: Make, sample: Make) -> None:
    made = draw(kind, train, fit, sample)
    rows, of_train = (made.obs["ward"] == "A").to_numpy(), (train.obs["ward"] == "A").to_numpy()
    real = train.X[of_train & ~train.is_gap("weight"), 1]
    # Weights are missing where they are high, which condition-mvn knows; condition-gaussian takes them as they are.
    shown = rows & ~made.is_gap("weight")
    assert made.X[shown, 1].mean() == pytest.approx(real.mean(), abs=0.15)
    assert made.X[shown, 1].std() == pytest.approx(real.std(), rel=0.15)


def test_mvn_keeps_the_associations_of_every_kind(train: Table, fit: Make, sample: Make) -> None:
    made, floor = (draw(kind, train, fit, sample) for kind in (ConditionMVN, ConditionGaussian))
    for pair in (("smoker", "drink"), ("smoker", "weight is missing"), ("drink", "weight is missing")):
        real = association(train, *pair)
        assert association(made, *pair) > 0.6 * real > 2 * association(floor, *pair)
    assert difference(made, "smoker", 0) == pytest.approx(difference(train, "smoker", 0), rel=0.2)
    assert difference(made, "smoker", 1) == pytest.approx(difference(train, "smoker", 1), rel=0.4)
    present = ~made.is_gap("weight")
    assert np.corrcoef(made.X[present].T)[0, 1] > 0.9


def test_mvn_with_a_covariance_for_each_condition_and_one_of_a_single_row(
    train: Table, fit: Make, sample: Make
) -> None:
    few = train.take([*np.flatnonzero(train.obs["ward"] == "A")[:200], int((train.obs["ward"] == "B").argmax())])
    asked = few.conditions.iloc[[200] * 30].set_axis(range(30))
    for covariance in ("pooled", "condition"):
        made = sample(fit(ConditionMVN, few, covariance=covariance)[0], asked)[0]
        for name in few.schema.categorical_features:
            assert set(made.obs[name]) == {few.obs[name].iloc[200]}


def test_mvn_of_a_column_with_many_values_keeps_their_frequencies(train: Table, fit: Make, sample: Make) -> None:
    rng = np.random.default_rng(0)
    town = pd.Categorical.from_codes(rng.geometric(0.1, size=3000).clip(max=30) - 1, [f"t{i:02}" for i in range(30)])
    schema = Schema(conditions=("ward",), categorical_features=("town",))
    table = replace(train, X=train.X[:, :0], features=(), obs=train.obs[["ward"]].assign(town=town), schema=schema)
    made = draw(ConditionMVN, table, fit, sample)
    np.testing.assert_allclose(
        *(t.obs["town"].value_counts(normalize=True).sort_index() for t in (made, table)), atol=0.02
    )


@pytest.mark.parametrize("kind", ALL)
def test_a_mixed_table_without_requested_rows(kind: type[Any], train: Table, fit: Make, sample: Make) -> None:
    made = sample(fit(kind, train.take(range(60)))[0], train.conditions.iloc[:0])[0]
    assert made.n_rows == 0
    assert set(train.schema.categorical_features) <= set(made.obs)


@pytest.mark.parametrize("kind", ALL)
def test_a_category_without_training_rows_is_not_made(kind: type[Any], train: Table, fit: Make, sample: Make) -> None:
    some = train.take(np.flatnonzero(train.obs["drink"] != "wine"))  # "wine" stays a category of the column
    made = sample(fit(kind, some)[0], some.conditions.iloc[:200])[0]
    assert set(made.obs["drink"]) <= {"tea", "unknown"}
