"""Exponential-family prior of latents given covariates, as in the model NFinVAE (Aliee et al. 2023).

    log p(z | c) = <t(z), λ(c)> + <(z, z²), λ'(c)> + const,   t(z) = V softplus(W z + a)
                 = Σ_h w_h(c) softplus(W_h z + a_h) + Σ_d τ_d(c) (m_d(c) z_d - z_d² / 2) + const,   w(c) = Vᵀ λ(c)

The coefficient of z² is negative and softplus grows only linearly, so a normalising constant exists, but its value is
unknown. m(c) is linear in the one-hot codes. Score matching (Hyvärinen 2005) trains the prior on the latents of
training rows without a normalising constant, with the loss

    E[½ ‖∇ log p‖² + tr ∇² log p]
    ∇ log p = Wᵀ (w σ(W z + a)) + τ (m - z),   tr ∇² log p = Σ_h w_h σ'(W_h z + a_h) ‖W_h‖² - Σ_d τ_d

Here σ is the logistic function. The encoder needs only the gradient of log p with respect to z, which does not depend
on the constant. A Markov chain that follows this gradient, the Metropolis-adjusted Langevin algorithm (MALA), samples
from the prior.

    N rows   K one-hot codes   Z latents   H softplus units of t   M entries of t(z) and λ(c)
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from tabgenbench import SampleContext
from tabgenbench_plugins.generators.parts.gaussian_prior import small_network
from tabgenbench_plugins.generators.parts.nn import linear

__all__ = ["ExponentialPrior"]

UNITS, ENTRIES = 64, 16  # H and M
LEAST = 0.05  # precision
ACCEPTANCE = 0.574  # best rate of MALA in many dimensions, Roberts & Rosenthal 1998


class Coefficients(NamedTuple):
    """Coefficients of log p(z | c) for each row (see the module): w, shape (N, H), and m and τ, shape (N, Z)."""

    w_NH: torch.Tensor
    mean_NZ: torch.Tensor
    precision_NZ: torch.Tensor


class ExponentialPrior(nn.Module):
    """Prior p(z | c) of the exponential family, for K codes and Z latents.

    ``steps`` is the length of the Markov chains that sample from the prior. The step size is adapted in their first
    half.
    """

    def __init__(self, n_codes: int, n_latent: int, *, steps: int, generator: torch.Generator) -> None:
        super().__init__()
        self.steps = steps
        self.to_units = linear(n_latent, UNITS, generator)
        self.to_statistic = linear(UNITS, ENTRIES, generator, bias=False)
        self.to_lambda = small_network(n_codes, ENTRIES, "softplus", generator)
        self.to_mean = linear(n_codes, n_latent, generator)
        self.to_precision = small_network(n_codes, n_latent, "softplus", generator)

    def coefficients(self, c_NK: torch.Tensor) -> Coefficients:
        """Return the coefficients of log p(z | c), given the one-hot codes c of each row's covariates."""
        precision_NZ = LEAST + functional.softplus(self.to_precision(c_NK) + 0.5)
        return Coefficients(self.to_lambda(c_NK) @ self.to_statistic.weight, self.to_mean(c_NK), precision_NZ)

    def log_density(self, z_NZ: torch.Tensor, at: Coefficients) -> torch.Tensor:
        """Return log p(z | c) without the normalising constant, shape (N,)."""
        quadratic_NZ = at.precision_NZ * z_NZ * (at.mean_NZ - 0.5 * z_NZ)
        return (at.w_NH * functional.softplus(self.to_units(z_NZ))).sum(dim=1) + quadratic_NZ.sum(dim=1)

    def score(self, z_NZ: torch.Tensor, at: Coefficients) -> torch.Tensor:
        """Return the gradient ∇ log p(z | c) with respect to z, shape (N, Z)."""
        pushed_NZ = (at.w_NH * torch.sigmoid(self.to_units(z_NZ))) @ self.to_units.weight
        return pushed_NZ + at.precision_NZ * (at.mean_NZ - z_NZ)

    def trace(self, z_NZ: torch.Tensor, at: Coefficients) -> torch.Tensor:
        """Return the trace of the second derivative, tr ∇² log p(z | c), shape (N,)."""
        slope_NH = torch.sigmoid(self.to_units(z_NZ))
        curved_N = (at.w_NH * slope_NH * (1.0 - slope_NH)) @ self.to_units.weight.square().sum(dim=1)
        return curved_N - at.precision_NZ.sum(dim=1)

    def kl(self, mu_NZ: torch.Tensor, logvar_NZ: torch.Tensor, z_NZ: torch.Tensor, c_NK: torch.Tensor) -> torch.Tensor:
        """Return the KL divergence of the posterior from the prior as a mean over rows, in nats.

        The prior's unknown normalising constant is left out. One sample z per row estimates the divergence. This loss
        trains only the encoder; `own_loss` trains the prior.
        """
        at = Coefficients(*(one.detach() for one in self.coefficients(c_NK)))
        with torch.no_grad():
            value, score_NZ = self.log_density(z_NZ, at), self.score(z_NZ, at)
        log_prior = value + (score_NZ * (z_NZ - z_NZ.detach())).sum(dim=1)
        entropy = 0.5 * (logvar_NZ + math.log(2.0 * math.pi) + 1.0).sum(dim=1)
        return (-entropy - log_prior).mean()

    def own_loss(self, z_NZ: torch.Tensor, c_NK: torch.Tensor) -> torch.Tensor:
        """Return the score-matching loss as a mean over rows; the caller must detach z from the encoder."""
        at = self.coefficients(c_NK)
        return (0.5 * self.score(z_NZ, at).square().sum(dim=1) + self.trace(z_NZ, at)).mean()

    @torch.no_grad()
    def draw(self, c_NK: torch.Tensor, context: SampleContext) -> torch.Tensor:
        """Sample latents by one Markov chain per row; return the last state of each chain, shape (N, Z).

        A chain starts at a sample of N(m, 1/τ) with m and τ of its row, and its steps are scaled by 1/√τ. Chains with
        equal covariates share a step size. A note in ``context`` states the acceptance rate of the steps.
        """
        if len(c_NK) == 0:
            return c_NK.new_zeros(0, self.to_units.in_features)
        at = self.coefficients(c_NK)
        group = torch.unique(c_NK, dim=0, return_inverse=True)[1]
        sizes = torch.bincount(group).to(c_NK.dtype)
        scale_NZ, log_step = at.precision_NZ.rsqrt(), torch.zeros(len(sizes), device=c_NK.device)
        z = at.mean_NZ + scale_NZ * _noise_like(scale_NZ, context.torch)
        value, score = self.log_density(z, at), self.score(z, at)
        adapting, rates = max(1, self.steps // 2), []
        for step in range(1, self.steps + 1):
            size = log_step.exp()[group][:, None]
            noise = _noise_like(scale_NZ, context.torch)
            there = z + 0.5 * (size * scale_NZ).square() * score + size * scale_NZ * noise
            new_value, new_score = self.log_density(there, at), self.score(there, at)
            # The noise of the step back, from the proposal to z.
            back = (z - there) / (size * scale_NZ) - 0.5 * size * scale_NZ * new_score
            gain = new_value - value + 0.5 * (noise.square() - back.square()).sum(dim=1)
            chance = gain.clamp_max(0.0).exp()
            took = torch.rand(chance.shape, generator=context.torch, device=chance.device) < chance
            z, score = torch.where(took[:, None], there, z), torch.where(took[:, None], new_score, score)
            value = torch.where(took, new_value, value)
            if step <= adapting:
                rate = torch.zeros_like(sizes).index_add_(0, group, chance) / sizes
                log_step += (rate - ACCEPTANCE) / step**0.6
            else:
                rates.append(chance.mean())
        if rates:
            context.note(f"MALA accepted {100 * float(torch.stack(rates).mean()):.0f} % of its steps")
        return z


def _noise_like(values: torch.Tensor, draws: torch.Generator) -> torch.Tensor:
    return torch.randn(values.shape, generator=draws, device=values.device)
