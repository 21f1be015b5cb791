"""Layers, one-hot codes and minibatches that several neural networks use.

Every function that draws random numbers takes a `torch.Generator`, and does not use torch's global random state. Equal
seeds of the generator therefore give identical numbers, regardless of earlier computations.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

__all__ = ["linear", "minibatches", "mlp", "one_hot"]


def linear(n_in: int, n_out: int, generator: torch.Generator, *, bias: bool = True) -> nn.Linear:
    """Return a linear layer with weights and biases that are uniform within ±1/√n_in, as in torch by default."""
    layer = nn.Linear(n_in, n_out, bias=bias, device="meta").to_empty(device=generator.device)
    bound = max(1, n_in) ** -0.5
    with torch.no_grad():
        layer.weight.uniform_(-bound, bound, generator=generator)
        if bias:
            layer.bias.uniform_(-bound, bound, generator=generator)
    return layer


def mlp(widths: Sequence[int], generator: torch.Generator, *, batch_norm: bool = True) -> nn.Sequential:
    """Return a network with Linear, batch norm and ReLU layers for each pair of consecutive widths.

    The first width is the width of the input. A Linear layer before batch norm has no bias, because batch norm
    subtracts the mean of each unit. The gradient of such a bias would be rounding noise, which Adam would scale up to
    full steps.
    """
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(widths):
        layers.append(linear(n_in, n_out, generator, bias=not batch_norm))
        if batch_norm:
            layers.append(nn.BatchNorm1d(n_out))
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def one_hot(codes_NC: torch.Tensor, n_categories: Sequence[int]) -> torch.Tensor:
    """Return the one-hot codes of several columns side by side, shape (N, sum of n_categories), float32.

    Without columns in ``codes_NC``, the result has no columns.
    """
    columns = [functional.one_hot(codes_NC[:, j], n).float() for j, n in enumerate(n_categories)]
    return torch.cat([codes_NC.new_zeros((len(codes_NC), 0), dtype=torch.float32), *columns], dim=1)


def minibatches(n_rows: int, batch_size: int, generator: torch.Generator) -> list[torch.Tensor]:
    """Return the row numbers of each minibatch of an epoch, in random order.

    The result is on the device of the generator. A last minibatch of one row is merged with the previous minibatch,
    because batch norm cannot use a single row.
    """
    order = torch.randperm(n_rows, generator=generator, device=generator.device)
    starts = list(range(0, n_rows, batch_size))
    if len(starts) > 1 and n_rows - starts[-1] == 1:
        starts.pop()
    ends = [*starts[1:], n_rows]
    return [order[start:end] for start, end in zip(starts, ends, strict=True)]
