"""Flow matching with boosted trees: refused tables, one-hot columns as those of the package, gaps and components."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabgenbench import Schema, Table, Unsupported

pytest.importorskip("ForestDiffusion")

from tabgenbench_plugins.generators.forest_flow import ForestFlow

Make = Callable[..., Any]
SMALL = {"levels": 5, "duplicates": 10, "trees": 5, "depth": 4}


def test_a_table_that_takes_longer_than_a_day_is_refused_unless_allowed() -> None:
    size = (Schema(conditions=("tissue",)), 808, 969)
    with pytest.raises(Unsupported, match=r"50 levels x 969 columns = 48,450 ensembles .* estimated 997 hours"):
        ForestFlow().estimate_memory(*size)
    with pytest.raises(Unsupported, match=r"take an estimated 0\.29 hours, more than max_hours=0\.1;"):
        ForestFlow(ForestFlow.Config(max_hours=0.1)).estimate_memory(Schema(conditions=("sex",)), 1000, 15)
    assert ForestFlow(ForestFlow.Config(components=20)).estimate_memory(*size)
    assert ForestFlow(ForestFlow.Config(max_hours=2000)).estimate_memory(*size)
    assert ForestFlow().estimate_memory(Schema(), 1004, 9)


def test_a_fit_counts_the_values_of_each_category_before_it_trains(fit: Make) -> None:
    values = [f"v{i:03d}" for i in range(300)]
    obs = pd.DataFrame({"town": values}, index=values).astype("category")
    table = Table(np.zeros((300, 0), np.float32), obs, (), schema=Schema(categorical_features=("town",)))
    assert ForestFlow().estimate_memory(table.schema, 300, 0)
    with pytest.raises(Unsupported, match="299 columns"):
        fit(ForestFlow, table, levels=50, trees=100, depth=7, duplicates=100)


def test_rows_are_those_of_the_package_with_its_own_encoding(fit: Make, sample: Make) -> None:
    from ForestDiffusion import ForestDiffusionModel

    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(80, 2)).astype(np.float32)
    codes = (numbers[:, 0] > 0).astype(int) + (numbers[:, 1] > 0)
    names = [f"row{i}" for i in range(80)]
    obs = pd.DataFrame({"kind": np.array(["a", "b", "c"])[codes]}, index=names).astype("category")
    train = Table(numbers, obs, ("x", "y"), schema=Schema(categorical_features=("kind",)), scale="standardized")
    made, _ = sample(fit(ForestFlow, train, seed=3, **SMALL)[0], train.conditions, seed=4)
    theirs = ForestDiffusionModel(
        np.column_stack([numbers.astype(np.float64), codes]),
        cat_indexes=[2],
        n_t=5,
        duplicate_K=10,
        n_estimators=5,
        max_depth=4,
        n_jobs=1,
        nthread=1,
        seed=int(np.random.default_rng(3).integers(2**31)),
    )
    np.random.seed(int(np.random.default_rng(4).integers(2**31)))
    expected = theirs.generate(batch_size=80)
    np.testing.assert_allclose(made.X, expected[:, :2], rtol=1e-5, atol=1e-6)
    assert made.obs["kind"].tolist() == np.array(["a", "b", "c"])[expected[:, 2].astype(int)].tolist()


def test_columns_of_eleven_categories_are_not_confused(fit: Make, sample: Make) -> None:
    names = [f"row{i}" for i in range(60)]
    columns = {f"k{j}": np.where(np.arange(60) % 3 == 0, "no", f"yes{j}") for j in range(12)}
    obs = pd.DataFrame(columns, index=names).astype("category")
    train = Table(np.zeros((60, 0), np.float32), obs, (), schema=Schema(categorical_features=tuple(columns)))
    made, _ = sample(fit(ForestFlow, train, **SMALL)[0], train.conditions)
    for name in columns:
        assert set(made.obs[name]) == set(obs[name])
        assert (made.obs[name] == "no").mean() == pytest.approx(1 / 3, abs=0.25)


def test_gaps_do_not_pull_values_to_their_median(make_mixed: Make, fit: Make, sample: Make) -> None:
    train = make_mixed(300, missing=0.5)
    made, _ = sample(fit(ForestFlow, train, **SMALL)[0], train.conditions.iloc[[0] * 400])
    assert made.X[:, 1].std() == pytest.approx(train.X[~train.is_gap("weight"), 1].std(), rel=0.2)
    assert np.mean(made.is_gap("weight")) == pytest.approx(0.5, abs=0.15)


def test_components_replace_the_features(make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table(n_features=30)
    model, context = fit(ForestFlow, train, components=3, **SMALL)
    assert any("3 principal components of 30 features" in note for note in context.notes)
    made, _ = sample(model, train.conditions)
    assert made.X.shape == train.X.shape
    assert [progress.epoch for progress in context.curve] == [1, 2, 3, 4, 5]
