"""Penalties that separate two blocks of latents: total correlation, and correlation with the other block's covariates.

N rows   Z latent   K one-hot codes
"""

from __future__ import annotations

import math

import torch

__all__ = ["squared_correlations", "total_correlation"]

TINY = 1e-8


def total_correlation(z: torch.Tensor, mu: torch.Tensor, logvar: torch.Tensor, n_first: int) -> torch.Tensor:
    """Return an estimate of KL(q(z) ‖ q(z_first) q(z_rest)) in nats, a scalar; q is the average of the posteriors.

    The average runs over the rows of the batch, so the estimate is biased and at most log N (Chen et al. 2018,
    https://arxiv.org/abs/1802.04942, who use it for single latents).

    Args:
        z: one draw from the posterior of each row, shape (N, Z).
        mu: means of the posteriors, shape (N, Z).
        logvar: log-variances of the posteriors, shape (N, Z).
        n_first: number of latents of the first block.
    """
    # Log-density of the draw of row i under the posterior of row j, up to a constant that cancels; shape (N, N, Z).
    logs = -0.5 * ((z[:, None] - mu).square() * (-logvar).exp() + logvar)
    first, rest = logs[:, :, :n_first].sum(dim=2), logs[:, :, n_first:].sum(dim=2)
    parts = [torch.logsumexp(part, dim=1) for part in (first + rest, first, rest)]
    return (parts[0] - parts[1] - parts[2]).mean() + math.log(len(z))


def squared_correlations(z_NZ: torch.Tensor, codes_NK: torch.Tensor) -> torch.Tensor:
    """Return the sum over all pairs of a latent and a code of their squared correlation, a scalar; 0 for constants."""
    z_NZ, codes_NK = z_NZ - z_NZ.mean(dim=0), codes_NK - codes_NK.mean(dim=0)
    scale_ZK = z_NZ.square().sum(dim=0)[:, None] * codes_NK.square().sum(dim=0)
    return ((z_NZ.T @ codes_NK).square() / (scale_ZK + TINY)).sum()
