"""The network of the generator `cvae`: an encoder and a decoder, which both get the condition as input.

The docstring of module `cvae` contains the reference, a diagram and the loss.

    N rows   F features   K one-hot codes of the conditions   Z latents

In a mixed table (numeric and categorical features), `RowLayout` encodes a row as a vector of length F. The input of the
encoder contains numeric values and one-hot codes of categories; the output of the decoder contains means and logits.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from tabgenbench_plugins.generators.parts.chunks import chunks
from tabgenbench_plugins.generators.parts.nn import linear, mlp
from tabgenbench_plugins.generators.parts.row_layout import RowLayout

__all__ = ["ConditionalVAE", "ElboTerms"]


class ElboTerms(NamedTuple):
    """The two terms of the negative evidence lower bound, each a mean over rows.

    Attributes:
        reconstruction: half the squared error, summed over numeric values that are not missing, plus the cross-entropy
            of each categorical feature, in nats.
        kl: Kullback-Leibler divergence of the posterior from the prior, summed over latents, in nats.
    """

    reconstruction: torch.Tensor
    kl: torch.Tensor


class ConditionalVAE(nn.Module):
    """Conditional variational autoencoder.

    ``hidden`` are the widths of the encoder's hidden layers; the decoder has the same widths in reverse order. Without
    ``layout``, all F values of a row are numeric.
    """

    def __init__(
        self,
        n_features: int,
        n_codes: int,
        n_latent: int,
        hidden: tuple[int, ...],
        generator: torch.Generator,
        *,
        batch_norm: bool = True,
        layout: RowLayout | None = None,
    ) -> None:
        super().__init__()
        self.layout = layout or RowLayout(n_features)
        self.n_latent = n_latent
        self.encoder = mlp((n_features + n_codes, *hidden), generator, batch_norm=batch_norm)
        self.to_posterior = linear(hidden[-1], 2 * n_latent, generator)
        self.decoder = mlp((n_latent + n_codes, *reversed(hidden)), generator, batch_norm=batch_norm)
        self.to_mean = linear(hidden[0], n_features, generator)

    def posterior(self, x_NF: torch.Tensor, c_NK: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and log-variance of q(z | x, c), each of shape (N, Z)."""
        mu_NZ, logvar_NZ = self.to_posterior(self.encoder(torch.cat([x_NF, c_NK], dim=1))).chunk(2, dim=1)
        return mu_NZ, logvar_NZ

    def decode(self, z_NZ: torch.Tensor, c_NK: torch.Tensor) -> torch.Tensor:
        """Return the mean of p(x | z, c), followed by logits of categories in mixed tables, shape (N, F)."""
        mean_NF: torch.Tensor = self.to_mean(self.decoder(torch.cat([z_NZ, c_NK], dim=1)))
        return mean_NF

    def elbo(self, x_NF: torch.Tensor, c_NK: torch.Tensor, noise_NZ: torch.Tensor) -> ElboTerms:
        """Return the terms of -ELBO, estimated with one posterior sample per row, without the constant F/2 · log 2π.

        KL(N(mu, e^logvar) ‖ N(0, 1)) = ½ (mu² + e^logvar - 1 - logvar).
        """
        mu_NZ, logvar_NZ = self.posterior(x_NF, c_NK)
        mean_NF = self.decode(reparameterise(mu_NZ, logvar_NZ, noise_NZ), c_NK)
        reconstruction = self.reconstruction(mean_NF, x_NF) / len(x_NF)
        kl = 0.5 * (mu_NZ.square() + logvar_NZ.exp() - 1.0 - logvar_NZ).sum() / len(x_NF)
        return ElboTerms(reconstruction, kl)

    def reconstruction(self, output_NF: torch.Tensor, x_NF: torch.Tensor) -> torch.Tensor:
        """Return the negative log-likelihood of all rows given the decoder's output, up to a constant, as a scalar."""
        numeric = slice(self.layout.n_features)
        mean, values, present = output_NF[:, numeric], x_NF[:, numeric], self.layout.has_value(x_NF)
        if present is not None:
            mean, values = mean * present, values * present
        loss = 0.5 * nn.functional.mse_loss(mean, values, reduction="sum")
        for logits, codes in zip(self.layout.blocks(output_NF), self.layout.blocks(x_NF), strict=True):
            loss = loss + nn.functional.cross_entropy(logits, codes, reduction="sum")
        return loss

    @torch.no_grad()
    def mean_loss(self, x_NF: torch.Tensor, c_NK: torch.Tensor, noise_NZ: torch.Tensor, *, beta: float) -> torch.Tensor:
        """Return the mean of reconstruction + beta * KL over rows, in evaluation mode and without gradients."""
        self.eval()
        total = torch.zeros((), device=x_NF.device)
        for rows in chunks(len(x_NF)):
            terms = self.elbo(x_NF[rows], c_NK[rows], noise_NZ[rows])
            total += (terms.reconstruction + beta * terms.kl) * len(noise_NZ[rows])
        return total / len(x_NF)

    @torch.no_grad()
    def residual_sd(self, x_NF: torch.Tensor, c_NK: torch.Tensor, draws: torch.Generator) -> torch.Tensor:
        """Return the root mean squared error of the decoder's output for each numeric feature, shape (n_numeric,).

        Missing values are not counted. The latents are one posterior sample per row. The root mean squared error is the
        standard deviation that maximises the decoder's Gaussian likelihood.
        """
        numeric, present_NF = slice(self.layout.n_features), self.layout.has_value(x_NF)
        total_F = torch.zeros(self.layout.n_features, device=x_NF.device)
        for rows in chunks(len(x_NF)):
            x, c = x_NF[rows], c_NK[rows]
            mu, logvar = self.posterior(x, c)
            noise = torch.randn(mu.shape, generator=draws, device=x.device)
            errors = (x - self.decode(reparameterise(mu, logvar, noise), c))[:, numeric].square()
            total_F += (errors if present_NF is None else errors * present_NF[rows]).sum(dim=0)
        n_rows = len(x_NF) if present_NF is None else present_NF.sum(dim=0).clamp_min(1)
        return (total_F / n_rows).sqrt()


def reparameterise(mu_NZ: torch.Tensor, logvar_NZ: torch.Tensor, noise_NZ: torch.Tensor) -> torch.Tensor:
    """Sample N(mu, e^logvar) as a differentiable function of standard normal noise, shape (N, Z)."""
    return mu_NZ + torch.exp(0.5 * logvar_NZ) * noise_NZ
