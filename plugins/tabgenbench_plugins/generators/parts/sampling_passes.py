"""Last passes of the training of `invae`: decoder and priors are trained alone, with a fixed encoder.

In the other passes, decoder and priors follow posteriors that still change, and that are computed with dropout and with
hidden covariates. Sampled cells then differ from real cells more than necessary. In the last passes, the posteriors are
those of the finished encoder, given all covariates of a cell, and there is no dropout. Embeddings do not change.

    loss = -log p(x | z, L) + KL(q(z | x, b, s) ‖ p(z | b, s)) + loss of score matching,   z ~ q(z | x, b, s)

The mean of a Gaussian prior is linear in the covariates, so it has no interaction of two condition columns. The latents
of a combination of condition values that training cells have are moved by an offset, its average residual:

    offset_c = n_c / (n_c + 10) · mean of (mu - prior mean) over the n_c training cells of combination c

A combination without training cells has no offset.

    N cells   Z latents of both blocks   C combinations of condition values
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from tabgenbench_plugins.generators.parts.block_vae import negative_log_likelihood
from tabgenbench_plugins.generators.parts.gaussian_prior import GaussianPrior
from tabgenbench_plugins.generators.parts.nn import minibatches

if TYPE_CHECKING:
    from tabgenbench_plugins.generators.parts.two_blocks import TwoBlocks

__all__ = ["Latents", "condition_offsets", "train_for_sampling"]

# First step sizes of Adam. The dispersions of all genes start at e, so they have a long way to go.
RATES = {"priors": 0.01, "genes": 0.05, "decoder": 0.001}
SHRINKAGE = 10  # cells; with as many, an offset is half of the average residual


@dataclass(frozen=True, eq=False)
class Latents:
    """The posteriors of the training cells, given all covariates, and the codes of the covariates, on one device.

    Attributes:
        mu_NZ: posterior means.
        logvar_NZ: logarithms of the posterior variances.
        codes: codes of biology and of the batch, one row for each cell.
        offset_NZ: what the prior gets less than the decoder: the offset of the cell's combination, and 0 for the
            spurious block.
    """

    mu_NZ: torch.Tensor
    logvar_NZ: torch.Tensor
    codes: tuple[torch.Tensor, torch.Tensor]
    offset_NZ: torch.Tensor

    @classmethod
    def of(cls, mu_NZ: torch.Tensor, logvar_NZ: torch.Tensor, codes: tuple[torch.Tensor, torch.Tensor]) -> Latents:
        """Return posteriors without offsets."""
        return cls(mu_NZ, logvar_NZ, codes, torch.zeros_like(mu_NZ))

    def moved(self, offsets_NI: torch.Tensor) -> Latents:
        """Return the posteriors with offsets of the invariant block, shape (N, latent_invariant)."""
        offset_NZ = torch.zeros_like(self.mu_NZ)
        offset_NZ[:, : offsets_NI.shape[1]] = offsets_NI
        return replace(self, offset_NZ=offset_NZ)


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


def train_for_sampling(
    model: TwoBlocks, latents: Latents, counts: Any, *, passes: int, batch_size: int, order: torch.Generator
) -> None:
    """Train decoder, dispersions and priors with Adam, whose step sizes fall to 0; the encoder does not change.

    Args:
        model: the model.
        latents: posteriors of the training cells; offsets are subtracted for the priors alone.
        counts: counts of the training cells, CSR.
        passes: passes over the cells.
        batch_size: cells per step.
        order: random generator on the CPU, for the order of the cells and for samples of the posteriors.
    """
    device = latents.mu_NZ.device
    draws = torch.Generator(device=device).manual_seed(int(torch.randint(2**62, (), generator=order)))
    network = model.network
    parameters = {
        "priors": model.prior_parameters(),
        "genes": network.of_genes(),
        "decoder": [*network.decoder.parameters(), network.to_logits.weight],
    }
    groups = [{"params": parameters[name], "lr": rate} for name, rate in RATES.items()]
    optimizer = torch.optim.Adam(groups, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, passes))
    for _ in range(passes):
        for rows in minibatches(counts.shape[0], batch_size, order):
            at = rows.to(device)
            x = torch.from_numpy(counts[rows.numpy()].toarray()).to(device)
            mu, logvar, offset = latents.mu_NZ[at], latents.logvar_NZ[at], latents.offset_NZ[at]
            z = mu + (0.5 * logvar).exp() * torch.randn(mu.shape, generator=draws, device=device)
            log_f = network.log_proportions(z)
            codes = (latents.codes[0][at], latents.codes[1][at])
            kl, own = model.prior_terms(mu - offset, logvar, z - offset, codes)
            loss = negative_log_likelihood(x, log_f, network.log_theta_F) + kl + own
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch's
            optimizer.step()
        schedule.step()
