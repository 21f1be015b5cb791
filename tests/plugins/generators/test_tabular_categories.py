"""CTGAN and TVAE on mixed tables: what they learn of categories, and the package on the same tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabgenbench import Generator, Schema, Table
from tabgenbench.interfaces.checks import check_sample
from tabgenbench.interfaces.contract_table import make_mixed_split
from tabgenbench_plugins.generators.ctgan import CTGAN
from tabgenbench_plugins.generators.tvae import TVAE

Make = Callable[..., Any]
BOTH = pytest.mark.parametrize("kind", [CTGAN, TVAE], ids=lambda kind: kind.name)
LEARNS: dict[str, dict[str, Any]] = {
    "ctgan": {
        "epochs": 60,
        "batch_size": 50,
        "embedding_dim": 8,
        "generator_dim": [32, 32],
        "discriminator_dim": [32, 32],
        "generator_lr": 2e-3,
        "discriminator_lr": 2e-3,
        "pac": 2,
    },
    "tvae": {"epochs": 60, "batch_size": 50, "embedding_dim": 8, "compress_dims": [32], "decompress_dims": [32]},
}


@pytest.mark.slow
@BOTH
def test_categories_depend_on_each_other_and_on_values(
    kind: type[Generator], make_mixed: Make, fit: Make, sample: Make
) -> None:
    train = make_mixed(300, missing=0.3)
    made, _ = sample(fit(kind, train, **LEARNS[kind.name])[0], train.conditions)
    made = check_sample(made, train.conditions, like=train, plugin=kind.name)
    smokes, has_weight = made.obs["smoker"] == "yes", ~made.is_gap("weight")
    assert 0.1 < smokes.mean() < 0.8
    assert made.X[smokes & has_weight, 1].mean() - made.X[~smokes & has_weight, 1].mean() > 4
    assert (made.obs["colour"] == "green")[~smokes].mean() > (made.obs["colour"] == "green")[smokes].mean()


@BOTH
@pytest.mark.slow
def test_a_condition_and_a_categorical_feature_keep_their_places(
    kind: type[Generator], make_mixed: Make, fit: Make, sample: Make
) -> None:
    mixed = make_mixed(300)
    train = replace(mixed, schema=Schema(conditions=("smoker",), categorical_features=("colour",)))
    asked = train.conditions.iloc[::-1]
    made, _ = sample(fit(kind, train, **LEARNS[kind.name])[0], asked)
    smokes = (made.obs["smoker"] == "yes").to_numpy()
    assert made.obs["smoker"].astype(str).equals(asked["smoker"].astype(str))
    assert made.X[smokes, 1].mean() - made.X[~smokes, 1].mean() > 7
    assert set(made.obs["colour"]) == {"green", "red"}


@BOTH
@pytest.mark.parametrize("numeric", [True, False], ids=["mixed", "categories alone"])
def test_the_package_makes_the_same_tables(kind: type[Generator], numeric: bool, fit: Make, sample: Make) -> None:
    pytest.importorskip("ctgan")
    train = make_mixed_split("own", numeric=numeric).train
    made, _ = sample(fit(kind, train, implementation="reference")[0], train.conditions)
    made = check_sample(made, train.conditions, like=train, plugin=kind.name)
    assert made.X.shape == train.X.shape
    assert made.categories.nunique().max() > 1


def _summary(made: Table) -> pd.Series:
    """Frequencies of categories, moments of values, and how both depend on each other."""
    smokes, green = (made.obs["smoker"] == "yes").to_numpy(), (made.obs["colour"] == "green").to_numpy()
    return pd.Series(
        {
            "smoker": smokes.mean(),
            "green": green.mean(),
            "green smoker": (green & smokes).mean(),
            "size": made.X[:, 0].mean(),
            "sd of size": made.X[:, 0].std(),
            "weight": made.X[:, 1].mean(),
            "sd of weight": made.X[:, 1].std(),
            "smoker and size": np.cov(smokes, made.X[:, 0])[0, 1],
            "smoker and weight": np.cov(smokes, made.X[:, 1])[0, 1],
        }
    )


@BOTH
@pytest.mark.stress
def test_both_implementations_sample_alike_over_ten_seeds(
    kind: type[Generator], make_mixed: Make, fit: Make, sample: Make
) -> None:
    pytest.importorskip("ctgan")
    train = make_mixed(200)
    asked = train.conditions.iloc[np.arange(1000) % 200]

    def summaries(implementation: str) -> pd.DataFrame:
        fitted = [
            fit(kind, train, seed=seed, implementation=implementation, **LEARNS[kind.name])[0] for seed in range(10)
        ]
        return pd.DataFrame([_summary(sample(generator, asked)[0]) for generator in fitted])

    fast, reference = summaries("fast"), summaries("reference")
    difference, error = fast.mean() - reference.mean(), np.sqrt((fast.var() + reference.var()) / 10)
    print(pd.DataFrame({"fast": fast.mean(), "reference": reference.mean(), "standard error": error}))
    assert (difference.abs() <= 4 * error).all()  # 4, because there are nine statistics of two models
