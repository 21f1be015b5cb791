"""The networks of CTGAN and TVAE.

Xu et al., "Modeling tabular data using conditional GAN", NeurIPS 2019, describe the networks in sections 4.4 and 4.5.
Layers and constants are those of the package `ctgan`.

    N rows   D width of an encoded row   K values of all discrete columns   Z latents   H hidden units
    P packs (groups of rows that get one score from the critic)
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from tabgenbench_plugins.generators.parts.nn import linear, mlp

__all__ = ["Critic", "CriticLosses", "Decoder", "Encoder", "RowGenerator"]

SLOPE = 0.2  # negative slope of the leaky ReLU
DROPOUT = 0.5
SIGMA = 0.1  # initial standard deviation of TVAE's scalars
SIGMA_RANGE = (0.01, 1.0)


class RowGenerator(nn.Module):
    """CTGAN's generator network: hidden layers, and a linear output layer of width ``n_out`` = D.

    A hidden layer returns its input x concatenated with relu(batch norm(linear(x))). The input of the network is noise
    and condition, of width ``n_in`` = Z + K.
    """

    def __init__(self, n_in: int, hidden: Sequence[int], n_out: int, generator: torch.Generator) -> None:
        super().__init__()
        self.linears, self.norms = nn.ModuleList(), nn.ModuleList()
        for width in hidden:
            self.linears.append(linear(n_in, width, generator))
            self.norms.append(nn.BatchNorm1d(width))
            n_in += width
        self.out = linear(n_in, n_out, generator)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Return the logits: rows before their activations, shape (N, D)."""
        for layer, norm in zip(self.linears, self.norms, strict=True):
            z = torch.cat([torch.relu(norm(layer(z))), z], dim=1)
        logits: torch.Tensor = self.out(z)
        return logits


class CriticLosses(NamedTuple):
    """The two terms of the critic's loss, each a scalar.

    Attributes:
        wasserstein: mean score of generated rows minus mean score of real rows.
        penalty: ``weight`` times the mean of (|g| - 1)², where g is the gradient of the score w.r.t. the input.
    """

    wasserstein: torch.Tensor
    penalty: torch.Tensor


class Critic(nn.Module):
    """CTGAN's critic, which gives one score to a pack of ``pac`` rows.

    ``n_in`` is D + K, the width of a row and its condition. The first layer needs most of the time. To save matrix
    products, explicit formulas compute the gradients of this layer. Autograd differentiates the others (``tail``). W
    and b are the weights and the bias of the first layer:

    - The gradient penalty of the loss is computed at a point a x + (1 - a) x̃ between real rows x and generated rows
      x̃, with one a for each pack. The output of the first layer at this point is a Wx + (1 - a) Wx̃ + b, so no further
      matrix product is needed.
    - The gradient of the score w.r.t. the input is g = h W, where h is the gradient of the score w.r.t. the output of
      the first layer. The leaky ReLU is piecewise linear, so a small change of W does not change h. The gradient of the
      penalty w.r.t. g is c g, with one factor c for each pack, so the gradient w.r.t. W is the sum of c hᵀg over packs.
    """

    def __init__(self, n_in: int, hidden: Sequence[int], pac: int, generator: torch.Generator) -> None:
        super().__init__()
        self.pac, self.width = pac, n_in * pac
        self.first = linear(self.width, hidden[0], generator)
        self.tail = nn.ModuleList(linear(a, b, generator) for a, b in pairwise((*hidden, 1)))

    def masks(self, n_packs: int, generator: torch.Generator) -> list[torch.Tensor]:
        """Draw the dropout factors of each hidden layer, 0 or 2 with equal probability, shape (n_packs, H)."""
        widths = [layer.in_features for layer in self.tail if isinstance(layer, nn.Linear)]
        like = self.first.weight.new_empty
        return [like(n_packs, n).bernoulli_(1 - DROPOUT, generator=generator).div_(1 - DROPOUT) for n in widths]

    def packs(self, rows: torch.Tensor) -> torch.Tensor:
        """Return a view of the rows in which ``pac`` rows form one critic input, shape (N / pac, pac * (D + K))."""
        return rows.view(-1, self.width)

    def score(self, first_PH: torch.Tensor, masks: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return the score of each pack of rows, shape (P, 1), given the output of the first layer."""
        value = first_PH
        for layer, mask in zip(self.tail, masks, strict=True):
            value = layer(functional.leaky_relu(value, SLOPE) * mask)
        return value

    def losses_and_gradients(
        self, rows: torch.Tensor, mix_P1: torch.Tensor, masks: Sequence[torch.Tensor], weight: float
    ) -> CriticLosses:
        """Return the two terms of the critic's loss, and set the gradients of the critic's parameters.

        Args:
            rows: N real rows, N generated rows, and N rows that this method overwrites with the gradients g, shape
                (3N, D + K). Each row includes its condition. One matrix product then gives the gradient w.r.t. W.
            mix_P1: a, the weight of the real rows in the point where the penalty is computed, shape (P, 1).
            masks: result of `masks` for P packs of real rows, P of generated rows, and P of points between them.
            weight: weight of the penalty, 10 in the paper.
        """
        x = self.packs(rows)
        n = len(mix_P1)
        with torch.no_grad():
            first = torch.addmm(self.first.bias, x[: 2 * n], self.first.weight.T)
            mixed = mix_P1 * first[:n] + (1 - mix_P1) * first[n:]
        first = torch.cat([first, mixed]).requires_grad_()
        score = self.score(first, masks)
        (slope,) = torch.autograd.grad(score[2 * n :].sum(), first, create_graph=True)  # a row here is a pack
        h_PH = slope[2 * n :]
        with torch.no_grad():
            g = torch.mm(h_PH, self.first.weight, out=x[2 * n :])
            norm_P1 = torch.linalg.vector_norm(g, dim=1, keepdim=True)
            penalty = weight * (norm_P1 - 1).square().mean()
            # The gradient w.r.t. g is by_g * g; by_g is 0 where g is 0 and has no direction.
            by_g = torch.where(norm_P1 > 0, 2 * weight / n * (norm_P1 - 1) / norm_P1, 0.0)
            by_h_PH = by_g * (g @ self.first.weight.T)
        wasserstein = score[n : 2 * n].mean() - score[:n].mean()
        parameters = list(self.tail.parameters())
        gradients = torch.autograd.grad(
            [wasserstein, h_PH], [first, *parameters], [torch.ones_like(wasserstein), by_h_PH], allow_unused=True
        )
        for parameter, gradient in zip(parameters, gradients[1:], strict=True):
            parameter.grad = torch.zeros_like(parameter) if gradient is None else gradient
        by_first = gradients[0]
        self.first.bias.grad = by_first.sum(dim=0)
        by_first[2 * n :] = by_g * h_PH.detach()
        if self.first.weight.grad is None:  # allocated once: mapping new memory takes longer than filling it
            self.first.weight.grad = torch.empty_like(self.first.weight)
        torch.mm(by_first.T, x, out=self.first.weight.grad)
        return CriticLosses(wasserstein.detach(), penalty)

    def loss_and_input_gradient(
        self, rows: torch.Tensor, masks: Sequence[torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the generator's loss (mean score of generated rows times -1), and its gradient w.r.t. these rows.

        The rows include their conditions, shape (N, D + K). ``masks`` are dropout factors, each of shape (N / pac, H).
        """
        with torch.no_grad():
            first = torch.addmm(self.first.bias, self.packs(rows), self.first.weight.T)
        first.requires_grad_()
        loss = -self.score(first, masks).mean()
        (by_first,) = torch.autograd.grad(loss, first)
        with torch.no_grad():
            return loss.detach(), (by_first @ self.first.weight).view_as(rows)


class Encoder(nn.Module):
    """TVAE's encoder, which maps rows of width ``n_in`` = D to the posterior of Z latents."""

    def __init__(self, n_in: int, hidden: Sequence[int], n_latent: int, generator: torch.Generator) -> None:
        super().__init__()
        self.layers = mlp((n_in, *hidden), generator, batch_norm=False)
        self.mu, self.logvar = (linear((n_in, *hidden)[-1], n_latent, generator) for _ in range(2))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and log-variance of the posterior of each row, both of shape (N, Z)."""
        value = self.layers(x)
        return self.mu(value), self.logvar(value)


class Decoder(nn.Module):
    """TVAE's decoder of Z latents, with a learned standard deviation for each numeric column."""

    def __init__(
        self, n_latent: int, hidden: Sequence[int], *, n_out: int, n_scalars: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.layers = mlp((n_latent, *hidden), generator, batch_norm=False)
        self.out = linear((n_latent, *hidden)[-1], n_out, generator)
        self.sigma = nn.Parameter(torch.full((n_scalars,), SIGMA, device=generator.device))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Return the logits: rows before their activations, shape (N, D)."""
        logits: torch.Tensor = self.out(self.layers(z))
        return logits
