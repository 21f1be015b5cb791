"""The Gaussian copula: its margins and fallbacks, and a comparison of its samples with those of the package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabgenbench import Schema, Unsupported

pytest.importorskip("sdv")

from tabgenbench_plugins.generators.gaussian_copula import (
    TABLE,
    GaussianCopula,
    _conditional,
    _frame,
    _new_synthesizer,
)

Make = Callable[..., Any]
LUNG, TUMOUR, LIVER = ("lung", "normal"), ("lung", "cancer"), ("liver", "normal")


def ask(conditions: pd.DataFrame, condition: tuple[str, str], n: int) -> pd.DataFrame:
    rows = [condition] * n
    return pd.DataFrame(rows, columns=list(conditions.columns), index=[f"a{i}" for i in range(n)]).astype("category")


@pytest.mark.parametrize("distribution", ["norm", "beta"])
def test_rows_are_distributed_as_the_packages_own(distribution: str, make_table: Make, fit: Make, sample: Make) -> None:
    from sdv.sampling import Condition

    train, n = make_table({LUNG: 60, TUMOUR: 40, LIVER: 50}, n_features=5), 3000
    generator, _ = fit(GaussianCopula, train, distribution=distribution, enforce_min_max_values=False)
    made, _ = sample(generator, ask(train.conditions, TUMOUR, n))

    synthesizer = _new_synthesizer(_frame(train, train.dense()), train.schema, distribution)
    synthesizer.fit({TABLE: _frame(train, train.dense())})
    values = {"c0": "lung", "c1": "cancer"}
    # The package draws one code per condition and call, so it is called for many small parts.
    parts = [synthesizer.sample_from_conditions([Condition(values, num_rows=30)])[TABLE] for _ in range(50)]
    theirs = pd.concat(parts)[[f"x{j}" for j in range(4)]].to_numpy()
    ours = made.X[:, :4]
    sd = theirs.std(axis=0)
    assert np.abs((ours.mean(axis=0) - theirs.mean(axis=0)) / sd).max() < 0.15
    assert np.abs(np.log(ours.std(axis=0) / sd)).max() < 0.1
    assert np.abs(np.corrcoef(ours.T) - np.corrcoef(theirs.T)).max() < 0.1


def test_categories_are_distributed_as_the_packages_own(make_mixed: Make, fit: Make, sample: Make) -> None:
    train, n = make_mixed(400), 4000
    made, _ = sample(fit(GaussianCopula, train, enforce_min_max_values=False)[0], train.conditions.iloc[[0] * n])
    synthesizer = _new_synthesizer(_frame(train, train.dense()), train.schema, "norm")
    synthesizer.fit({TABLE: _frame(train, train.dense())})
    theirs = synthesizer.sample(n)[TABLE]
    for j, name in enumerate(train.schema.categorical_features):
        real, ours, package = (
            column.astype(str).value_counts(normalize=True)
            for column in (train.obs[name], made.obs[name], theirs[f"k{j}"])
        )
        assert ours.sub(package, fill_value=0).abs().max() < 0.04
        assert ours.sub(real, fill_value=0).abs().max() < 0.04
    by_smoker = pd.Series(made.X[:, 0]).groupby(made.obs["smoker"].astype(str).to_numpy()).mean()
    expected = theirs["x0"].groupby(theirs["k0"]).mean()
    assert by_smoker["yes"] - by_smoker["no"] == pytest.approx(expected["yes"] - expected["no"], abs=0.15)
    assert by_smoker["yes"] - by_smoker["no"] > 0.4


def test_a_gap_does_not_narrow_the_distribution_of_its_column(make_mixed: Make, fit: Make, sample: Make) -> None:
    train = make_mixed(400, missing=0.5)
    made, _ = sample(fit(GaussianCopula, train)[0], train.conditions.iloc[[0] * 2000])
    present = train.X[~train.is_gap("weight"), 1]
    assert made.X[:, 1].std() == pytest.approx(present.std(), rel=0.1)
    assert np.mean(made.obs["weight is missing"] == "yes") == pytest.approx(0.5, abs=0.05)


def test_conditional_of_a_normal_by_hand() -> None:
    # Two features with correlations .6 and .8 with the one condition, and .5 with each other.
    correlation = np.array([[1, 0.6, 0.8], [0.6, 1, 0.5], [0.8, 0.5, 1]])
    slopes, root = _conditional(correlation, 1)
    np.testing.assert_allclose(slopes, [[0.6], [0.8]])
    np.testing.assert_allclose(root @ root.T, [[0.64, 0.02], [0.02, 0.36]], atol=1e-12)
    np.testing.assert_allclose(root, root.T, atol=1e-12)


def test_correlations_over_all_rows_are_those_of_training(make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table({LUNG: 80, TUMOUR: 60, LIVER: 70})
    asked = train.conditions.iloc[np.arange(4000) % train.n_rows].set_axis([f"a{i}" for i in range(4000)])
    made, _ = sample(fit(GaussianCopula, train)[0], asked)
    real, synthetic = (np.corrcoef(t.X[:, :-1].T) for t in (train, made))
    assert np.abs(real - synthetic).max() < 0.15


def test_values_stay_in_the_training_range_unless_told_otherwise(make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table()
    asked = train.conditions.iloc[np.arange(2000) % train.n_rows].set_axis([f"a{i}" for i in range(2000)])
    inside, free = (
        sample(fit(GaussianCopula, train, enforce_min_max_values=clip)[0], asked)[0].X for clip in (True, False)
    )
    assert (inside >= train.X.min(axis=0)).all()
    assert (inside <= train.X.max(axis=0)).all()
    assert (free > train.X.max(axis=0)).any()


@pytest.mark.parametrize("distribution", ["beta", "norm", "truncnorm", "gamma", "uniform", "gaussian_kde"])
def test_every_distribution_serves(distribution: str, make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table(n_features=4)
    made, _ = sample(fit(GaussianCopula, train, distribution=distribution)[0], train.conditions)
    assert np.isfinite(made.X).all()
    assert made.X[:, 0].std() > 0.3


def test_a_condition_of_three_rows_gets_rows_and_no_fallback(make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table({LUNG: 60, TUMOUR: 40, LIVER: 3})
    made, context = sample(fit(GaussianCopula, train)[0], ask(train.conditions, LIVER, 50))
    assert made.n_rows == 50
    assert (made.obs["tissue"] == "liver").all()
    assert not context.fallbacks
    assert len(np.unique(made.X[:, 0])) > 40  # values at the ends of the range repeat


@pytest.mark.parametrize(("n_rows", "n_features", "said"), [(1, 10, "1 training rows"), (100, 5000, "5000 features")])
def test_tables_it_declines(n_rows: int, n_features: int, said: str, make_table: Make) -> None:
    with pytest.raises(Unsupported, match=said):
        GaussianCopula.supports(make_table().schema, n_rows, n_features)


def test_categorical_features_count_as_features() -> None:
    schema = Schema(categorical_features=tuple(f"c{j}" for j in range(1500)))
    with pytest.raises(Unsupported, match="4500 features"):
        GaussianCopula.supports(schema, 100, 3000)
