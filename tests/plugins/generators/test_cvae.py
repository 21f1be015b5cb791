"""The CVAE: its mathematics, its training and its options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tabgenbench import ConfigError, Unsupported
from tabgenbench.options import make_options
from tabgenbench_plugins.generators.cvae import CVAE
from tabgenbench_plugins.generators.parts.vae import ConditionalVAE

Make = Callable[..., Any]
LUNG, LIVER = ("lung", "normal"), ("liver", "normal")
LEARNS = {"epochs": 60, "learning_rate": 3e-3, "hidden": [32, 16], "latent": 4, "batch_size": 10}


@pytest.fixture
def model() -> ConditionalVAE:
    return ConditionalVAE(6, 2, 3, (5, 4), torch.Generator().manual_seed(0))


def batch(n: int = 7) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    x, noise = torch.randn(n, 6, generator=generator), torch.randn(n, 3, generator=generator)
    return x, torch.eye(2)[torch.arange(n) % 2], noise


def test_defaults_are_the_papers() -> None:
    config = CVAE.Config()
    expected = {"epochs": 1400, "batch_size": 50, "learning_rate": 1e-4, "hidden": (1000, 512, 256), "latent": 50}
    assert config.model_dump(include=set(expected)) == expected
    assert config.batch_norm
    assert (config.beta, config.prior, config.output_noise, config.weights) == (1.0, "standard", "none", "last")


def test_decoder_mirrors_the_encoder(model: ConditionalVAE) -> None:
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters() if name.endswith("weight") and p.ndim == 2}
    assert shapes == {
        "encoder.0.weight": (5, 8),
        "encoder.3.weight": (4, 5),
        "to_posterior.weight": (6, 4),
        "decoder.0.weight": (4, 5),
        "decoder.3.weight": (5, 4),
        "to_mean.weight": (6, 5),
    }


def test_elbo_is_the_formula_row_by_row(model: ConditionalVAE) -> None:
    x, c, noise = batch()
    model.eval()  # batch norm then treats rows independently
    terms = model.elbo(x, c, noise)
    reconstruction, kl = 0.0, 0.0
    for i in range(len(x)):
        mu, logvar = (t[0].detach().double() for t in model.posterior(x[i : i + 1], c[i : i + 1]))
        z = mu + torch.exp(logvar / 2) * noise[i]
        mean = model.decode(z[None].float(), c[i : i + 1])[0].detach()
        reconstruction += 0.5 * float(((x[i] - mean) ** 2).sum())
        posterior = torch.distributions.Normal(mu, torch.exp(logvar / 2))
        prior = torch.distributions.Normal(torch.zeros_like(mu), torch.ones_like(mu))
        kl += float(torch.distributions.kl_divergence(posterior, prior).sum())
    assert terms.reconstruction.item() == pytest.approx(reconstruction / 7, rel=1e-5)
    assert terms.kl.item() == pytest.approx(kl / 7, rel=1e-4)


def test_elbo_by_hand() -> None:
    model = ConditionalVAE(1, 0, 1, (1,), torch.Generator().manual_seed(0), batch_norm=False)
    values = {"encoder.0": (1.0, 0.0), "decoder.0": (1.0, 0.0), "to_mean": (2.0, 1.0)}
    with torch.no_grad():
        for name, (weight, bias) in values.items():
            layer = model.get_submodule(name)
            layer.weight.fill_(weight), layer.bias.fill_(bias)  # type: ignore[operator]
        model.to_posterior.weight.copy_(torch.tensor([[0.5], [0.0]]))
        model.to_posterior.bias.copy_(torch.tensor([0.0, float(np.log(0.25))]))
    # x = 4: mu = 2, sd = 1/2; noise 2 gives z = 3, mean = 7: half of 9; KL = (4 + 1/4 - 1 - ln 1/4) / 2.
    terms = model.elbo(torch.tensor([[4.0]]), torch.zeros(1, 0), torch.tensor([[2.0]]))
    assert terms.reconstruction.item() == pytest.approx(4.5)
    assert terms.kl.item() == pytest.approx((3.25 + np.log(4)) / 2)


def test_gradient_reaches_every_parameter(model: ConditionalVAE) -> None:
    terms = model.elbo(*batch())
    (terms.reconstruction + terms.kl).backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None and p.grad.abs().sum() > 1e-4 for p in model.parameters())


def test_every_epoch_is_reported_and_the_loss_falls(make_table: Make, fit: Make) -> None:
    train, validation = make_table({LUNG: 31, LIVER: 20}), make_table({LUNG: 8, LIVER: 8}, seed=0)
    _, context = fit(CVAE, train, validation, **LEARNS)
    curve = [p.losses for p in context.curve]
    assert [(p.epoch, p.of) for p in context.curve] == [(i + 1, 60) for i in range(60)]
    assert set(curve[0]) == {"loss", "reconstruction", "kl", "validation"}
    assert curve[-1]["loss"] < 0.6 * curve[0]["loss"]
    assert all(p["loss"] == pytest.approx(p["reconstruction"] + p["kl"], rel=1e-5) for p in curve)
    best = min(p["validation"] for p in curve)
    epoch = 1 + [p["validation"] for p in curve].index(best)
    assert context.notes == [f"lowest validation loss {best:.6g} at epoch {epoch} of 60; the last weights sample"]


def test_best_weights_are_those_of_the_best_epoch(make_table: Make, fit: Make, sample: Make) -> None:
    train, validation = make_table({LUNG: 31, LIVER: 20}), make_table({LUNG: 9}, seed=7)
    generator, context = fit(CVAE, train, validation, **{**LEARNS, "weights": "best"})
    losses = [p.losses["validation"] for p in context.curve]
    best = 1 + losses.index(min(losses))
    assert best < 60
    stopped, _ = fit(CVAE, train, validation, **{**LEARNS, "epochs": best})
    made, expected = (sample(g, train.conditions)[0].X for g in (generator, stopped))
    assert np.array_equal(made, expected)


def test_best_weights_need_validation_rows(make_table: Make, fit: Make) -> None:
    with pytest.raises(ConfigError, match="weights='best' needs validation rows"):
        fit(CVAE, make_table(), weights="best")


def test_a_single_row_is_declined(make_table: Make, fit: Make) -> None:
    with pytest.raises(Unsupported, match="1 training rows, expected at least 2"):
        fit(CVAE, make_table({LUNG: 1}))


def test_a_loss_that_diverges_is_one_clear_sentence(make_table: Make, fit: Make) -> None:
    with pytest.raises(ConfigError, match="expected a finite number; lower learning_rate"):
        fit(CVAE, make_table(), learning_rate=1e30)


@pytest.mark.slow
def test_residual_noise_has_the_spread_that_the_decoder_leaves(make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table({LUNG: 60, LIVER: 60})
    asked = train.conditions.iloc[np.arange(4000) % 120].set_axis(range(4000))
    plain, noisy = (
        sample(fit(CVAE, train, **LEARNS, output_noise=noise)[0], asked)[0].X.var(axis=0)
        for noise in ("none", "residual")
    )
    assert (noisy[:-1] > plain[:-1]).all()
    total = train.X.var(axis=0)
    assert noisy[:-1].mean() == pytest.approx(total[:-1].mean(), rel=0.25)


@pytest.mark.parametrize(
    ("options", "noise"),
    [
        ({}, "none"),
        ({"prior": "standard"}, "none"),
        ({"prior": "aggregated"}, "residual"),
        ({"prior": "aggregated", "output_noise": "none"}, "none"),
    ],
    ids=str,
)
def test_the_aggregated_prior_comes_with_noise(options: dict[str, Any], noise: str) -> None:
    config = make_options(CVAE.Config, options, where="cvae")
    assert config.output_noise == noise
    assert CVAE.Config.model_validate_json(config.model_dump_json()) == config


def test_codes_of_a_condition_are_drawn_from_those_of_its_training_rows(
    make_table: Make, fit: Make, sample: Make, conditions: Make
) -> None:
    train = make_table({LUNG: 60, ("liver", "cancer"): 60})
    asked = train.conditions.iloc[np.arange(4000) % 120].set_axis(range(4000))
    ratios = []
    for options in ({}, {"prior": "aggregated", "output_noise": "none"}, {"prior": "aggregated"}):
        generator, _ = fit(CVAE, train, **{**LEARNS, **options, "beta": 0.1, "epochs": 20})
        made, _ = sample(generator, asked)
        is_lung = [(t.obs["tissue"] == "lung").to_numpy() for t in (train, made)]
        real, drawn = (t.X[rows, :-1] for t, rows in zip((train, made), is_lung, strict=True))
        ratios.append(drawn.var(axis=0).sum() / real.var(axis=0).sum())
    assert 1.3 * ratios[0] < ratios[1] < 0.5  # codes alone, without the noise that comes with them
    assert 0.7 < ratios[2] < 1.1
    made, context = sample(generator, conditions(LUNG, LIVER))  # no training row has the second combination
    assert np.isfinite(made.X).all()
    assert [note for note in context.notes if "tissue=liver, status=normal" in note]


@pytest.mark.slow
def test_beta_weighs_the_divergence(make_table: Make, fit: Make) -> None:
    kl = [fit(CVAE, make_table(), **LEARNS, beta=beta)[1].curve[-1].losses["kl"] for beta in (0.1, 20.0)]
    assert kl[0] > 10 * kl[1]


@pytest.mark.parametrize(("depth", "hidden"), [(2, (1000, 512)), (3, (1000, 512, 256)), (4, (1000, 512, 256, 128))])
def test_depth_stands_for_the_papers_widths(depth: int, hidden: tuple[int, ...]) -> None:
    config = make_options(CVAE.Config, {"depth": depth}, where="cvae")
    assert config.hidden == hidden
    assert CVAE.Config.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 2, "hidden": [64]}, r"depth 2 means hidden \[1000, 512\]"),
        ({"depth": 7}, "'depth'"),
        ({"hidden": [64, 0]}, "'hidden.1'"),
        ({"hidden": []}, "'hidden'"),
        ({"learning_rate": 0}, "'learning_rate'"),
        ({"epoch": 5}, "did you mean 'epochs'"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_options(CVAE.Config, options, where="generator 'cvae'")


def test_batches_of_one_left_over_row_and_no_batch_norm(make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table({LUNG: 21})
    for options in ({"batch_size": 10}, {"batch_norm": False}, {"depth": 2, "epochs": 1, "hidden": [1000, 512]}):
        made, _ = sample(fit(CVAE, train, **options)[0], train.conditions)
        assert np.isfinite(made.X).all()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_it_learns_the_same(make_table: Make) -> None:
    from tabgenbench import FitContext, SampleContext
    from tabgenbench.interfaces.device_split import upload

    train, made = make_table({LUNG: 60, LIVER: 60}), {}
    for device in ("cpu", "cuda:0"):
        split = upload(train, None, device)
        context = FitContext(device=device, seed=1, make_device_split=lambda split=split: split)  # type: ignore[misc]
        generator = CVAE(make_options(CVAE.Config, LEARNS, where="cvae"))
        generator.fit(train, None, context)
        made[device] = generator.sample(train.conditions, SampleContext(device=device, seed=2)).X
        assert context.curve[-1].losses["loss"] < 0.6 * context.curve[0].losses["loss"]
    np.testing.assert_allclose(made["cpu"].mean(axis=0), made["cuda:0"].mean(axis=0), atol=0.3)
