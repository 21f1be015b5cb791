"""Operations over all columns at once give the same results as the package's loops over columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from tabgenbench_plugins.generators.parts.tabular.blocks import Blocks
from tabgenbench_plugins.generators.parts.tabular.layout import Layout

Encode = Callable[..., torch.Tensor]
SIZES = st.lists(st.integers(1, 6), min_size=0, max_size=12)


def normal(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(deadline=None)
@given(SIZES, st.lists(st.integers(1, 4), min_size=0, max_size=2))
def test_arranging_and_restoring_are_inverse(modes: list[int], categories: list[int]) -> None:
    layout = Layout(tuple(modes), tuple(categories))
    blocks = Blocks.of(layout)
    x = normal(3, layout.width)
    assert torch.equal(blocks.restore(blocks.arrange(x)), x)
    assert sorted(blocks.order.tolist()) == list(range(layout.width))
    assert blocks.width == layout.width


@settings(deadline=None)
@given(SIZES.filter(bool))
def test_each_view_holds_whole_blocks_of_the_layout(modes: list[int]) -> None:
    layout = Layout(tuple(modes), (3,))
    blocks = Blocks.of(layout)
    block_of = torch.full((layout.width,), -1)
    block_of[torch.from_numpy(layout.one_hot_index)] = torch.from_numpy(layout.block_of)
    seen = []
    for (view,) in blocks.views(blocks.arrange(block_of[None])):
        assert bool((view == view[:, :1]).all())
        seen += view[0, 0].tolist()
    assert sorted(seen) == list(range(layout.n_blocks))


def test_a_discrete_column_lies_where_it_says() -> None:
    layout = Layout((2, 3), (4, 2))
    blocks = Blocks.of(layout)
    for column in range(2):
        start = int(layout.block_starts[2 + column])
        expected = list(range(start, start + layout.n_categories[column]))
        assert blocks.order[blocks.discrete(column)].tolist() == expected


def test_activations_are_the_packages_for_the_same_noise(layout: Layout, package_model: Any) -> None:
    blocks, logits = Blocks.of(layout), normal(40, layout.width)
    package_logits = logits.clone().requires_grad_()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        expected = package_model._apply_activate(package_logits)
        torch.manual_seed(5)
        exponential = torch.ones_like(logits)
        for start, size in zip(layout.block_starts, layout.block_sizes, strict=True):
            exponential[:, start : start + size] = torch.empty(40, size, dtype=torch.float64).exponential_()
    condition, weights = normal(40, 3, seed=2), normal(40, layout.width + 3, seed=3)
    noise = blocks.arrange(exponential.log())[:, blocks.n_scalars :]
    y = blocks.activate(blocks.arrange(logits), noise, condition)
    torch.testing.assert_close(blocks.restore(y[:, : blocks.width].contiguous()), expected.detach(), rtol=0, atol=1e-9)
    assert torch.equal(y[:, blocks.width :], condition)
    (expected * blocks.restore(weights[:, : blocks.width].contiguous())).sum().backward()
    gradient = blocks.restore(blocks.activation_gradient(y, weights))
    torch.testing.assert_close(gradient, package_logits.grad, rtol=0, atol=1e-9)


def test_reconstruction_loss_and_gradients_are_the_packages(layout: Layout, encode: Encode, package_spans: Any) -> None:
    tvae = pytest.importorskip("ctgan.synthesizers.tvae")
    blocks, x, output = Blocks.of(layout), encode(layout, 30), normal(30, layout.width) * 3
    sigma = torch.linspace(0.02, 0.9, layout.width, dtype=torch.float64).requires_grad_()
    package_output = output.clone().requires_grad_()
    zero = torch.zeros(30, 4, dtype=torch.float64)
    expected, _ = tvae._loss_function(package_output, x, sigma, zero, zero, package_spans(layout), 2)
    expected.backward()
    scalars = torch.from_numpy(layout.scalar_index)
    found = blocks.reconstruction(blocks.arrange(output), blocks.arrange(x), sigma.detach()[scalars], 2.0)
    assert found.loss.item() == pytest.approx(expected.item(), rel=1e-12)
    torch.testing.assert_close(blocks.restore(found.output_ND), package_output.grad, rtol=0, atol=1e-9)
    assert sigma.grad is not None
    torch.testing.assert_close(found.sigma_C, sigma.grad[scalars], rtol=1e-9, atol=1e-9)


def test_reconstruction_stays_finite_for_extreme_outputs(layout: Layout, encode: Encode) -> None:
    blocks, x = Blocks.of(layout), encode(layout, 8).float()
    output = 1e4 * normal(8, layout.width).float()
    found = blocks.reconstruction(output, blocks.arrange(x), torch.full((layout.n_continuous,), 0.1), 2.0)
    assert all(torch.isfinite(part).all() for part in found)


def test_condition_loss_and_gradient_are_the_packages(layout: Layout, package_model: Any) -> None:
    blocks, logits = Blocks.of(layout), normal(25, layout.width)
    values = torch.arange(25) % sum(layout.n_categories)
    package_logits = logits.clone().requires_grad_()
    one_hot = functional.one_hot(values, sum(layout.n_categories)).double()
    is_asked = torch.stack([part.sum(dim=1) for part in one_hot.split(layout.n_categories, dim=1)], dim=1)
    expected = package_model._cond_loss(package_logits, one_hot, is_asked)
    expected.backward()
    loss, gradient = blocks.condition_loss(blocks.arrange(logits), values)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)
    whole = torch.zeros_like(logits)
    whole[:, blocks.discrete_entries] = gradient
    torch.testing.assert_close(blocks.restore(whole), package_logits.grad, rtol=0, atol=1e-12)


def test_noise_is_gumbels() -> None:
    blocks = Blocks.of(Layout((10,) * 50, ()))
    gumbel = -blocks.gumbel_noise(400, torch.Generator().manual_seed(0)).double().numpy()
    assert gumbel.shape == (400, 500)
    assert np.isfinite(gumbel).all()
    assert gumbel.mean() == pytest.approx(np.euler_gamma, abs=0.01)
    assert gumbel.var() == pytest.approx(np.pi**2 / 6, abs=0.02)
    for quantile in (0.001, 0.5, 0.999):
        assert np.quantile(gumbel, quantile) == pytest.approx(-np.log(-np.log(quantile)), abs=0.15)
