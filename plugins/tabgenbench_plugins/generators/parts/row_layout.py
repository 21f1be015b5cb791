"""Rows of a mixed table as vectors: numeric features, then the one-hot codes of each categorical feature.

N rows   F numeric features   C categorical features   V one-hot codes of all C features   Y = F + V
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from tabgenbench import ConditionCodes, Table
from tabgenbench_plugins.generators.parts.nn import one_hot

__all__ = ["RowLayout", "gumbel_noise"]

TEMPERATURE = 0.2  # of the Gumbel-softmax; a lower one gives values nearer to one-hot codes


@dataclass(frozen=True)
class RowLayout:
    """Positions of the features in the vector of a row.

    Attributes:
        n_features: F.
        n_values: number of categories of each categorical feature; empty for a numeric table.
        gaps: for each numeric feature with missing values, the position of the feature and the position of the code
            that is 1 if the value is missing.
    """

    n_features: int
    n_values: tuple[int, ...] = ()
    gaps: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, train: Table, categories: ConditionCodes) -> RowLayout:
        """Return the layout for a table of training rows."""
        starts = [train.n_features + sum(categories.n_categories[:j]) for j in range(len(categories.columns))]
        gaps = []
        for gap in train.schema.numeric_gaps():
            j = categories.columns.index(gap.shown_by)
            if gap.value in categories.categories[j]:
                gaps.append((train.features.index(gap.column), starts[j] + categories.categories[j].index(gap.value)))
        return cls(train.n_features, categories.n_categories, tuple(gaps))

    @property
    def width(self) -> int:
        """Length of the vector, Y."""
        return self.n_features + sum(self.n_values)

    def encode(self, x_NF: torch.Tensor, codes_NC: torch.Tensor) -> torch.Tensor:
        """Return the rows as vectors, shape (N, Y); for a numeric table, return ``x_NF``."""
        return torch.cat([x_NF, one_hot(codes_NC, self.n_values)], dim=1) if self.n_values else x_NF

    def blocks(self, y_NY: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return a view of the codes or logits of each categorical feature, shape (N, number of categories)."""
        return torch.split(y_NY[:, self.n_features :], list(self.n_values), dim=1) if self.n_values else ()

    def has_value(self, y_NY: torch.Tensor) -> torch.Tensor | None:
        """Return 1 for numeric values and 0 for missing values, shape (N, F); None if no value can be missing."""
        if not self.gaps:
            return None
        present_NF = torch.ones_like(y_NY[:, : self.n_features])
        for feature, shown_by in self.gaps:
            present_NF[:, feature] -= y_NY[:, shown_by]
        return present_NF

    def draw(self, output_NY: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Sample a category of each feature from the softmax of its logits, shape (N, C), by the Gumbel-max trick."""
        drawn = [(block + gumbel_noise(block, generator)).argmax(dim=1) for block in self.blocks(output_NY)]
        return torch.stack(drawn, dim=1) if drawn else output_NY.new_zeros((len(output_NY), 0), dtype=torch.int64)

    def soften(self, output_NY: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Replace logits by a differentiable approximation of sampled one-hot codes, shape (N, Y).

        Gumbel-softmax (Jang et al. 2017): softmax of (logits + Gumbel noise) / `TEMPERATURE`. Numeric features are
        unchanged. Rows of a numeric table are returned unchanged, without drawing noise.
        """
        if not self.n_values:
            return output_NY
        parts = [output_NY[:, : self.n_features]]
        for logits in self.blocks(output_NY):
            parts.append(torch.softmax((logits + gumbel_noise(logits, generator)) / TEMPERATURE, dim=1))
        return torch.cat(parts, dim=1)

    def soften_backward(self, soft_NY: torch.Tensor, gradient_NY: torch.Tensor) -> torch.Tensor:
        """Return the gradient of a loss w.r.t. the input of `soften`, given the gradient w.r.t. its result.

        For s = softmax(l / τ) and the gradient g w.r.t. s, the gradient w.r.t. l is s (g - Σ s g) / τ.
        """
        if not self.n_values:
            return gradient_NY
        parts = [gradient_NY[:, : self.n_features]]
        for soft, gradient in zip(self.blocks(soft_NY), self.blocks(gradient_NY), strict=True):
            parts.append(soft * (gradient - (soft * gradient).sum(dim=1, keepdim=True)) / TEMPERATURE)
        return torch.cat(parts, dim=1)


def gumbel_noise(like: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return draws from the standard Gumbel distribution, in the shape of a tensor and on its device."""
    return -torch.empty_like(like).exponential_(generator=generator).log()
