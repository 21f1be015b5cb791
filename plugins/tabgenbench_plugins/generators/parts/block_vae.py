"""The network of `invae`: an encoder for two groups (blocks) of latents, and a negative binomial decoder.

    log(x + 1), codes c ── encoder ──► mu, logvar of (z_inv, z_spur) ── z = mu + exp(logvar / 2) ε
    z ── decoder ──► proportions f_NF (softmax);  count ~ NB(mean L f, dispersion theta), L the library size

In training, some codes c of conditions and batches are set to 0. The docstring of the module `invae` contains the
references and the loss.

    N biological cells   F genes   K one-hot codes of conditions and batches   Z latents of both blocks
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from tabgenbench_plugins.generators.parts.nn import linear, mlp

__all__ = ["BlockVAE", "negative_log_likelihood"]


class BlockVAE(nn.Module):
    """Encoder and decoder.

    Args:
        n_codes: K.
        n_latent: Z.
        hidden: widths of the encoder's hidden layers; the decoder has the same widths in reverse order.
        log_means: logarithms of the genes' mean proportions, shape (F,): the initial bias of the decoder.
        dropout: share of hidden units that are set to 0 in a training step.
        generator: random generator for the initial weights.
    """

    def __init__(
        self,
        n_codes: int,
        n_latent: int,
        hidden: tuple[int, ...],
        *,
        log_means: torch.Tensor,
        dropout: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.dropout = dropout
        inwards, outwards = (len(log_means) + n_codes, *hidden), (n_latent, *reversed(hidden))
        self.encoder = nn.ModuleList(mlp(pair, generator) for pair in pairwise(inwards))
        self.to_posterior = linear(hidden[-1], 2 * n_latent, generator)
        self.decoder = nn.ModuleList(mlp(pair, generator) for pair in pairwise(outwards))
        self.to_logits = linear(hidden[0], len(log_means), generator)
        with torch.no_grad():
            self.to_logits.bias.copy_(log_means)
        self.log_theta_F = nn.Parameter(torch.ones(len(log_means), device=generator.device))

    def posterior(
        self, x_NF: torch.Tensor, c_NK: torch.Tensor, draws: torch.Generator | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and log-variance of q(z | x, c), each of shape (N, Z).

        Dropout uses the random generator ``draws``; if ``draws`` is None, there is no dropout.
        """
        h = self._through(self.encoder, torch.cat([x_NF.log1p(), c_NK], dim=1), draws)
        mu_NZ, logvar_NZ = self.to_posterior(h).chunk(2, dim=1)
        return mu_NZ, logvar_NZ.clamp(-10.0, 10.0)

    def log_proportions(self, z_NZ: torch.Tensor, draws: torch.Generator | None = None) -> torch.Tensor:
        """Return the logarithm of the expected proportion f of each gene, shape (N, F)."""
        return functional.log_softmax(self.to_logits(self._through(self.decoder, z_NZ, draws)), dim=1)

    def _through(self, layers: nn.ModuleList, h: torch.Tensor, draws: torch.Generator | None) -> torch.Tensor:
        for layer in layers:
            h = layer(h)
            if draws is not None and self.dropout:
                kept = torch.rand(h.shape, generator=draws, device=h.device) >= self.dropout
                h = h * kept / (1.0 - self.dropout)
        return h


def negative_log_likelihood(x_NF: torch.Tensor, log_f_NF: torch.Tensor, log_theta_F: torch.Tensor) -> torch.Tensor:
    """Return the mean over cells of the negative log-likelihood of counts, in nats and without the term log x!.

    The log-likelihood of a cell is a sum over genes. A count has mean L f and variance L f + (L f)² / theta; the
    library size L is the sum of the cell's counts.
    """
    theta = log_theta_F.exp()
    log_mean = log_f_NF + x_NF.sum(dim=1, keepdim=True).clamp_min(1.0).log()
    log_sum = torch.logaddexp(log_mean, log_theta_F.expand_as(log_mean))
    gammas = torch.lgamma(x_NF + theta) - torch.lgamma(theta)
    logs = gammas + theta * (log_theta_F - log_sum) + x_NF * (log_mean - log_sum)
    return -logs.sum(dim=1).mean()
