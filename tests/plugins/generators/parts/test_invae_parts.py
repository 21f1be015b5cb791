"""The mathematics of `invae`: likelihood, priors, Langevin sampling and penalties, against other implementations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from torch.distributions import Independent, Normal, kl_divergence

from tabgenbench import SampleContext
from tabgenbench_plugins.generators.parts.block_penalties import (
    squared_correlations,
    total_correlation,
    whitened,
    with_products,
)
from tabgenbench_plugins.generators.parts.block_vae import negative_log_likelihood
from tabgenbench_plugins.generators.parts.exponential_prior import Coefficients, ExponentialPrior
from tabgenbench_plugins.generators.parts.gaussian_prior import GaussianPrior

N, Z, K = 6, 3, 4


@pytest.fixture
def draws() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def codes(draws: torch.Generator, n: int = N) -> torch.Tensor:
    return torch.eye(K, dtype=torch.float64)[torch.randint(K, (n,), generator=draws)]


def normal(draws: torch.Generator, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=draws, dtype=torch.float64)


def test_the_likelihood_is_that_of_scipy_without_its_constant(draws: torch.Generator) -> None:
    x = torch.poisson(torch.full((N, 5), 3.0, dtype=torch.float64), generator=draws)
    log_f, log_theta = torch.log_softmax(normal(draws, N, 5), dim=1), normal(draws, 5)
    mean, theta = (x.sum(dim=1, keepdim=True) * log_f.exp()).numpy(), log_theta.exp().numpy()
    expected = stats.nbinom.logpmf(x.numpy(), theta, theta / (theta + mean)) + torch.lgamma(x + 1).numpy()
    assert float(negative_log_likelihood(x, log_f, log_theta)) == pytest.approx(-expected.sum(axis=1).mean())


def test_the_divergence_of_gaussians_is_that_of_torch(draws: torch.Generator) -> None:
    prior = GaussianPrior(K, Z, activation="softplus", learn_mean=True, generator=draws).double()
    c, mu, logvar = codes(draws), normal(draws, N, Z), normal(draws, N, Z)
    mean, prior_logvar = prior.moments(c)
    posterior, target = (Independent(Normal(m, (v / 2).exp()), 1) for m, v in ((mu, logvar), (mean, prior_logvar)))
    assert torch.allclose(prior.kl(mu, logvar, mu, c), kl_divergence(posterior, target).mean())
    zero = GaussianPrior(K, Z, activation="relu", learn_mean=False, generator=draws).double()
    assert not zero.moments(c)[0].any()


def test_gradient_and_trace_of_the_exponential_prior_are_those_of_autograd(draws: torch.Generator) -> None:
    prior = ExponentialPrior(K, Z, steps=2, generator=draws).double()
    z, at = normal(draws, N, Z), prior.coefficients(codes(draws))
    for i in range(N):
        row = Coefficients(*(one[i : i + 1].detach() for one in at))
        density = lambda one, row=row: prior.log_density(one[None], row)[0]  # noqa: E731
        hessian = torch.autograd.functional.hessian(density, z[i])
        gradient = torch.autograd.functional.jacobian(density, z[i])
        assert torch.allclose(prior.score(z[i : i + 1], row)[0], gradient)
        assert torch.allclose(prior.trace(z[i : i + 1], row)[0], hessian.trace())
        assert not torch.allclose(hessian.trace(), hessian.sum())
    assert (at.precision_NZ > 0).all()


def test_the_encoder_gets_the_gradient_of_the_log_prior_and_the_prior_none(draws: torch.Generator) -> None:
    prior = ExponentialPrior(K, Z, steps=2, generator=draws).double()
    mu, c = normal(draws, N, Z).requires_grad_(), codes(draws)
    prior.kl(mu, torch.zeros_like(mu), mu, c).backward()
    found, mu.grad = mu.grad, None
    assert all(one.grad is None for one in prior.parameters())
    (-prior.log_density(mu, prior.coefficients(c)).mean()).backward()
    assert torch.allclose(found, mu.grad)


def test_score_matching_learns_the_precision_of_a_gaussian(draws: torch.Generator) -> None:
    prior = ExponentialPrior(1, 1, steps=2, generator=draws)
    z, c = 2.0 + 0.5 * torch.randn(1000, 1, generator=draws), torch.zeros(1000, 1)
    optimizer = torch.optim.Adam(prior.parameters(), lr=0.04)
    for _ in range(150):
        optimizer.zero_grad()
        prior.own_loss(z, c).backward()
        optimizer.step()
    at = torch.tensor([[1.5], [2.0], [2.5]])
    score = prior.score(at, prior.coefficients(c[:3])).detach()
    assert score.flatten().tolist() == pytest.approx([2.0, 0.0, -2.0], abs=0.25)  # -(z - 2) / 0.25


def test_langevin_samples_have_the_moments_of_the_density(draws: torch.Generator) -> None:
    prior = ExponentialPrior(2, 1, steps=200, generator=draws)
    with torch.no_grad():
        prior.to_statistic.weight.mul_(25.0)  # far from the Gaussian start
    c = torch.eye(2)[torch.arange(4000) % 2]
    context = SampleContext(device="cpu", seed=4)
    made = prior.draw(c, context)
    grid = torch.linspace(-12, 12, 4001)[:, None]
    for k in range(2):
        density = prior.log_density(grid, prior.coefficients(torch.eye(2)[[k] * 4001])).detach().exp().double().numpy()
        density, at = density / density.sum(), grid[:, 0].double().numpy()
        mean = (density * at).sum()
        start = float(prior.coefficients(torch.eye(2)[[k]]).mean_NZ.detach())
        assert abs(mean - start) > 0.3
        assert float(made[k::2].mean()) == pytest.approx(mean, abs=0.07)
        assert float(made[k::2].std()) == pytest.approx(np.sqrt((density * (at - mean) ** 2).sum()), rel=0.05)
    assert "MALA accepted 5" in context.notes[0]


def test_total_correlation_sees_dependence_of_blocks_only(draws: torch.Generator) -> None:
    noise = torch.randn(400, 3, generator=draws)
    logvar = torch.full((400, 3), -2.0)
    dependent = torch.stack([noise[:, 0], noise[:, 1], noise[:, 0]], dim=1)
    within = torch.stack([noise[:, 0], noise[:, 0], noise[:, 2]], dim=1)
    found = {}
    for name, mu in (("independent", noise), ("dependent", dependent), ("within", within)):
        z = mu + 0.37 * torch.randn(mu.shape, generator=draws)
        found[name] = float(total_correlation(z, mu, logvar, 2))
    assert found["dependent"] > 0.7
    assert abs(found["within"]) < 0.25
    assert found["independent"] < 0.6
    alike = torch.zeros(5, 3)
    assert float(total_correlation(alike, alike, alike, 1)) == pytest.approx(0.0, abs=1e-6)


def test_squared_correlations_are_those_of_numpy_and_0_for_constants(draws: torch.Generator) -> None:
    z, c, counts = normal(draws, 50, Z), codes(draws, 50), (torch.arange(50) % 3 > 0).double()
    rows = counts.numpy() > 0
    both = np.corrcoef(np.hstack([z.numpy()[rows], c.numpy()[rows]]).T)[:Z, Z:]
    assert float(squared_correlations(z, c, counts)) == pytest.approx((both**2).sum(), rel=1e-4)
    assert float(squared_correlations(z, torch.zeros(50, 2), counts)) == 0.0
    assert float(squared_correlations(z, c, torch.zeros(50))) == 0.0


def test_products_find_spreads_that_differ(draws: torch.Generator) -> None:
    group, counts = (torch.arange(400) % 2)[:, None].double(), torch.ones(400)
    z = normal(draws, 400, 2) * (1 + group)
    found = with_products(z)
    centred = z - z.mean(dim=0)
    assert torch.allclose(
        found[:, 2:], torch.stack([centred[:, i] * centred[:, j] for i, j in ((0, 0), (0, 1), (1, 1))], 1)
    )
    assert float(squared_correlations(z, group, counts)) < 0.05
    assert float(squared_correlations(found, group, counts)) > 0.1


def test_whitened_latents_are_uncorrelated_and_reveal_a_combination_of_small_variance(draws: torch.Generator) -> None:
    group, counts = (torch.arange(400) % 2)[:, None].double(), torch.ones(400)
    large = normal(draws, 400, 1)
    # The difference of two latents, with a standard deviation of about 0.3, is the group and noise.
    z = torch.cat([large, large + 0.5 * group + 0.1 * normal(draws, 400, 1)], dim=1)
    found = whitened(z, counts)
    assert torch.allclose(found.T @ found / 400, torch.eye(2, dtype=torch.float64), atol=0.2)
    assert torch.allclose(whitened(0.1 * z, counts), found, atol=1e-3), "the scale of the latents does not matter"
    assert float(squared_correlations(z, group, counts)) < 0.1
    assert float(squared_correlations(found, group, counts)) > 0.7


def test_whitened_latents_of_no_variance_are_0_and_of_no_finite_value_are_not_finite() -> None:
    assert not whitened(torch.ones(8, Z), torch.ones(8)).any()
    assert not torch.isfinite(whitened(torch.full((8, Z), torch.nan), torch.ones(8))).any()


def test_latents_are_whitened_among_the_rows_that_are_used(draws: torch.Generator) -> None:
    group, half = (torch.arange(400) % 2)[:, None].double(), torch.arange(400) < 200
    large = normal(draws, 400, 1)
    sign = torch.where(half, 1.0, -1.0)[:, None]
    # In each half, one combination of the latents is the group and noise; over both halves, none is.
    z = torch.cat([large, sign * large + 0.3 * group + 0.03 * normal(draws, 400, 1)], dim=1)
    for rows in (half, ~half):
        assert float(squared_correlations(whitened(z, rows.double()), group, rows.double())) > 0.7
    everywhere = whitened(z, torch.ones(400))
    assert float(squared_correlations(everywhere, group, half.double())) < 0.2
