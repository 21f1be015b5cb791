"""Shapes of the parameters of a `ConditionalMLP`, computed without torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

__all__ = ["embedding_width", "parameter_count", "parameter_shapes"]


def embedding_width(n_categories: int) -> int:
    """Return the width of the embedding of a condition column, given its number of categories."""
    return math.isqrt(n_categories) + 1


def parameter_shapes(
    n_in: int, n_out: int, hidden: Sequence[int], n_categories: Sequence[int]
) -> list[tuple[int, ...]]:
    """Return the shapes of the parameters: embeddings, then weight and bias of each layer."""
    dims = [embedding_width(n) for n in n_categories]
    shapes: list[tuple[int, ...]] = list(zip(n_categories, dims, strict=True))
    for before, after in pairwise((n_in + sum(dims), *hidden, n_out)):
        shapes += [(after, before), (after,)]
    return shapes


def parameter_count(n_in: int, n_out: int, hidden: Sequence[int], n_categories: Sequence[int]) -> int:
    """Return the number of parameters of a `ConditionalMLP`."""
    return sum(math.prod(shape) for shape in parameter_shapes(n_in, n_out, hidden, n_categories))
