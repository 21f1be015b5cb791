"""Penalties that separate two groups (blocks) of latents: total correlation, and correlation with covariates.

N rows   Z latents   K one-hot codes
"""

from __future__ import annotations

import math

import torch

__all__ = ["squared_correlations", "total_correlation", "whitened", "with_products"]

TINY = 1e-8
RIDGE = 0.01  # variance that is added to each latent before whitening, as a share of the mean variance


def total_correlation(z: torch.Tensor, mu: torch.Tensor, logvar: torch.Tensor, n_first: int) -> torch.Tensor:
    """Return an estimate of the total correlation KL(q(z) ‖ q(z_first) q(z_rest)) in nats, with aggregate posterior q.

    The density q is the mean of the posterior densities of the N rows of the batch, so the estimate is biased and
    cannot exceed log N. Chen et al. 2018, https://arxiv.org/abs/1802.04942, apply the total correlation to single
    latents.

    Args:
        z: one draw from the posterior of each row, shape (N, Z).
        mu: means of the posteriors, shape (N, Z).
        logvar: log-variances of the posteriors, shape (N, Z).
        n_first: number of latents of the first block.
    """
    first, rest = (_log_densities(z[:, at], mu[:, at], logvar[:, at]) for at in (slice(n_first), slice(n_first, None)))
    parts = [torch.logsumexp(part, dim=1) for part in (first + rest, first, rest)]
    return (parts[0] - parts[1] - parts[2]).mean() + math.log(len(z))


def _log_densities(z: torch.Tensor, mu: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    """Return the log-density of row i's latent sample under row j's posterior, without constants, shape (N, N)."""
    precision = (-logvar).exp()
    squares = z.square() @ precision.T - 2.0 * z @ (mu * precision).T + (mu.square() * precision).sum(dim=1)
    return -0.5 * (squares + logvar.sum(dim=1))


def squared_correlations(z_NZ: torch.Tensor, codes_NK: torch.Tensor, counts_N: torch.Tensor) -> torch.Tensor:
    """Return the sum of squared correlations over all pairs of a latent and a one-hot code.

    Args:
        z_NZ: latents.
        codes_NK: one-hot codes; a constant code contributes 0.
        counts_N: 1 for rows to use and 0 for rows to ignore.
    """
    weights_N1 = counts_N[:, None] / counts_N.sum().clamp_min(1.0)
    z_NZ, codes_NK = (one - (weights_N1 * one).sum(dim=0) for one in (z_NZ, codes_NK))
    scale_ZK = (weights_N1 * z_NZ.square()).sum(dim=0)[:, None] * (weights_N1 * codes_NK.square()).sum(dim=0)
    return (((weights_N1 * z_NZ).T @ codes_NK).square() / (scale_ZK + TINY)).sum()


def with_products(z_NZ: torch.Tensor) -> torch.Tensor:
    """Return the latents, and squares and pairwise products of the centred latents, shape (N, Z + Z (Z + 1) / 2)."""
    centred_NZ = z_NZ - z_NZ.mean(dim=0)
    i, j = torch.triu_indices(z_NZ.shape[1], z_NZ.shape[1], device=z_NZ.device)
    return torch.cat([z_NZ, centred_NZ[:, i] * centred_NZ[:, j]], dim=1)


def whitened(z_NZ: torch.Tensor, counts_N: torch.Tensor) -> torch.Tensor:
    """Return linear combinations of the latents that are uncorrelated among some of the rows, shape (N, Z).

    The sum of their squared correlations with a variable is about the R² of a linear regression of this variable on all
    latents. If latents are correlated, this R² can be large even if each latent has a small correlation with the
    variable, because the variable may be correlated with a combination of latents that varies little.

    Args:
        z_NZ: latents.
        counts_N: 1 for rows whose mean and covariance are used, and 0 for other rows.
    """
    weights_N1 = counts_N[:, None] / counts_N.sum().clamp_min(1.0)
    centred_NZ = z_NZ - (weights_N1 * z_NZ).sum(dim=0)
    covariance_ZZ = (weights_N1 * centred_NZ).T @ centred_NZ
    ridge = RIDGE * covariance_ZZ.diagonal().mean() + TINY
    identity_ZZ = torch.eye(z_NZ.shape[1], device=z_NZ.device, dtype=z_NZ.dtype)
    factor_ZZ, failed = torch.linalg.cholesky_ex(covariance_ZZ + ridge * identity_ZZ)
    # Not an error here: the loss is then not finite, and fit() says which option to change.
    factor_ZZ = torch.where(failed > 0, torch.full_like(factor_ZZ, math.nan), factor_ZZ)
    found_NZ: torch.Tensor = torch.linalg.solve_triangular(factor_ZZ, centred_NZ.T, upper=False).T
    return found_NZ
