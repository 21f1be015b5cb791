"""CTGAN: its two implementations, its options, and its refusal of tables that exceed the memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tabgenbench import ConfigError, FitContext, PluginError, SampleContext, Schema, Table, Unsupported
from tabgenbench.options import make_options
from tabgenbench_plugins.generators.ctgan import CTGAN

Make = Callable[..., Any]
LUNG, TUMOUR, LIVER, SKIN = ("lung", "normal"), ("lung", "cancer"), ("liver", "normal"), ("skin", "normal")


def test_the_defaults_are_the_packages_but_for_the_epochs() -> None:
    package = pytest.importorskip("ctgan").CTGAN()
    config = CTGAN.Config()
    assert config.epochs == 700
    for name in set(CTGAN.Config.model_fields) - {"epochs", "implementation", "max_batches", "pac"}:
        assert getattr(config, name) == getattr(package, f"_{name}")
    assert config.pac == package.pac


@pytest.mark.parametrize("options", [{"batch_size": 25, "pac": 10}, {"batch_size": 15, "pac": 5}])
def test_batches_are_whole_even_packs(options: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=f"batch_size {options['batch_size']}: expected an even multiple of pac"):
        make_options(CTGAN.Config, options, where="generator 'ctgan'")


def test_losses_are_reported_each_epoch(make_table: Make, fit: Make) -> None:
    _, context = fit(CTGAN, make_table())
    assert [p.epoch for p in context.curve] == [1, 2, 3]
    assert all(set(p.losses) == {"generator", "discriminator", "penalty"} for p in context.curve)


def test_a_table_that_cannot_fit_is_declined_before_training(make_table: Make) -> None:
    table = make_table({LUNG: 6})
    wide = Table(
        X=np.zeros((6, 2), np.float32),
        obs=table.obs,
        features=("a", "b"),
        schema=table.schema,
        scale="standardized",
    )
    generator = CTGAN(CTGAN.Config(discriminator_dim=(10**9,)))
    context = FitContext(device="cpu", seed=0)
    with pytest.raises(Unsupported, match=r"'ctgan': training needs [\d,]+ bytes at least, for 6 rows of 2 columns, "):
        generator.fit(wide, None, context)
    assert not context.curve


def test_memory_grows_with_what_the_first_critic_layer_needs() -> None:
    schema = Schema(conditions=("tissue",))
    small, large = (CTGAN().estimate_memory(schema, 800, n) for n in (1_000, 15_000))
    assert small is not None
    assert large is not None
    assert large > 4 * 4 * 10 * 15_000 * 11 * 256
    assert 14 < large / small < 15.5
    assert large < CTGAN(CTGAN.Config(implementation="reference")).estimate_memory(schema, 800, 15_000)


def test_memory_counts_each_category_in_the_row_and_in_the_requested_value() -> None:
    numeric, mixed = Schema(), Schema(categorical_features=tuple(f"c{j}" for j in range(100)))
    plain, with_categories = (CTGAN().estimate_memory(schema, 800, 10) for schema in (numeric, mixed))
    assert plain is not None
    assert with_categories is not None
    first_layer = 4 * 4 * 10 * 2 * 32 * 100 * 256  # 32 values of each feature are assumed
    assert first_layer < with_categories - plain < 3 * first_layer


def test_one_row_is_declined(make_table: Make, fit: Make) -> None:
    with pytest.raises(Unsupported, match="1 training rows, expected at least 2"):
        fit(CTGAN, make_table({LUNG: 1}))


def test_rows_that_never_carry_their_label_are_recorded(make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table({LUNG: 200, LIVER: 200, SKIN: 3})
    asked = train.conditions[train.conditions["tissue"] == "skin"]
    made, context = sample(fit(CTGAN, train, epochs=1, log_frequency=False, max_batches=1)[0], asked)
    assert made.conditions["tissue"].astype(str).tolist() == ["skin"] * 3
    assert sum(f.rows for f in context.fallbacks) <= 3
    assert {f.condition for f in context.fallbacks} <= {"tissue=skin, status=normal"}
    assert {f.rule for f in context.fallbacks} <= {"a row generated for this condition that the model labels otherwise"}
    assert [note for note in context.notes if "batches of 20 rows generated for 3 rows asked" in note]


def test_a_condition_of_three_rows_is_served_by_its_own_rows_after_training(
    make_table: Make, fit: Make, sample: Make
) -> None:
    train = make_table({LUNG: 100, LIVER: 100, SKIN: 3})
    options = {"epochs": 40, "batch_size": 60, "generator_lr": 2e-3, "discriminator_lr": 2e-3, "max_batches": 40}
    asked = train.conditions
    made, context = sample(fit(CTGAN, train, **options)[0], asked)
    assert made.conditions.astype(str).equals(asked.astype(str))
    assert not context.fallbacks


@pytest.mark.parametrize("steps", [1, 3])
def test_more_critic_steps_train_another_model(steps: int, make_table: Make, fit: Make) -> None:
    _, context = fit(CTGAN, make_table(), discriminator_steps=steps)
    _, other = fit(CTGAN, make_table(), discriminator_steps=2)
    assert context.curve[-1].losses != other.curve[-1].losses


def test_values_are_fitted_and_returned_on_the_scale_of_the_table(make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table()
    raw = Table(
        X=np.exp2(train.X).astype(np.float32),
        obs=train.obs,
        features=train.features,
        schema=train.schema,
        scale="linear",
    )
    made, _ = sample(fit(CTGAN, raw)[0], raw.conditions)
    assert CTGAN.scale == "own"
    assert made.scale == "linear"
    assert 0.2 < np.median(made.X) / np.median(raw.X) < 5


class TestReference:
    """The package itself."""

    def test_it_samples_the_conditions_asked_and_reports_its_losses(
        self, make_table: Make, conditions: Make, fit: Make, sample: Make
    ) -> None:
        pytest.importorskip("ctgan")
        train, asked = make_table(), conditions(LIVER, SKIN, LUNG, TUMOUR, LIVER)
        state, numpy_state = torch.get_rng_state(), str(np.random.get_state())
        generator, context = fit(CTGAN, train, implementation="reference")
        made, _ = sample(generator, asked)
        assert [p.epoch for p in context.curve] == [1, 2, 3]
        assert set(context.curve[0].losses) == {"generator", "discriminator"}
        assert made.X.shape == (5, train.n_features)
        assert np.isfinite(made.X).all()
        assert torch.equal(state, torch.get_rng_state())
        assert numpy_state == str(np.random.get_state())

    def test_equal_seeds_give_equal_bytes_and_others_other_ones(
        self, make_table: Make, fit: Make, sample: Make
    ) -> None:
        pytest.importorskip("ctgan")
        train = make_table()
        first, again = (fit(CTGAN, train, implementation="reference")[0] for _ in range(2))
        a, b = (sample(generator, train.conditions)[0] for generator in (first, again))
        c = sample(first, train.conditions, seed=9)[0]
        assert a.X.tobytes() == b.X.tobytes()
        assert a.X.tobytes() != c.X.tobytes()

    def test_without_the_package_it_says_what_to_install(
        self, make_table: Make, fit: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(__import__("sys").modules, "ctgan", None)
        with pytest.raises(PluginError, match="Run: pip install ctgan, or use implementation='fast'"):
            fit(CTGAN, make_table(), implementation="reference")


@pytest.mark.gpu
def test_it_trains_and_samples_on_a_gpu(make_table: Make) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    train = make_table()
    generator = CTGAN(CTGAN.Config(epochs=2, batch_size=20))
    generator.fit(train, None, FitContext(device="cuda:0", seed=0))
    made = generator.sample(train.conditions, SampleContext(device="cuda:0", seed=1))
    assert np.isfinite(made.X).all()
