"""A neural network with a row, a time and a condition as inputs, and its training.

    h = W [x, c] + b + τ(t),   then SiLU - Linear layers, then SiLU and a linear output as wide as x

Here x is the row, t is the time in [0, 1], and c are the one-hot codes of the condition. To compute τ(t), cosines and
sines of t at angular frequencies from 1 to 1,000 pass through Linear - SiLU - Linear, as in TabDDPM (Kotelnikov et al.
2023).

    N rows   Y width of a row   K one-hot codes of the conditions   H width of the first hidden layer
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import nn
from torch.nn import functional

from tabgenbench import ConfigError, FitContext
from tabgenbench_plugins.generators.parts.nn import linear

__all__ = ["Recipe", "TimeNetwork", "train_network"]

N_FREQUENCIES = 64
REPORTS = 100  # number of losses that a training reports


class TimeNetwork(nn.Module):
    """Multilayer perceptron with at least one hidden layer.

    The inputs are a row of width ``n_in`` = Y, a time, and ``n_codes`` = K codes of the condition (K = 0 without
    conditions).
    """

    frequencies: torch.Tensor

    def __init__(self, n_in: int, n_codes: int, hidden: tuple[int, ...], generator: torch.Generator) -> None:
        super().__init__()
        self.of_row = linear(n_in + n_codes, hidden[0], generator)
        self.of_time = linear(2 * N_FREQUENCIES, hidden[0], generator)
        self.of_time_inner = linear(hidden[0], hidden[0], generator)
        self.layers = nn.ModuleList(
            linear(a, b, generator) for a, b in zip(hidden, (*hidden[1:], hidden[-1]), strict=True)
        )
        self.to_output = linear(hidden[-1], n_in, generator)
        frequencies = torch.exp(torch.linspace(0.0, math.log(1000.0), N_FREQUENCIES))
        self.register_buffer("frequencies", frequencies, persistent=False)

    def forward(self, x_NY: torch.Tensor, t_N: torch.Tensor, c_NK: torch.Tensor) -> torch.Tensor:
        """Return the output of the network for rows, times and conditions, shape (N, Y)."""
        angles = t_N[:, None] * self.frequencies
        time = self.of_time_inner(functional.silu(self.of_time(torch.cat([angles.cos(), angles.sin()], dim=1))))
        h = self.of_row(torch.cat([x_NY, c_NK], dim=1)) + time
        for layer in self.layers:
            h = layer(functional.silu(h))
        out: torch.Tensor = self.to_output(functional.silu(h))
        return out


class Recipe(Protocol):
    """Training options of `train_network`.

    Attributes:
        steps: optimisation steps, independent of the number of rows.
        batch_size: rows per step, drawn with replacement.
        learning_rate: initial step size of Adam; it falls linearly to 0.
        ema: decay of the moving average of the weights, per step.
        weight_decay: decoupled weight decay (AdamW).
    """

    @property
    def steps(self) -> int:  # noqa: D102 - documented above
        ...
    @property
    def batch_size(self) -> int:  # noqa: D102 - documented above
        ...
    @property
    def learning_rate(self) -> float:  # noqa: D102 - documented above
        ...
    @property
    def ema(self) -> float:  # noqa: D102 - documented above
        ...
    @property
    def weight_decay(self) -> float:  # noqa: D102 - documented above
        ...


Loss = Callable[[TimeNetwork, torch.Tensor, torch.Tensor], torch.Tensor]


def train_network(
    network: TimeNetwork,
    rows: tuple[torch.Tensor, torch.Tensor],
    *,
    loss: Loss,
    recipe: Recipe,
    context: FitContext,
    where: str,
) -> TimeNetwork:
    """Train a network on random batches; return a copy whose weights are moving averages over the steps.

    ``rows`` are training rows x_NY and their condition codes c_NK. ``loss`` returns the mean loss over a batch. The
    function reports the mean loss about `REPORTS` times. Error messages begin with ``where``, such as
    ``generator 'tabddpm'``.

    Raises:
        ConfigError: the loss is not finite.
    """
    x_NY, c_NK = rows
    averaged = copy.deepcopy(network).requires_grad_(False)
    weights: list[torch.Tensor] = list(network.parameters())
    averages: list[torch.Tensor] = list(averaged.parameters())
    optimizer = torch.optim.AdamW(weights, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True)
    every, total, since = max(1, recipe.steps // REPORTS), torch.zeros((), device=x_NY.device), 0
    for step in range(1, recipe.steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * (1 - (step - 1) / recipe.steps)
        batch = torch.randint(len(x_NY), (recipe.batch_size,), generator=context.torch, device=x_NY.device)
        value = loss(network, x_NY[batch], c_NK[batch])
        optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]  # torch's
        optimizer.step()
        decay = min(recipe.ema, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(averages, weights, 1 - decay)
        total += value.detach()
        since += 1
        if step % every == 0 or step == recipe.steps:
            mean = total.item() / since  # the only time that the host waits for the device
            if not math.isfinite(mean):
                raise ConfigError(
                    f"{where}: the loss is {mean} at step {step}, expected a finite number; "
                    f"lower learning_rate ({recipe.learning_rate})"
                )
            context.report(step, recipe.steps, loss=mean)
            total.zero_()
            since = 0
    return averaged.eval()
