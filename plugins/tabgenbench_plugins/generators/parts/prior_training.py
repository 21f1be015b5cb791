"""Last step of the training of `invae`: the priors alone are trained on the latents of the training cells.

In the other epochs, the priors follow posteriors that still change, and that are computed with dropout and with hidden
covariates. Sampled latents then differ from latents of real cells. For a fixed encoder and decoder, the prior that
maximises the evidence lower bound is the average posterior (Tomczak & Welling, "VAE with a VampPrior", AISTATS 2018,
https://arxiv.org/abs/1705.07120). Here, the priors are trained with the same loss as before, the KL term and the loss
of score matching, on posteriors that get all covariates of a cell.

The mean of a Gaussian prior is linear in the covariates, so it has no interaction of two condition columns. The latents
of a combination of condition values that training cells have are moved by an offset, its average residual:

    offset_c = n_c / (n_c + 10) · mean of (mu - prior mean) over the n_c training cells of combination c

A combination without training cells has no offset.

    N cells   Z latents of both blocks   C combinations of condition values
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from tabgenbench_plugins.generators.parts.gaussian_prior import GaussianPrior
from tabgenbench_plugins.generators.parts.nn import minibatches

if TYPE_CHECKING:
    from tabgenbench_plugins.generators.parts.two_blocks import TwoBlocks

__all__ = ["Latents", "condition_offsets", "train_priors"]

RATE = 0.01  # first step size of Adam
SHRINKAGE = 10  # cells; with as many, an offset is half of the average residual


@dataclass(frozen=True, eq=False)
class Latents:
    """The posteriors of the training cells, given all covariates, and the codes of the covariates, on one device.

    Attributes:
        mu_NZ: posterior means.
        logvar_NZ: logarithms of the posterior variances.
        codes: codes of biology and of the batch, one row for each cell.
    """

    mu_NZ: torch.Tensor
    logvar_NZ: torch.Tensor
    codes: tuple[torch.Tensor, torch.Tensor]

    def without(self, offsets_NZ: torch.Tensor) -> Latents:
        """Return the posteriors with offsets, shape (N, latent_invariant), subtracted from the invariant block."""
        mu_NZ = self.mu_NZ.clone()
        mu_NZ[:, : offsets_NZ.shape[1]] -= offsets_NZ
        return Latents(mu_NZ, self.logvar_NZ, self.codes)


def condition_offsets(model: TwoBlocks, latents: Latents, group: NDArray[np.int64], n_groups: int) -> torch.Tensor:
    """Return the offset of each combination of condition values, shape (C, latent_invariant).

    The offsets are 0 for a prior without a linear mean.

    Args:
        model: the trained model.
        latents: posteriors of the training cells.
        group: the combination of each cell, shape (N,).
        n_groups: C.
    """
    n_latent = model.design.latent_invariant
    sums = torch.zeros(n_groups, n_latent, device=latents.mu_NZ.device)
    if not isinstance(model.invariant_prior, GaussianPrior) or model.invariant_prior.to_mean is None:
        return sums
    with torch.no_grad():
        residual = latents.mu_NZ[:, :n_latent] - model.invariant_means(latents.codes[0])
    at = torch.from_numpy(group).to(sums.device)
    sums.index_add_(0, at, residual)
    return sums / (torch.bincount(at, minlength=n_groups) + SHRINKAGE)[:, None]


def train_priors(model: TwoBlocks, latents: Latents, *, epochs: int, batch_size: int, order: torch.Generator) -> None:
    """Train the parameters of both priors with Adam, whose step size falls to 0; nothing else of the model changes.

    Args:
        model: the model.
        latents: posteriors of the training cells.
        epochs: passes over the cells.
        batch_size: cells per step.
        order: random generator on the CPU, for the order of the cells and for samples of the posteriors.
    """
    device = latents.mu_NZ.device
    draws = torch.Generator(device=device).manual_seed(int(torch.randint(2**62, (), generator=order)))
    optimizer = torch.optim.Adam(model.prior_parameters(), lr=RATE, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, epochs))
    for _ in range(epochs):
        for rows in minibatches(len(latents.mu_NZ), batch_size, order):
            at = rows.to(device)
            mu, logvar = latents.mu_NZ[at], latents.logvar_NZ[at]
            z = mu + (0.5 * logvar).exp() * torch.randn(mu.shape, generator=draws, device=device)
            kl, own = model.prior_terms(mu, logvar, z, (latents.codes[0][at], latents.codes[1][at]))
            optimizer.zero_grad()
            (kl + own).backward()  # type: ignore[no-untyped-call]  # torch's
            optimizer.step()
        schedule.step()
