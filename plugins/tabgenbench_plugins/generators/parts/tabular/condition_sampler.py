"""Random values of discrete columns, and real rows with these values, for the training of CTGAN.

For each row of a training step, CTGAN (Xu et al. 2019, section 4.3) draws a discrete column uniformly, then a value of
this column with probability proportional to log(1 + number of rows with this value), and then a real row with this
value. The values of the first discrete column are the combinations of condition values. The further discrete columns
are the categorical features. Values are numbered consecutively over all columns.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

__all__ = ["ConditionSampler"]


class ConditionSampler:
    """Draws values of discrete columns, and real rows with these values.

    Args:
        codes_NJ: the discrete columns of the training rows as codes from 0.
        n_categories: number of values of each discrete column; each value occurs in a row. Without discrete columns,
            all rows share one value.
        log_frequency: whether the probability of a value is proportional to log(1 + count) instead of its count.
        generator: random generator.
    """

    def __init__(
        self, codes_NJ: torch.Tensor, n_categories: Sequence[int], *, log_frequency: bool, generator: torch.Generator
    ) -> None:
        self.generator = generator
        if not n_categories:
            codes_NJ, n_categories = codes_NJ.new_zeros(len(codes_NJ), 1), (1,)
        columns = list(zip(codes_NJ.T, n_categories, strict=True))
        counts = [torch.bincount(codes_N, minlength=n) for codes_N, n in columns]
        self.counts_K = torch.cat(counts)
        self.rows = torch.cat([torch.argsort(codes_N, stable=True) for codes_N, _ in columns])
        self.starts_K = self.counts_K.cumsum(0) - self.counts_K
        weights = [torch.log1p(count.float()) if log_frequency else count.float() for count in counts]
        # Weights are scaled to equal totals, so that each column is drawn equally often.
        self.weights_K = torch.cat([weight * (weights[0].sum() / weight.sum()) for weight in weights])

    def values(self, n_steps: int, batch: int) -> torch.Tensor:
        """Draw values of discrete columns for all steps of an epoch, shape (n_steps, batch), int64."""
        drawn = torch.multinomial(self.weights_K, n_steps * batch, replacement=True, generator=self.generator)
        return drawn.view(n_steps, batch)

    def rows_with(self, values: torch.Tensor) -> torch.Tensor:
        """Return, for each entry of ``values``, the position of a random real row with this value, in that shape."""
        uniform = torch.rand(values.shape, generator=self.generator, device=values.device, dtype=torch.float64)
        counts = self.counts_K[values]
        within = torch.minimum((uniform * counts).long(), counts - 1)
        return self.rows[self.starts_K[values] + within]

    def shuffled(self, values: torch.Tensor) -> torch.Tensor:
        """Return ``values`` in random order within each step; the critic gets real rows with these values."""
        keys = torch.rand(values.shape, generator=self.generator, device=values.device)
        return values.gather(1, keys.argsort(dim=1))
