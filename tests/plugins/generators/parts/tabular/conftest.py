"""A small layout, encoded rows of it, and modules of the package with the same state as ours."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tabgenbench_plugins.generators.parts.tabular.blocks import Blocks
from tabgenbench_plugins.generators.parts.tabular.layout import Layout


@pytest.fixture(params=[(3,), (3, 4, 1, 2)], ids=["numeric", "mixed"])
def layout(request: pytest.FixtureRequest) -> Layout:
    """Columns with one, two, three or five modes, a condition of three values, and possibly categorical features."""
    return Layout((3, 1, 5, 3, 2, 1, 5, 4, 2), request.param)


@pytest.fixture
def encode() -> Callable[..., torch.Tensor]:
    """Make encoded rows of a layout, float64: scalars in ±0.99 and one-hots."""

    def make(layout: Layout, n_rows: int, seed: int = 0) -> torch.Tensor:
        rng = np.random.default_rng(seed)
        x = np.zeros((n_rows, layout.width))
        x[:, layout.scalar_index] = rng.uniform(-0.99, 0.99, (n_rows, layout.n_continuous))
        for start, size in zip(layout.block_starts, layout.block_sizes, strict=True):
            x[np.arange(n_rows), start + rng.integers(size, size=n_rows)] = 1.0
        return torch.from_numpy(x)

    return make


@pytest.fixture
def package_spans() -> Callable[[Layout], list[list[Any]]]:
    """Return a layout in the package's format."""
    transformer = pytest.importorskip("ctgan.data_transformer")

    def make(layout: Layout) -> list[list[Any]]:
        span = transformer.SpanInfo
        modes = [[span(1, "tanh"), span(m, "softmax")] for m in layout.n_modes]
        return [*modes, *([span(k, "softmax")] for k in layout.n_categories)]

    return make


@pytest.fixture
def package_model(layout: Layout, package_spans: Any) -> Any:
    """A CTGAN of the package that has only the layout."""
    model = pytest.importorskip("ctgan").CTGAN(enable_gpu=False)
    model._transformer = SimpleNamespace(output_info_list=package_spans(layout))
    return model


@pytest.fixture
def copy_linear() -> Callable[..., None]:
    """Copy a linear layer into another, with rows and columns in another order."""

    def copy(
        source: nn.Linear, target: nn.Linear, *, rows: torch.Tensor | None = None, columns: torch.Tensor | None = None
    ) -> None:
        with torch.no_grad():
            weight, bias = source.weight, source.bias
            if rows is not None:
                weight, bias = weight[rows], bias[rows]
            target.weight.copy_(weight if columns is None else weight[:, columns])
            target.bias.copy_(bias)

    return copy


@pytest.fixture
def pack_order(layout: Layout) -> Callable[[int], torch.Tensor]:
    """Return the position in the package's order of each entry of a pack of arranged rows and requested values."""

    def make(pac: int) -> torch.Tensor:
        K = sum(layout.n_categories)
        row = torch.cat([Blocks.of(layout).order, torch.arange(layout.width, layout.width + K)])
        return torch.cat([row + i * (layout.width + K) for i in range(pac)])

    return make
