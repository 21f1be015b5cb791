"""With the same weights, noise and dropout, the networks compute the same values as the package's modules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from tabgenbench_plugins.generators.parts.tabular.networks import Critic, RowGenerator

PAC, N_PACKS = 5, 6


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def critic_width(layout: Any) -> int:
    """Entries of a row and of the requested value."""
    return int(layout.width + sum(layout.n_categories))


class FixedDropout(nn.Module):
    """Multiplies by given masks, one per call."""

    def __init__(self, masks: list[torch.Tensor]) -> None:
        super().__init__()
        self.masks: Iterator[torch.Tensor] = iter(masks)

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        return value * next(self.masks)


@pytest.fixture
def critics(layout: Any, pack_order: Any, copy_linear: Any) -> tuple[Any, Critic]:
    """The package's critic and ours with the same weights, float64."""
    module = pytest.importorskip("ctgan.synthesizers.ctgan")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        theirs = module.Discriminator(critic_width(layout), (16, 12), pac=PAC).double()
    ours = Critic(critic_width(layout), (16, 12), PAC, seeded()).double()
    linears = [layer for layer in theirs.seq if isinstance(layer, nn.Linear)]
    copy_linear(linears[0], ours.first, columns=pack_order(PAC))
    for source, target in zip(linears[1:], ours.tail, strict=True):
        copy_linear(source, target)
    return theirs, ours


def use_masks(theirs: Any, masks: list[torch.Tensor]) -> None:
    """Apply the dropout masks of our critic to the package's critic, in the order of its calls."""
    for position, mask in zip((2, 5), masks, strict=True):
        parts = list(mask.split(N_PACKS))
        real, fake, mixed = parts if len(parts) == 3 else (None, parts[0], None)
        theirs.seq[position] = FixedDropout([part for part in (fake, real, mixed) if part is not None])


def check_gradients(theirs: Any, ours: Critic, order: torch.Tensor) -> None:
    linears = [layer for layer in theirs.seq if isinstance(layer, nn.Linear)]
    torch.testing.assert_close(ours.first.weight.grad, linears[0].weight.grad[:, order], rtol=0, atol=1e-10)
    for source, target in zip(linears, [ours.first, *ours.tail], strict=True):
        torch.testing.assert_close(target.bias.grad, source.bias.grad, rtol=0, atol=1e-10)
        if target is not ours.first:
            torch.testing.assert_close(target.weight.grad, source.weight.grad, rtol=0, atol=1e-10)


def test_critic_step_has_the_packages_losses_and_gradients(critics: Any, layout: Any, pack_order: Any) -> None:
    theirs, ours = critics
    order = pack_order(PAC)[: critic_width(layout)]
    n = PAC * N_PACKS
    real, fake = (torch.randn(n, critic_width(layout), generator=seeded(s), dtype=torch.float64) for s in (1, 2))
    masks = ours.masks(3 * N_PACKS, seeded(4))
    use_masks(theirs, masks)
    fake.requires_grad_()  # as the generator's output does
    y_fake, y_real = theirs(fake), theirs(real)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(8)
        penalty = theirs.calc_gradient_penalty(real, fake, "cpu", PAC)
        torch.manual_seed(8)
        alpha = torch.rand(N_PACKS, 1, 1).view(-1, 1).double()
    wasserstein = -(y_real.mean() - y_fake.mean())
    penalty.backward(retain_graph=True)
    wasserstein.backward()
    rows = torch.cat([real[:, order], fake.detach()[:, order], torch.full_like(real, torch.nan)])
    losses = ours.losses_and_gradients(rows, alpha, masks, 10.0)
    assert losses.wasserstein.item() == pytest.approx(wasserstein.item(), rel=1e-6, abs=1e-9)
    assert losses.penalty.item() == pytest.approx(penalty.item(), rel=1e-6)
    check_gradients(theirs, ours, pack_order(PAC))


def test_a_second_critic_step_does_not_add_to_the_gradients_of_the_first(critics: Any, layout: Any) -> None:
    _, ours = critics
    rows = torch.randn(3 * PAC * N_PACKS, critic_width(layout), generator=seeded(1), dtype=torch.float64)
    alpha, masks = torch.rand(N_PACKS, 1, generator=seeded()).double(), ours.masks(3 * N_PACKS, seeded(4))
    gradients = []
    for _ in range(2):
        ours.losses_and_gradients(rows, alpha, masks, 10.0)
        gradients.append([p.grad.clone() for p in ours.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_a_critic_that_sees_nothing_has_a_finite_penalty(critics: Any, layout: Any) -> None:
    _, ours = critics
    rows = torch.randn(3 * PAC * N_PACKS, critic_width(layout), generator=seeded(1), dtype=torch.float64)
    masks = [torch.zeros_like(mask) for mask in ours.masks(3 * N_PACKS, seeded(4))]
    losses = ours.losses_and_gradients(rows, torch.full((N_PACKS, 1), 0.5).double(), masks, 10.0)
    assert losses.penalty.item() == pytest.approx(10.0)
    assert all(bool(torch.isfinite(p.grad).all()) for p in ours.parameters())


def test_generated_rows_get_the_packages_loss_and_gradient(critics: Any, layout: Any, pack_order: Any) -> None:
    theirs, ours = critics
    order = pack_order(PAC)[: critic_width(layout)]
    fake = torch.randn(
        PAC * N_PACKS, critic_width(layout), generator=seeded(2), dtype=torch.float64, requires_grad=True
    )
    masks = ours.masks(N_PACKS, seeded(4))
    use_masks(theirs, masks)
    expected = -theirs(fake).mean()
    expected.backward()
    loss, gradient = ours.loss_and_input_gradient(fake.detach()[:, order], masks)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-9)
    assert fake.grad is not None
    torch.testing.assert_close(gradient, fake.grad[:, order], rtol=0, atol=1e-12)


def test_dropout_keeps_half_and_doubles_it() -> None:
    masks = Critic(4, (64, 32), 2, seeded()).masks(500, seeded(1))
    assert [tuple(mask.shape) for mask in masks] == [(500, 64), (500, 32)]
    for mask in masks:
        assert set(mask.unique().tolist()) == {0.0, 2.0}
        assert mask.mean().item() == pytest.approx(1.0, abs=0.03)


def test_row_generator_gives_the_packages_logits(copy_linear: Any) -> None:
    module = pytest.importorskip("ctgan.synthesizers.ctgan")
    with torch.random.fork_rng(devices=[]):
        theirs = module.Generator(9, (16, 8), 30).double()
    ours = RowGenerator(9, (16, 8), 30, seeded()).double()
    for layer, target in zip(theirs.seq, [*ours.linears, ours.out], strict=True):
        copy_linear(getattr(layer, "fc", layer), target)
    z = torch.randn(20, 9, generator=seeded(1), dtype=torch.float64)
    torch.testing.assert_close(ours(z), theirs(z), rtol=0, atol=1e-12)
