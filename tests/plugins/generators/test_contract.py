"""Requirements for every built-in generator: the contract kit, and rules for small and unusual tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabgenbench import Generator, Persistent, Table, check_generator, failures
from tabgenbench.options import make_options

Make = Callable[..., Any]
CONTROLS = {
    "real-resample",
    "unseen-third",
    "condition-mean",
    "condition-gaussian",
    "condition-mvn",
    "shuffled",
    "smote",
}
LEARNS: dict[str, dict[str, Any]] = {  # options with which a model learns to separate three conditions of 40 rows
    "cvae": {"epochs": 80, "learning_rate": 1e-2},
    "cvae-selected": {"epochs": 30, "learning_rates": [1e-2]},
    "ctgan": {
        "epochs": 200,
        "batch_size": 60,
        "embedding_dim": 8,
        "generator_dim": [64, 64],
        "discriminator_dim": [64, 64],
        "generator_lr": 1e-3,
        "discriminator_lr": 1e-3,
        "discriminator_steps": 3,
        "pac": 2,
    },
    "forest-flow": {"levels": 10, "duplicates": 20, "trees": 10, "depth": 4},
    "tvae": {"epochs": 150, "compress_dims": [64, 64], "decompress_dims": [64, 64]},
    "wgan-gp": {"epochs": 200, "learning_rate": 4e-3, "batch_size": 20, "hidden": [32, 32]},
    "flow-matching": {"steps": 500, "learning_rate": 5e-3, "batch_size": 64, "hidden": [32, 32], "ema": 0.98},
    "tabddpm": {
        "steps": 300,
        "learning_rate": 5e-3,
        "batch_size": 64,
        "hidden": [32, 32],
        "ema": 0.98,
        "sampling_steps": 20,
    },
}
# These models know the conditions of training rows only, so a new combination gets the nearest of them.
JOIN_CONDITIONS = {"ctgan", "tvae", "hierarchical-factors"}
LUNG, TUMOUR, LIVER, SKIN = ("lung", "normal"), ("lung", "cancer"), ("liver", "normal"), ("skin", "normal")


def check_table(made: Table, asked: pd.DataFrame, train: Table) -> None:
    assert made.X.shape == (len(asked), train.n_features)
    assert made.X.dtype == np.float32
    assert np.isfinite(made.dense()).all()
    assert made.features == train.features
    assert made.scale == "standardized"
    pd.testing.assert_frame_equal(made.conditions, asked, check_categorical=False)


@pytest.fixture(scope="module")
def train(make_table: Make) -> Table:
    """The default table; no test changes it."""
    return make_table()


@pytest.fixture(scope="module")
def fitted(generator_class: type[Generator], train: Table, fit: Make) -> Generator:
    """Every generator, trained once on the default table; sampling does not change it."""
    generator: Generator = fit(generator_class, train)[0]
    return generator


def test_the_shipped_kit_finds_nothing(generator_class: type[Generator], quick_options: dict[str, Any]) -> None:
    checks = check_generator(generator_class, **quick_options)
    assert failures(checks) == []
    n_tables = 2 if "categorical" in generator_class.makes else 1
    optional = n_tables * issubclass(generator_class, Persistent) + hasattr(generator_class, "embed")
    assert len(checks) == (0, 9, 15)[n_tables] + optional


def nearest_conditions(made: Table, train: Table) -> np.ndarray[Any, Any]:
    """Return for each row the condition with the nearest mean of training rows."""
    labels = train.conditions.agg(" ".join, axis=1).to_numpy(dtype=str)
    centres = {label: train.X[labels == label].mean(axis=0) for label in np.unique(labels)}
    distances = np.stack([((made.X - centre) ** 2).sum(axis=1) for centre in centres.values()])
    return np.array(list(centres))[distances.argmin(axis=0)]


@pytest.mark.parametrize("n_skin", [pytest.param(40, marks=pytest.mark.slow), 3])
def test_each_row_lies_nearest_to_the_condition_asked(
    n_skin: int, generator_class: type[Generator], make_table: Make, fit: Make, sample: Make
) -> None:
    if generator_class.name == "shuffled":
        pytest.skip("ignores the condition")
    options = LEARNS.get(generator_class.name, {})
    train = make_table({LUNG: 40, TUMOUR: 40, SKIN: n_skin})
    asked = train.conditions.sample(frac=1.0, random_state=5)
    made, context = sample(fit(generator_class, train, **options)[0], asked)
    check_table(made, asked, train)
    labels = asked.agg(" ".join, axis=1).to_numpy(dtype=str)
    is_right = nearest_conditions(made, train) == labels
    # A Gaussian copula codes a condition as a number with noise, so its conditions overlap; TVAE takes no condition,
    # and noise that lies between the conditions of its latent space gives rows between them. A leaf of an adversarial
    # random forest may contain rows of two conditions, and its samples lie between them.
    share = {"gaussian-copula": 0.6, "tvae": 0.8, "arf": 0.9}.get(generator_class.name, 0.95)
    assert is_right.mean() > share
    by_rule = sum(one.rows for one in context.fallbacks if one.condition == "tissue=skin, status=normal")
    if generator_class.name != "gaussian-copula":
        is_skin = labels == " ".join(SKIN)
        assert is_right[is_skin].sum() >= 0.6 * (n_skin - by_rule)


def test_another_seed_gives_other_rows_of_controls_too(fitted: Generator, train: Table, sample: Make) -> None:
    first, other = (sample(fitted, train.conditions, seed=seed)[0] for seed in (2, 3))
    assert np.array_equal(first.X, other.X) == (fitted.name == "condition-mean")


def test_an_unseen_value_takes_the_nearest_condition_and_is_recorded(
    fitted: Generator, train: Table, conditions: Make, sample: Make
) -> None:
    asked = conditions(LUNG, ("brain", "cancer"), ("brain", "cancer"))
    made, context = sample(fitted, asked)
    check_table(made, asked, train)
    recorded = [(f.condition, f.rows, f.rule) for f in context.fallbacks]
    nearest = "nearest known condition: tissue=lung, status=cancer"
    expected = [] if fitted.name == "shuffled" else [("tissue=brain, status=cancer", 2, nearest)]
    assert [r for r in recorded if r[0].startswith("tissue=brain")] == expected


def test_an_unseen_combination_of_known_values(fitted: Generator, train: Table, conditions: Make, sample: Make) -> None:
    asked = conditions(("liver", "cancer"), LUNG)
    made, context = sample(fitted, asked)
    check_table(made, asked, train)
    if fitted.is_control or fitted.name in JOIN_CONDITIONS:
        nearest = [f for f in context.fallbacks if f.rule.startswith("nearest known condition")]
        assert len(nearest) == (fitted.name != "shuffled")
    else:
        assert not context.fallbacks
        assert [n for n in context.notes if "tissue=liver, status=cancer" in n]


@pytest.mark.parametrize("sizes", [{LUNG: 30}, {LUNG: 2}, {LUNG: 1, LIVER: 1, TUMOUR: 1}], ids=["one", "two", "single"])
def test_small_training_tables(
    sizes: dict[Any, int], generator_class: type[Generator], make_table: Make, fit: Make, sample: Make
) -> None:
    train = make_table(sizes)
    asked = train.conditions.iloc[np.arange(40) % train.n_rows].set_axis([f"asked{i}" for i in range(40)])
    made, _ = sample(fit(generator_class, train)[0], asked)
    check_table(made, asked, train)


def test_a_table_without_condition_columns(
    generator_class: type[Generator], make_table: Make, fit: Make, sample: Make
) -> None:
    table = make_table({LUNG: 12, LIVER: 12})
    schema = table.schema.model_copy(update={"conditions": ()})
    train = Table(X=table.X, obs=table.obs, features=table.features, schema=schema, scale="standardized")
    made, context = sample(fit(generator_class, train)[0], train.conditions.iloc[:7])
    check_table(made, train.conditions.iloc[:7], train)
    assert not context.fallbacks


def test_no_row_asked_gives_no_row(fitted: Generator, train: Table, sample: Make) -> None:
    made, context = sample(fitted, train.conditions.iloc[:0])
    assert made.X.shape == (0, train.n_features)
    assert not context.fallbacks


def test_a_constant_feature_stays_constant_in_controls(fitted: Generator, train: Table, sample: Make) -> None:
    made, _ = sample(fitted, train.conditions)
    spread = made.X[:, -1].std()
    # A network only comes near it; shrinkage gives condition-mvn a little variance.
    limit = {"condition-mvn": 0.5}.get(fitted.name, 0.0 if fitted.is_control else 1.0)
    assert spread <= limit


def test_validation_rows_of_new_conditions_do_no_harm(
    generator_class: type[Generator], train: Table, make_table: Make, fit: Make, sample: Make
) -> None:
    validation = make_table({("brain", "normal"): 4, LUNG: 3}, seed=1)
    made, _ = sample(fit(generator_class, train, validation)[0], train.conditions)
    check_table(made, train.conditions, train)


def test_card_and_memory_are_stated(
    generator_class: type[Generator], quick_options: dict[str, Any], make_table: Make
) -> None:
    assert generator_class.card.summary.endswith(".")
    assert generator_class.is_control == (generator_class.name in CONTROLS)
    generator = generator_class(make_options(generator_class.Config, quick_options, where=generator_class.name))
    memory = generator.estimate_memory(make_table().schema, 800, 1000)
    assert memory is None or 1e6 < memory < 1e9
