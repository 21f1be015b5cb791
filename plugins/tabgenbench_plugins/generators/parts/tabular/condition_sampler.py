"""Conditions that CTGAN draws in training, and real rows with them.

The condition columns are combined into one discrete column. CTGAN trains by sampling (Xu et al. 2019, section 4.3): it
draws a value of that column by the logarithm of its frequency, and a real row with that value.
"""

from __future__ import annotations

import torch

__all__ = ["ConditionSampler"]


class ConditionSampler:
    """Draws values of the condition and real rows with these values, on the device, for a whole epoch at once.

    Args:
        codes_N: the condition of each training row.
        n_values: K, number of values; each has at least one row.
        log_frequency: draw values with probability proportional to log(1 + count) instead of count.
        generator: random generator.
    """

    def __init__(
        self, codes_N: torch.Tensor, n_values: int, *, log_frequency: bool, generator: torch.Generator
    ) -> None:
        self.n_values, self.generator = n_values, generator
        self.counts_K = torch.bincount(codes_N, minlength=n_values)
        self.rows_N = torch.argsort(codes_N, stable=True)
        self.starts_K = self.counts_K.cumsum(0) - self.counts_K
        weights = self.counts_K.float()
        self.weights_K = torch.log1p(weights) if log_frequency else weights

    def values(self, n_steps: int, batch: int) -> torch.Tensor:
        """Draw values, shape (n_steps, batch), int64."""
        drawn = torch.multinomial(self.weights_K, n_steps * batch, replacement=True, generator=self.generator)
        return drawn.view(n_steps, batch)

    def rows(self, values: torch.Tensor) -> torch.Tensor:
        """Draw a row of each value, uniformly; same shape."""
        uniform = torch.rand(values.shape, generator=self.generator, device=values.device, dtype=torch.float64)
        counts = self.counts_K[values]
        within = torch.minimum((uniform * counts).long(), counts - 1)
        return self.rows_N[self.starts_K[values] + within]

    def shuffled(self, values: torch.Tensor) -> torch.Tensor:
        """Return the values of each step in random order, so that real and generated rows have different orders."""
        keys = torch.rand(values.shape, generator=self.generator, device=values.device)
        return values.gather(1, keys.argsort(dim=1))
