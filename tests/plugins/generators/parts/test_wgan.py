"""The networks of the WGAN-GP: their gradients against autograd, their initial values, their optimiser."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from torch.nn import functional

from tabgenbench_plugins.generators.parts.wgan import ConditionalMLP, RMSprop
from tabgenbench_plugins.generators.parts.wgan_shapes import embedding_width, parameter_count

CATEGORIES = (4, 2)


def network(
    n_in: int, n_out: int, hidden: Sequence[int] = (9, 8), categories: Sequence[int] = CATEGORIES
) -> ConditionalMLP:
    made = ConditionalMLP(n_in, n_out, hidden, categories, torch.Generator().manual_seed(3))
    for bias in made.biases:  # with zero biases, an error in their gradients would not show
        bias.uniform_(-0.3, 0.3, generator=torch.Generator().manual_seed(4))
    return made


def codes(n: int, categories: Sequence[int] = CATEGORIES) -> torch.Tensor:
    blocks = [torch.eye(k)[(torch.arange(n) * (j + 1)) % k] for j, k in enumerate(categories)]
    return torch.cat([torch.zeros(n, 0), *blocks], dim=1)


def reference(net: ConditionalMLP, values: torch.Tensor, x: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
    """The network in plain torch, its parameters read from one vector."""
    tables, weights, biases = (
        [values.as_strided(own.shape, own.stride(), own.storage_offset()) for own in group]
        for group in (net.tables, net.weights, net.biases)
    )
    blocks = c.split(list(net.n_categories), dim=1) if net.n_categories else ()
    h = torch.cat([x, *(block @ table for block, table in zip(blocks, tables, strict=True))], dim=1)
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        h = torch.relu(functional.linear(h, weight, bias))
    return functional.linear(h, weights[-1], biases[-1])


@pytest.mark.parametrize("hidden", [(11,), (9, 8), (7, 6, 5)])
@pytest.mark.parametrize("categories", [CATEGORIES, (3,), ()])
def test_a_critic_step_is_what_autograd_gives_twice_through(
    hidden: tuple[int, ...], categories: tuple[int, ...]
) -> None:
    n, f, weight = 6, 5, 10.0
    critic = network(f, 1, hidden, categories)
    draw = torch.Generator().manual_seed(1)
    real, fake = torch.randn(n, f, generator=draw), 2 * torch.randn(n, f, generator=draw)
    share, c = torch.rand(n, 1, generator=draw), codes(n, categories)
    for _ in range(2):  # the second call reuses buffers
        distance, penalty = critic.critic_backward((real, fake), c, share, weight=weight)

    values = critic.values.clone().requires_grad_()
    between = (share * real + (1 - share) * fake).requires_grad_()
    slope = torch.autograd.grad(reference(critic, values, between, c).sum(), between, create_graph=True)[0]
    expected_penalty = ((slope.norm(dim=1) - 1) ** 2).mean()
    expected_distance = reference(critic, values, real, c).mean() - reference(critic, values, fake, c).mean()
    (weight * expected_penalty - expected_distance).backward()  # type: ignore[no-untyped-call]  # torch's
    assert distance.item() == pytest.approx(expected_distance.item(), rel=1e-5, abs=1e-6)
    assert penalty.item() == pytest.approx(expected_penalty.item(), rel=1e-5)
    assert values.grad is not None
    assert values.grad.abs().max() > 0.1
    torch.testing.assert_close(critic.gradients, values.grad, rtol=1e-5, atol=1e-5)


def test_a_generator_step_is_what_autograd_gives() -> None:
    n, z, f = 7, 3, 5
    generator, critic = network(z, f), network(f, 1, (6, 4))
    noise, c = torch.randn(n, z, generator=torch.Generator().manual_seed(2)), codes(n)
    layers = generator.hidden_layers(noise, c)
    judged = critic.hidden_layers(generator.output(layers[-1]), c)
    generator.backward(layers, c, critic.input_gradient(judged) * (-1 / n))

    values = generator.values.clone().requires_grad_()
    loss = -reference(critic, critic.values, reference(generator, values, noise, c), c).mean()
    loss.backward()  # type: ignore[no-untyped-call]  # torch's
    assert values.grad is not None
    torch.testing.assert_close(generator.gradients, values.grad, rtol=1e-5, atol=1e-6)
    assert -critic.output(judged[-1]).mean().item() == pytest.approx(loss.item(), rel=1e-5)
    assert torch.equal(generator(noise, c), generator.output(layers[-1]))


def test_a_critic_that_is_off_everywhere_gives_finite_gradients() -> None:
    critic = network(5, 1)
    critic.biases[0].fill_(-100.0)  # no unit of the first layer is active: the gradient by the input is 0
    rows = torch.ones(4, 5), torch.zeros(4, 5)
    terms = critic.critic_backward(rows, codes(4), torch.full((4, 1), 0.5), weight=10.0)
    assert terms.penalty.item() == 1.0
    assert torch.isfinite(critic.gradients).all()


def test_initial_values_are_keras_own() -> None:
    net = ConditionalMLP(300, 200, (256, 128), (15, 2), torch.Generator().manual_seed(0))
    assert [tuple(t.shape) for t in net.tables] == [(15, 4), (2, 2)]
    assert [tuple(w.shape) for w in net.weights] == [(256, 306), (128, 256), (200, 128)]
    assert all(0.02 < t.abs().max() <= 0.05 for t in net.tables)
    for weight in net.weights:
        bound = math.sqrt(6 / sum(weight.shape))
        assert 0.999 * bound < weight.abs().max() <= bound
        assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.02)
    assert not any(bias.any() for bias in net.biases)
    assert len(net.values) == parameter_count(300, 200, (256, 128), (15, 2))


@pytest.mark.parametrize(("n_categories", "width"), [(1, 2), (2, 2), (3, 2), (4, 3), (15, 4), (16, 5)])
def test_width_of_an_embedding(n_categories: int, width: int) -> None:
    assert embedding_width(n_categories) == width


def test_rmsprop_is_torchs_with_keras_constants() -> None:
    net = network(5, 1)
    values = net.values.clone().requires_grad_()
    expected = torch.optim.RMSprop([values], lr=5e-4, alpha=0.9, eps=1e-7)
    optimizer = RMSprop(net, 5e-4)
    draw = torch.Generator().manual_seed(8)
    for _ in range(20):
        net.gradients.copy_(torch.randn(len(values), generator=draw))
        values.grad = net.gradients.clone()
        optimizer.step()
        expected.step()
    torch.testing.assert_close(net.values, values.detach(), rtol=1e-6, atol=1e-7)


def test_first_step_of_rmsprop_by_hand() -> None:
    net = network(5, 1)
    before = net.values.clone()
    net.gradients.fill_(-2.0)
    RMSprop(net, 0.01).step()
    # square = 0.1 · 4, so the step is 0.01 · 2 / √0.4.
    torch.testing.assert_close(net.values - before, torch.full_like(before, 0.02 / math.sqrt(0.4)), rtol=1e-4, atol=0)


@pytest.mark.gpu
def test_steps_do_not_wait_for_the_device() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    draw = torch.Generator().manual_seed(0)
    generator, critic = (ConditionalMLP(a, b, (16,), CATEGORIES, draw, device="cuda") for a, b in ((3, 5), (5, 1)))
    optimizers = RMSprop(generator, 1e-3), RMSprop(critic, 1e-3)
    c, real = codes(8).cuda(), torch.randn(8, 5).cuda()
    torch.cuda.set_sync_debug_mode("error")
    try:
        noise, share = torch.randn(8, 3, device="cuda"), torch.rand(8, 1, device="cuda")
        terms = critic.critic_backward((real, generator(noise, c)), c, share, weight=10.0)
        optimizers[1].step()
        layers = generator.hidden_layers(noise, c)
        judged = critic.hidden_layers(generator.output(layers[-1]), c)
        generator.backward(layers, c, critic.input_gradient(judged))
        optimizers[0].step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.isfinite(torch.stack(terms)).all()
