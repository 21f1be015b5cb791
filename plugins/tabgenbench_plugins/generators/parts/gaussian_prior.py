"""Diagonal Gaussian prior of latents given covariates.

    z | c ~ N(mean(c), diag(exp(logvar(c))))

The mean is the sum of the effects of the covariate columns, so it is also defined for a combination of values that no
training row has. The log-variance is the output of a network with one hidden layer.

    N rows   K one-hot codes of the covariates   Z latents
"""

from __future__ import annotations

import torch
from torch import nn

from tabgenbench import SampleContext
from tabgenbench_plugins.generators.parts.nn import linear

__all__ = ["ACTIVATIONS", "GaussianPrior", "small_network"]

ACTIVATIONS: dict[str, type[nn.Module]] = {"softplus": nn.Softplus, "relu": nn.ReLU}
WIDTH = 64  # of the hidden layer
LIMIT = 10.0  # of the absolute log-variance


def small_network(n_in: int, n_out: int, activation: str, generator: torch.Generator) -> nn.Sequential:
    """Return a network with one hidden layer; ``activation`` is a key of `ACTIVATIONS`."""
    return nn.Sequential(linear(n_in, WIDTH, generator), ACTIVATIONS[activation](), linear(WIDTH, n_out, generator))


class GaussianPrior(nn.Module):
    """Gaussian prior p(z | c) with diagonal covariance, for K codes and Z latents.

    ``activation`` of the hidden layer is ``softplus`` or ``relu``. Without ``learn_mean``, the mean is 0.
    """

    def __init__(
        self, n_codes: int, n_latent: int, *, activation: str, learn_mean: bool, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.n_latent = n_latent
        self.to_mean = linear(n_codes, n_latent, generator) if learn_mean else None
        self.to_logvar = small_network(n_codes, n_latent, activation, generator)

    def moments(self, c_NK: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and log-variance of p(z | c), each of shape (N, Z)."""
        mean_NZ = c_NK.new_zeros(len(c_NK), self.n_latent) if self.to_mean is None else self.to_mean(c_NK)
        return mean_NZ, self.to_logvar(c_NK).clamp(-LIMIT, LIMIT)

    def kl(self, mu_NZ: torch.Tensor, logvar_NZ: torch.Tensor, z_NZ: torch.Tensor, c_NK: torch.Tensor) -> torch.Tensor:
        """Return the mean over rows of KL(N(mu, e^logvar) ‖ p(z | c)) in nats, in closed form; z is not used."""
        mean_NZ, prior_NZ = self.moments(c_NK)
        ratio_NZ = ((mu_NZ - mean_NZ).square() + logvar_NZ.exp()) * (-prior_NZ).exp()
        return 0.5 * (ratio_NZ + prior_NZ - logvar_NZ - 1.0).sum(dim=1).mean()

    def own_loss(self, z_NZ: torch.Tensor, c_NK: torch.Tensor) -> torch.Tensor:
        """Return 0, because the KL term alone trains this prior."""
        return z_NZ.new_zeros(())

    @torch.no_grad()
    def draw(self, c_NK: torch.Tensor, context: SampleContext) -> torch.Tensor:
        """Sample latents from the prior for each row, shape (N, Z)."""
        mean_NZ, logvar_NZ = self.moments(c_NK)
        noise_NZ = torch.randn(mean_NZ.shape, generator=context.torch, device=c_NK.device)
        return mean_NZ + (0.5 * logvar_NZ).exp() * noise_NZ
