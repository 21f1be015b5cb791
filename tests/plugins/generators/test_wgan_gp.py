"""The WGAN-GP: its defaults, its training and its early stopping. Its gradients are in tests/plugins/test_wgan.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tabgenbench import ConfigError, FitContext
from tabgenbench.interfaces.device_split import upload
from tabgenbench_plugins.correlation import correlation_agreement, unit_columns
from tabgenbench_plugins.generators.wgan_gp import WGANGP

Make = Callable[..., Any]
LUNG, LIVER = ("lung", "normal"), ("liver", "normal")
LEARNS = {"epochs": 60, "hidden": [32, 32], "latent": 8, "batch_size": 16, "learning_rate": 2e-3}


def test_defaults_are_the_papers() -> None:
    expected = {
        "epochs": 700,
        "batch_size": 32,
        "learning_rate": 5e-4,
        "hidden": (256, 256),
        "latent": 64,
        "critic_steps": 5,
        "gradient_penalty": 10.0,
        "patience": 0,
    }
    assert WGANGP.Config().model_dump() == expected


def test_every_epoch_is_reported_and_the_distance_falls(make_table: Make, fit: Make) -> None:
    _, context = fit(WGANGP, make_table({LUNG: 50, LIVER: 40}), **LEARNS)
    curve = [p.losses for p in context.curve]
    assert [(p.epoch, p.of) for p in context.curve] == [(i + 1, 60) for i in range(60)]
    assert set(curve[0]) == {"critic", "distance", "penalty", "generator"}
    assert all(p["critic"] == pytest.approx(10 * p["penalty"] - p["distance"], abs=1e-5) for p in curve)
    early, late = (np.mean([abs(p["distance"]) for p in part]) for part in (curve[:20], curve[-10:]))
    assert late < 0.7 * early
    assert not context.notes


@pytest.mark.slow
def test_it_learns_means_spread_and_correlation(make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table({LUNG: 60, LIVER: 60})
    generator, _ = fit(WGANGP, train, **{**LEARNS, "epochs": 120})
    made, _ = sample(generator, train.conditions)
    real, synthetic = train.X[:, :-1], made.X[:, :-1]
    assert correlation_agreement(unit_columns(real), unit_columns(synthetic)) > 0.9
    for rows in (slice(0, 60), slice(60, None)):
        assert np.abs(real[rows].mean(axis=0) - synthetic[rows].mean(axis=0)).mean() < 0.25
        assert 0.4 < synthetic[rows].var(axis=0).mean() / real[rows].var(axis=0).mean() < 1.6


def test_patience_restores_the_weights_of_highest_gamma(make_table: Make, fit: Make, sample: Make) -> None:
    train, validation = make_table({LUNG: 50, LIVER: 40}), make_table({LUNG: 12, LIVER: 9}, seed=5)
    options = {**LEARNS, "epochs": 400, "patience": 2}
    generator, context = fit(WGANGP, train, validation, **options)
    looked = {p.epoch: p.losses["validation_gamma"] for p in context.curve if "validation_gamma" in p.losses}
    assert all(epoch % 5 == 0 for epoch in looked)
    best = max(looked, key=lambda epoch: looked[epoch])
    last = context.curve[-1].epoch
    assert last == best + 10 < 400
    (note,) = context.notes
    assert note == (
        f"highest gamma on 21 validation rows {looked[best]:.4f} at epoch {best}, whose weights sample; "
        f"trained {last} of 400 epochs"
    )
    # Evaluation on validation rows does not affect training: stopped at that epoch, the weights are the same.
    stopped, _ = fit(WGANGP, train, validation, **{**options, "epochs": best, "patience": 100})
    made, expected = (sample(g, train.conditions)[0].X for g in (generator, stopped))
    assert np.array_equal(made, expected)


def test_patience_does_not_see_test_rows_or_change_the_training(make_table: Make, fit: Make) -> None:
    train, validation = make_table({LUNG: 50, LIVER: 40}), make_table({LUNG: 12, LIVER: 9}, seed=5)
    runs = [fit(WGANGP, train, v, **{**LEARNS, "epochs": 10, "patience": 9})[1] for v in (validation, train)]
    critics = [[p.losses["critic"] for p in context.curve] for context in runs]
    gammas = [context.curve[-1].losses["validation_gamma"] for context in runs]
    assert critics[0] == critics[1]
    assert gammas[0] != gammas[1]


@pytest.mark.parametrize("validation", [None, {("lung", "normal"): 2}, {("brain", "normal"): 30}])
def test_patience_needs_validation_rows(validation: Any, make_table: Make, fit: Make) -> None:
    held_out = None if validation is None else make_table(validation)
    with pytest.raises(ConfigError, match=r"needs at least 3 validation rows .* raise validation_fraction or set pat"):
        fit(WGANGP, make_table(), held_out, patience=3)


def test_patience_on_validation_rows_without_variation_says_so(make_table: Make, fit: Make) -> None:
    train = make_table({LUNG: 20})
    with pytest.raises(ConfigError, match="gamma on validation rows is undefined"):
        fit(WGANGP, train, train.take([0, 0, 0, 0]), epochs=1, patience=1)


def test_losses_that_diverge_name_the_learning_rate(make_table: Make, fit: Make) -> None:
    with pytest.raises(ConfigError, match=r"expected finite numbers; lower learning_rate \(1e\+30\)"):
        fit(WGANGP, make_table(), learning_rate=1e30)


def test_unequal_last_batches_and_single_rows_train(make_table: Make, fit: Make, sample: Make) -> None:
    for n_rows in (1, 33, 35):
        train = make_table({LUNG: n_rows})
        made, _ = sample(fit(WGANGP, train)[0], train.conditions)
        assert np.isfinite(made.X).all()


def test_more_rows_than_a_chunk(make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table()
    asked = train.conditions.iloc[np.arange(5000) % train.n_rows].set_axis([f"a{i}" for i in range(5000)])
    made, _ = sample(fit(WGANGP, train)[0], asked)
    assert made.X.shape == (5000, train.n_features)
    assert len(np.unique(made.X[:, 0])) > 4900


@pytest.mark.gpu
def test_it_trains_on_a_gpu(make_table: Make) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    train = make_table()
    split = upload(train, None, "cuda")
    generator = WGANGP(WGANGP.Config(epochs=2, hidden=(16,)))
    context = FitContext(device="cuda", seed=1, make_device_split=lambda: split)
    generator.fit(train, None, context)
    assert np.isfinite(context.curve[-1].losses["critic"])
