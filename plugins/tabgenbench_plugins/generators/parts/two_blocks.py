"""Model and loss of `invae`, a variational autoencoder with two groups (blocks) of latent variables.

The first latents are the invariant block, whose prior depends on the conditions of a cell (biology). The other latents
are the spurious block, whose prior depends on the batch.

N cells   F genes   I one-hot codes of the conditions   S one-hot codes of the batch   K = I + S   Z latents
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tabgenbench import Options, SampleContext, Unsupported
from tabgenbench_plugins.generators.parts.block_penalties import (
    squared_correlations,
    total_correlation,
    whitened,
    with_products,
)
from tabgenbench_plugins.generators.parts.block_vae import BlockVAE, negative_log_likelihood
from tabgenbench_plugins.generators.parts.cell_covariates import Minibatch
from tabgenbench_plugins.generators.parts.exponential_prior import ExponentialPrior
from tabgenbench_plugins.generators.parts.gaussian_prior import GaussianPrior

__all__ = ["Design", "TwoBlocks"]


@dataclass(frozen=True)
class Design:
    """The options of `invae` that `TwoBlocks` uses; `invae.InVAE.Config` describes them."""

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

    @classmethod
    def of(cls, config: Options) -> Design:
        """Select these options from all options of `invae`."""
        return cls(**{one.name: getattr(config, one.name) for one in fields(cls)})


class TwoBlocks(nn.Module):
    """Variational autoencoder with an invariant and a spurious block of latents.

    ``n_codes`` contains the numbers of one-hot codes of the conditions and of the batch, each at least 1.
    ``log_means`` contains the logarithm of the mean proportion of each gene, shape (F,).
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
        """Return the five terms of the loss as scalars, before they are weighted.

        The terms are the reconstruction loss, the KL divergence, the total correlation, the covariate penalty and the
        loss of score matching. A total correlation or covariate penalty with weight 0 is not computed but
        returned as 0. The loss of score matching is 0 for Gaussian priors.
        """
        design, cut = self.design, self.design.latent_invariant
        kept_N2 = self._kept(len(cells.x_NF), draws)
        codes = torch.cat([cells.biology_NI * kept_N2[:, :1], cells.batch_NS * kept_N2[:, 1:]], dim=1)
        mu, logvar = self.network.posterior(cells.x_NF, codes, draws)
        z = mu + (0.5 * logvar).exp() * torch.randn(mu.shape, generator=draws, device=mu.device)
        log_f = self.network.log_proportions(z, draws)
        zero = mu.new_zeros(())
        kl, own = self.prior_terms(mu, logvar, z, (cells.biology_NI, cells.batch_NS))
        tc = total_correlation(z, mu, logvar, cut) if design.tc else zero
        penalty = self._covariate_penalty(mu, cells, kept_N2) if design.covariate_penalty else zero
        return [negative_log_likelihood(cells.x_NF, log_f, self.network.log_theta_F), kl, tc, penalty, own]

    def prior_terms(
        self,
        mu_NZ: torch.Tensor,
        logvar_NZ: torch.Tensor,
        z_NZ: torch.Tensor,
        codes: tuple[torch.Tensor, torch.Tensor],
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the KL divergence and the loss of score matching as means over cells, summed over the two blocks.

        Args:
            mu_NZ: posterior means.
            logvar_NZ: posterior log-variances.
            z_NZ: one posterior sample for each cell.
            codes: one-hot codes of the conditions, shape (N, I), and of the batch, shape (N, S).
        """
        cut = self.design.latent_invariant
        blocks = (
            (self.invariant_prior, slice(None, cut), codes[0]),
            (self.spurious_prior, slice(cut, None), codes[1]),
        )
        zero = mu_NZ.new_zeros(())
        kl = sum((prior.kl(mu_NZ[:, at], logvar_NZ[:, at], z_NZ[:, at], c) for prior, at, c in blocks), zero)
        return kl, sum((prior.own_loss(z_NZ[:, at].detach(), c) for prior, at, c in blocks), zero)

    def prior_parameters(self) -> list[nn.Parameter]:
        """Return the parameters of the priors of both blocks."""
        return [*self.invariant_prior.parameters(), *self.spurious_prior.parameters()]

    def _kept(self, n_cells: int, draws: torch.Generator) -> torch.Tensor:
        """Return a random mask, (N, 2): 1 if the encoder gets a cell's conditions (column 0) or batch (column 1)."""
        if not self.design.mask:
            return torch.ones(n_cells, 2, device=draws.device)
        return (torch.rand(n_cells, 2, generator=draws, device=draws.device) >= self.design.mask).float()

    def _covariate_penalty(self, mu_NZ: torch.Tensor, cells: Minibatch, kept_N2: torch.Tensor) -> torch.Tensor:
        """Return the sum of squared correlations between each block and the covariates of the other block.

        The covariates of the spurious block are the batch codes, minus their means in the condition of the cell. The
        covariates of the invariant block are the condition codes, minus their means in the batch of the cell.
        Correlations are computed for latents and for products of two latents. An exponential prior allows correlated
        latents, so these latents are whitened first. The sum is averaged over two groups of cells: those whose
        covariate the encoder gets, and those whose covariate is masked. In a single group, opposite correlations could
        cancel.
        """
        cut, sums = self.design.latent_invariant, []
        for z, codes, kept, can_correlate in (
            (mu_NZ[:, :cut], cells.batch_left_NS, kept_N2[:, 1], self.design.prior == "exponential"),
            (mu_NZ[:, cut:], cells.biology_left_NI, kept_N2[:, 0], False),
        ):
            groups = (kept, 1.0 - kept) if self.design.mask else (kept, kept)
            if can_correlate:
                given, hidden = (with_products(whitened(z, group)) for group in groups)
            else:
                given = hidden = with_products(z)
            sum_given = squared_correlations(given, codes, groups[0])
            sum_hidden = squared_correlations(hidden, codes, groups[1])
            sums.append(0.5 * (sum_given + sum_hidden))
        return sums[0] + sums[1]

    @property
    def has_linear_mean(self) -> bool:
        """Whether the mean of the invariant block's prior is linear in the one-hot codes of the conditions."""
        return isinstance(self.invariant_prior, GaussianPrior) and self.invariant_prior.to_mean is not None

    def invariant_means(self, biology_NI: torch.Tensor) -> torch.Tensor:
        """Return the mean of the invariant block's prior, shape (N, latent_invariant).

        Raises:
            Unsupported: the prior has no mean in closed form.
        """
        if not isinstance(self.invariant_prior, GaussianPrior):
            raise Unsupported("invae: the mean of the invariant prior is unknown with prior=exponential")
        return self.invariant_prior.moments(biology_NI)[0]

    @torch.no_grad()
    def draw(self, biology_NI: torch.Tensor, batch_NS: torch.Tensor, context: SampleContext) -> torch.Tensor:
        """Sample latents of both blocks from the priors, shape (N, Z)."""
        invariant = self.invariant_prior.draw(biology_NI, context)
        return torch.cat([invariant, self.spurious_prior.draw(batch_NS, context)], dim=1)

    @torch.no_grad()
    def proportions_and_dispersion(self, z_NZ: torch.Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return expected gene proportions f, shape (N, F), and dispersions theta, shape (F,)."""
        f_NF = self.network.log_proportions(z_NZ).exp()
        return f_NF.double().cpu().numpy(), self.network.log_theta_F.exp().double().cpu().numpy()

    @torch.no_grad()
    def means(self, x_NF: torch.Tensor, c_NK: torch.Tensor) -> NDArray[np.float32]:
        """Return the posterior means of both blocks of latents, shape (N, Z)."""
        mu_NZ: NDArray[np.float32] = self.network.posterior(x_NF, c_NK)[0].cpu().numpy()
        return mu_NZ
