"""The last epochs of the training of `invae` (a variational autoencoder), which train only its decoder and priors.

In the earlier epochs, the encoder still changes, uses dropout, and does not get all covariates of a cell (conditions
and batch). The decoder and the priors are therefore fitted to noisy posteriors. Without the last epochs, generated
cells would differ too much from real cells. In the last epochs, the encoder is fixed, gets all covariates of a cell,
and uses no dropout. The statistics of the decoder's batch norm and the embeddings of cells do not change. The module
`invae` defines the symbols of the loss:

    loss = -log p(x | z, L) + KL(q(z | x, b, s) ‖ p(z | b, s)) + loss of score matching,   z ~ q(z | x, b, s)

The mean of a Gaussian prior is linear in the covariates, so it contains no interaction of two condition columns. After
half of the last epochs, an offset of this mean is therefore computed for each combination of condition values in the
training cells. The offset is the shrunk mean residual of the cells with this combination:

    offset_c = n_c / (n_c + 10) · mean of (mu - prior mean) over the n_c training cells of combination c

The offset is added to sampled latents. In the second half of the last epochs, the offset is also subtracted from the
latents to which the priors are fitted. A combination without training cells has no offset. No offsets are computed if
some condition columns are numeric.

    N cells   Z latents   I latents of the invariant block   C combinations of condition values
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from tabgenbench_plugins.generators.parts.block_vae import negative_log_likelihood
from tabgenbench_plugins.generators.parts.nn import minibatches

if TYPE_CHECKING:
    from tabgenbench_plugins.generators.parts.two_blocks import TwoBlocks

__all__ = ["Latents", "condition_offsets", "train_for_sampling"]

TERMS = ("reconstruction", "kl", "prior")  # of the loss, as reported
# First step sizes of Adam. The dispersions of all genes start at e, so they have a long way to go.
RATES = {"priors": 0.01, "genes": 0.05, "decoder": 0.001}
SHRINKAGE = 10  # cells; with as many, an offset is half of the average residual


@dataclass(frozen=True, eq=False)
class Latents:
    """Posterior distributions of the latents of the training cells, given their counts, conditions and batch.

    Attributes:
        mu_NZ: posterior means.
        logvar_NZ: logarithms of the posterior variances.
        codes: one-hot codes of the conditions and of the batch, one row for each cell.
        group: code of each cell's combination of condition values, shape (N,).
        n_groups: C, the number of combinations.
    """

    mu_NZ: torch.Tensor
    logvar_NZ: torch.Tensor
    codes: tuple[torch.Tensor, torch.Tensor]
    group: NDArray[np.int64]
    n_groups: int


def condition_offsets(model: TwoBlocks, latents: Latents) -> NDArray[np.float32]:
    """Return the offset of the invariant block's prior mean for each combination of condition values, shape (C, I)."""
    n_latent = model.design.latent_invariant
    sums = np.zeros((latents.n_groups, n_latent))
    with torch.no_grad():
        residual = latents.mu_NZ[:, :n_latent] - model.invariant_means(latents.codes[0])
    np.add.at(sums, latents.group, residual.double().cpu().numpy())  # on the CPU, where the order of sums is fixed
    counts = np.bincount(latents.group, minlength=latents.n_groups)
    return (sums / (counts + SHRINKAGE)[:, None]).astype(np.float32)


def train_for_sampling(
    model: TwoBlocks,
    latents: Latents,
    counts: Any,
    *,
    epochs: int,
    batch_size: int,
    offsets: bool,
    order: torch.Generator,
    report: Callable[[int, dict[str, float]], None],
) -> NDArray[np.float32]:
    """Train decoder, dispersions and priors with a fixed encoder; return the offsets of the prior mean, shape (C, I).

    The step sizes of Adam fall to 0. Without ``offsets``, all offsets are 0. The generator ``order`` (on the CPU)
    determines the order of the cells and the seed of posterior samples. After each epoch, ``report`` is called with the
    number of the epoch and the mean of each term of the loss.
    """
    model.eval()
    device, n_cells = latents.mu_NZ.device, len(latents.mu_NZ)
    draws = torch.Generator(device=device).manual_seed(int(torch.randint(2**62, (), generator=order)))
    network = model.network
    parameters = {
        "priors": model.prior_parameters(),
        "genes": [network.log_theta_F, network.to_logits.bias],
        "decoder": [*network.decoder.parameters(), network.to_logits.weight],
    }
    groups = [{"params": parameters[name], "lr": rate} for name, rate in RATES.items()]
    optimizer = torch.optim.Adam(groups, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    found = np.zeros((latents.n_groups, model.design.latent_invariant), dtype=np.float32)
    offset_NZ = torch.zeros_like(latents.mu_NZ)
    for epoch in range(1, epochs + 1):
        sums = torch.zeros(len(TERMS), device=device)
        for rows in minibatches(n_cells, batch_size, order):
            at = rows.to(device)
            x = torch.from_numpy(counts[rows.numpy()].toarray()).to(device)
            mu, logvar, offset = latents.mu_NZ[at], latents.logvar_NZ[at], offset_NZ[at]
            z = mu + (0.5 * logvar).exp() * torch.randn(mu.shape, generator=draws, device=device)
            log_f, codes = network.log_proportions(z), (latents.codes[0][at], latents.codes[1][at])
            kl, own = model.prior_terms(mu - offset, logvar, z - offset, codes)
            terms = torch.stack([negative_log_likelihood(x, log_f, network.log_theta_F), kl, own])
            optimizer.zero_grad()
            terms.sum().backward()  # type: ignore[no-untyped-call]  # torch's
            optimizer.step()
            sums += terms.detach() * len(rows)
        schedule.step()
        report(epoch, dict(zip(TERMS, (sums / n_cells).tolist(), strict=True)))
        if offsets and epoch == math.ceil(epochs / 2):
            found = condition_offsets(model, latents)
            offset_NZ[:, : found.shape[1]] = torch.from_numpy(found[latents.group]).to(device)
    return found
