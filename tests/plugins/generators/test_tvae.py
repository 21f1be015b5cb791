"""TVAE: its two implementations, its options, and its fallback if too few sampled rows have the requested labels."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tabgenbench import FitContext, SampleContext, Schema, Unsupported
from tabgenbench_plugins.generators.tvae import TVAE

Make = Callable[..., Any]
LUNG, TUMOUR, LIVER, SKIN = ("lung", "normal"), ("lung", "cancer"), ("liver", "normal"), ("skin", "normal")


def test_the_defaults_are_the_packages_but_for_the_epochs() -> None:
    package = pytest.importorskip("ctgan").TVAE
    theirs = {name: p.default for name, p in inspect.signature(package.__init__).parameters.items()}
    config = TVAE.Config()
    assert config.epochs == 700
    for name in set(TVAE.Config.model_fields) - {"epochs", "implementation", "max_batches"}:
        assert getattr(config, name) == theirs[name]


def test_losses_are_reported_each_epoch_and_fall(make_table: Make, fit: Make) -> None:
    _, context = fit(TVAE, make_table(), epochs=30)
    first, last = context.curve[0].losses, context.curve[-1].losses
    assert len(context.curve) == 30
    assert last["loss"] == pytest.approx(last["reconstruction"] + last["kl"])
    assert last["loss"] < first["loss"] - 5


@pytest.mark.slow
def test_too_rare_a_condition_is_served_by_the_most_similar_one_and_recorded(
    make_table: Make, conditions: Make, fit: Make, sample: Make
) -> None:
    train = make_table({LUNG: 100, LIVER: 100, SKIN: 1, TUMOUR: 1})
    generator, _ = fit(TVAE, train, epochs=100, max_batches=1, compress_dims=[64], decompress_dims=[64])
    made, context = sample(generator, conditions(*[TUMOUR] * 6))
    assert sum(f.rows for f in context.fallbacks) > 0
    rule = "a generated row of the most similar condition, as too few of this one came"
    assert {(f.condition, f.rule) for f in context.fallbacks} == {("tissue=lung, status=cancer", rule)}
    lung, liver = (train.X[train.conditions["tissue"] == tissue].mean(axis=0) for tissue in ("lung", "liver"))
    nearer = ((made.X - lung) ** 2).sum(axis=1) < ((made.X - liver) ** 2).sum(axis=1)
    assert nearer.mean() > 0.5


@pytest.mark.slow
def test_a_condition_of_three_rows_is_served_by_the_model_itself(make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table({LUNG: 40, LIVER: 40, SKIN: 3})
    options = {"compress_dims": [128, 128], "decompress_dims": [128, 128], "max_batches": 400}
    made, context = sample(fit(TVAE, train, epochs=150, **options)[0], train.conditions)
    assert not context.fallbacks
    tissues = train.conditions["tissue"]
    centres = np.stack([train.X[tissues == name].mean(axis=0) for name in ("lung", "liver", "skin")])
    distances = ((made.X[tissues == "skin"][:, None] - centres) ** 2).sum(axis=2)
    assert distances.argmin(axis=1).tolist() == [2, 2, 2]


def test_a_table_that_cannot_fit_is_declined_before_training(make_table: Make, fit: Make) -> None:
    with pytest.raises(Unsupported, match=r"generator 'tvae': training needs [\d,]+ bytes at least, for 8 rows"):
        fit(TVAE, make_table({LUNG: 8}), compress_dims=[10**11])


def test_memory_is_less_than_that_of_the_package() -> None:
    schema = Schema(conditions=("tissue",))
    fast = TVAE().estimate_memory(schema, 800, 15_000)
    reference = TVAE(TVAE.Config(implementation="reference")).estimate_memory(schema, 800, 15_000)
    assert fast is not None
    assert reference is not None
    assert 1e9 < fast < reference


def test_memory_counts_each_category() -> None:
    numeric, mixed = Schema(), Schema(categorical_features=tuple(f"c{j}" for j in range(100)))
    plain, with_categories = (TVAE().estimate_memory(schema, 800, 10) for schema in (numeric, mixed))
    assert plain is not None
    assert with_categories is not None
    assert with_categories - plain > 4 * 2 * 800 * 32 * 100  # two copies of the rows, 32 values a feature


class TestReference:
    """The package itself."""

    def test_it_samples_the_conditions_asked_and_reports_its_loss(
        self, make_table: Make, conditions: Make, fit: Make, sample: Make
    ) -> None:
        pytest.importorskip("ctgan")
        train, asked = make_table(), conditions(LIVER, SKIN, LUNG, TUMOUR, LIVER)
        generator, context = fit(TVAE, train, implementation="reference")
        made, _ = sample(generator, asked)
        assert [p.epoch for p in context.curve] == [1, 2, 3]
        assert made.X.shape == (5, train.n_features)
        assert np.isfinite(made.X).all()

    @pytest.mark.slow
    def test_equal_seeds_give_equal_bytes(self, make_table: Make, fit: Make, sample: Make) -> None:
        pytest.importorskip("ctgan")
        train = make_table()
        a, b = (sample(fit(TVAE, train, implementation="reference")[0], train.conditions)[0] for _ in range(2))
        assert a.X.tobytes() == b.X.tobytes()

    @pytest.mark.slow
    def test_both_implementations_reach_the_same_loss(self, make_table: Make, fit: Make) -> None:
        pytest.importorskip("ctgan")
        train = make_table({LUNG: 60, LIVER: 60})
        options = {"epochs": 40, "compress_dims": [32], "decompress_dims": [32]}
        losses = {
            implementation: np.mean(
                [
                    fit(TVAE, train, implementation=implementation, seed=s, **options)[1].curve[-1].losses["loss"]
                    for s in (1, 2)
                ]
            )
            for implementation in ("fast", "reference")
        }
        assert losses["fast"] == pytest.approx(losses["reference"], abs=4.0)

    def test_a_table_without_conditions_has_no_discrete_column(self, make_table: Make, fit: Make, sample: Make) -> None:
        pytest.importorskip("ctgan")
        table = make_table({LUNG: 20})
        train = type(table)(X=table.X, obs=table.obs, features=table.features, schema=Schema(), scale="standardized")
        made, _ = sample(fit(TVAE, train, implementation="reference")[0], train.conditions)
        assert made.X.shape == train.X.shape


@pytest.mark.gpu
def test_it_trains_and_samples_on_a_gpu(make_table: Make) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    train = make_table()
    generator = TVAE(TVAE.Config(epochs=2))
    generator.fit(train, None, FitContext(device="cuda:0", seed=0))
    made = generator.sample(train.conditions, SampleContext(device="cuda:0", seed=1))
    assert np.isfinite(made.X).all()
