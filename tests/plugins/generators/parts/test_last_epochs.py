"""The last epochs of the training of `invae`: decoder and priors follow the latents of the training cells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import sparse

from tabgenbench import SampleContext
from tabgenbench.options import make_options
from tabgenbench_plugins.generators.invae import InVAE
from tabgenbench_plugins.generators.parts.last_epochs import Latents, condition_offsets, train_for_sampling
from tabgenbench_plugins.generators.parts.two_blocks import Design, TwoBlocks

N, GENES = 800, 6
# Codes of two types and two states, and mean latents of the four combinations: sums of effects, or not.
COMBINATIONS = torch.tensor([[1.0, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1]])
ADDITIVE, INTERACTING = torch.tensor([0.0, 1.0, 2.0, 3.0]), torch.tensor([0.0, 1.0, 2.0, 6.0])


def make_model(prior: str, prior_mean: str = "linear") -> TwoBlocks:
    options = {"prior": prior, "prior_mean": prior_mean, "latent_invariant": 2, "langevin_steps": 200}
    design = Design.of(make_options(InVAE.Config, options, where="invae"))
    return TwoBlocks(design, (4, 2), log_means=torch.zeros(GENES), generator=torch.Generator().manual_seed(0))


def make_latents(means: torch.Tensor, n_groups: int = 4) -> Latents:
    """Latents of standard deviation 0.5 around the means; 0.3 of it is that of the posteriors."""
    draws = torch.Generator().manual_seed(1)
    group = torch.arange(N) % n_groups
    mu = 0.4 * torch.randn(N, 4, generator=draws)
    mu[:, :2] += means[group][:, None]
    batch = torch.eye(2)[torch.arange(N) // 4 % 2]
    return Latents(mu, torch.full((N, 4), 0.3**2).log(), (COMBINATIONS[group], batch), group.numpy(), n_groups)


def make_counts() -> sparse.csr_matrix:
    """Negative binomial counts of mean 50, of which each gene has another dispersion."""
    rng = np.random.default_rng(4)
    theta = np.array([0.5, 1.0, 2.0, 5.0, 10.0, 30.0])
    return sparse.csr_matrix(rng.poisson(50.0 * rng.gamma(theta, 1.0 / theta, (N, GENES))), dtype=np.float32)


def trained(model: TwoBlocks, latents: Latents, epochs: int = 300) -> tuple[np.ndarray, list[float]]:
    """Train with offsets; return the offsets, and the loss of each epoch."""
    order, losses = torch.Generator().manual_seed(2), []
    offsets = train_for_sampling(
        model,
        latents,
        make_counts(),
        epochs=epochs,
        batch_size=100,
        offsets=model.has_linear_mean,
        order=order,
        report=lambda _, terms: losses.append(sum(terms.values())),
    )
    assert len(losses) == epochs
    return offsets, losses


def moments(model: TwoBlocks, offsets: np.ndarray) -> tuple[np.ndarray, torch.Tensor]:
    """The mean of the invariant block in each combination, and all sampled latents, 2,000 of each combination."""
    biology = COMBINATIONS.repeat_interleave(2_000, dim=0)
    z = model.draw(biology, torch.eye(2)[:1].expand(len(biology), 2), SampleContext(device="cpu", seed=3))
    z[:, :2] += torch.from_numpy(offsets).repeat_interleave(2_000, dim=0)
    return z[:, :2].reshape(4, 2_000, 2).mean(dim=(1, 2)).numpy(), z


@pytest.mark.parametrize("prior", ["factorised", "exponential"])
def test_samples_have_the_moments_of_the_average_posterior_and_the_encoder_is_fixed(prior: str) -> None:
    model = make_model(prior)
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    offsets, losses = trained(model, make_latents(INTERACTING))
    assert losses[-1] < losses[0]
    means, z = moments(model, offsets)
    after = model.network.state_dict()
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert "log_theta_F" in changed
    assert not {name for name in changed if name.startswith(("encoder", "to_posterior")) or "running" in name}
    assert (model.network.log_theta_F.diff() > 0).all()  # in the order of the counts' dispersions
    assert means == pytest.approx(INTERACTING.numpy(), abs=0.25)
    assert float(z[:2_000, :2].std()) == pytest.approx(0.5, abs=0.08)
    assert float(z[:, 2:].std()) == pytest.approx(0.5, abs=0.05)


def test_effects_of_known_combinations_add_up_in_an_unseen_one() -> None:
    model = make_model("factorised")
    offsets, _ = trained(model, make_latents(ADDITIVE, n_groups=3))
    assert np.abs(offsets).max() < 0.1
    means, _ = moments(model, np.vstack([offsets, np.zeros((1, 2), dtype=np.float32)]))
    assert means == pytest.approx(ADDITIVE.numpy(), abs=0.25)


def test_an_offset_is_the_shrunk_mean_of_the_residuals() -> None:
    model, latents = make_model("factorised"), replace(make_latents(INTERACTING), n_groups=5)
    offsets = condition_offsets(model, latents)
    with torch.no_grad():
        residual = latents.mu_NZ[:, :2] - model.invariant_means(latents.codes[0])
    rows = torch.from_numpy(latents.group == 3)
    assert offsets[3] == pytest.approx((residual[rows].sum(dim=0) / (200 + 10)).numpy(), abs=1e-4)
    assert not offsets[4].any()  # without cells


@pytest.mark.parametrize(("prior", "prior_mean"), [("exponential", "linear"), ("factorised", "zero")])
def test_a_prior_without_a_linear_mean_has_no_offsets(prior: str, prior_mean: str) -> None:
    offsets, _ = trained(make_model(prior, prior_mean), make_latents(INTERACTING), epochs=4)
    assert not offsets.any()
