"""Model and loss of `invae`: network, priors of both blocks, and penalties.

N cells   F genes   I, S one-hot codes of biology and batch   K = I + S   Z latents of both blocks
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tabgenbench import SampleContext
from tabgenbench_plugins.generators.parts.block_penalties import squared_correlations, total_correlation
from tabgenbench_plugins.generators.parts.block_vae import BlockVAE, negative_log_likelihood
from tabgenbench_plugins.generators.parts.cell_covariates import Minibatch
from tabgenbench_plugins.generators.parts.exponential_prior import ExponentialPrior
from tabgenbench_plugins.generators.parts.gaussian_prior import GaussianPrior

__all__ = ["Design", "TwoBlocks"]


class Design(Protocol):
    """The options of `invae` that the model uses."""

    prior: str
    hidden: tuple[int, ...]
    latent_invariant: int
    latent_spurious: int
    prior_mean: str
    activation: str
    dropout: float
    tc: float
    covariate_penalty: float
    mask: float
    langevin_steps: int


class TwoBlocks(nn.Module):
    """The model.

    Args:
        design: options.
        n_codes: I and S, together K; 0 without such a covariate.
        log_means: logarithms of the genes' mean proportions, shape (F,).
        generator: random generator for the initial weights.
    """

    def __init__(
        self, design: Design, n_codes: tuple[int, int], *, log_means: torch.Tensor, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.design, self.n_codes = design, sum(n_codes)
        self.n_latent = design.latent_invariant + design.latent_spurious
        self.network = BlockVAE(
            self.n_codes,
            self.n_latent,
            design.hidden,
            log_means=log_means,
            dropout=design.dropout,
            generator=generator,
        )
        self.invariant_prior: GaussianPrior | ExponentialPrior
        if design.prior == "exponential":
            self.invariant_prior = ExponentialPrior(
                n_codes[0], design.latent_invariant, steps=design.langevin_steps, generator=generator
            )
        else:
            self.invariant_prior = self._gaussian(n_codes[0], design.latent_invariant, generator)
        self.spurious_prior = self._gaussian(n_codes[1], design.latent_spurious, generator)

    def _gaussian(self, n_codes: int, n_latent: int, generator: torch.Generator) -> GaussianPrior:
        learn_mean = self.design.prior_mean == "linear"
        return GaussianPrior(
            n_codes, n_latent, activation=self.design.activation, learn_mean=learn_mean, generator=generator
        )

    def terms(self, cells: Minibatch, draws: torch.Generator) -> list[torch.Tensor]:
        """Return the terms of the loss without their weights, scalars, means over cells.

        They are reconstruction, KL, total correlation, covariate penalty, and the loss of the priors that the KL term
        does not train. A term with weight 0 is not computed.
        """
        design, cut = self.design, self.design.latent_invariant
        mu, logvar = self.network.posterior(cells.x_NF, self._masked(cells, draws), draws)
        z = mu + (0.5 * logvar).exp() * torch.randn(mu.shape, generator=draws, device=mu.device)
        log_f = self.network.log_proportions(z, draws)
        blocks = (
            (self.invariant_prior, slice(None, cut), cells.biology_NI),
            (self.spurious_prior, slice(cut, None), cells.batch_NS),
        )
        zero = mu.new_zeros(())
        kl = sum((prior.kl(mu[:, at], logvar[:, at], z[:, at], c) for prior, at, c in blocks), zero)
        tc = total_correlation(z, mu, logvar, cut) if design.tc else zero
        penalty = zero
        if design.covariate_penalty:
            penalty = squared_correlations(mu[:, :cut], cells.batch_left_NS)
            penalty = penalty + squared_correlations(mu[:, cut:], cells.biology_left_NI)
        own = sum((prior.own_loss(z[:, at].detach(), c) for prior, at, c in blocks), zero)
        return [negative_log_likelihood(cells.x_NF, log_f, self.network.log_theta_F), kl, tc, penalty, own]

    def _masked(self, cells: Minibatch, draws: torch.Generator) -> torch.Tensor:
        """Return the codes of both kinds, shape (N, K), of which each kind is 0 in a share ``mask`` of the cells."""
        codes = [cells.biology_NI, cells.batch_NS]
        if self.design.mask:
            shape = (len(cells.x_NF), 2)
            kept = torch.rand(shape, generator=draws, device=cells.x_NF.device) >= self.design.mask
            codes = [one * kept[:, j, None] for j, one in enumerate(codes)]
        return torch.cat(codes, dim=1)

    @torch.no_grad()
    def draw(self, biology_NI: torch.Tensor, batch_NS: torch.Tensor, context: SampleContext) -> torch.Tensor:
        """Return latents from the priors, shape (N, Z)."""
        invariant = self.invariant_prior.draw(biology_NI, context)
        return torch.cat([invariant, self.spurious_prior.draw(batch_NS, context)], dim=1)

    @torch.no_grad()
    def proportions_and_dispersion(self, z_NZ: torch.Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return f, shape (N, F), and theta, shape (F,)."""
        f_NF = self.network.log_proportions(z_NZ).exp()
        return f_NF.double().cpu().numpy(), self.network.log_theta_F.exp().double().cpu().numpy()

    @torch.no_grad()
    def means(self, x_NF: torch.Tensor, c_NK: torch.Tensor) -> NDArray[np.float32]:
        """Return the means of the posteriors, shape (N, Z)."""
        mu_NZ: NDArray[np.float32] = self.network.posterior(x_NF, c_NK)[0].cpu().numpy()
        return mu_NZ
