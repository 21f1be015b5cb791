"""Complete steps, compared with the package's modules and torch's plain Adam, and the definition of an epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from tabgenbench import ConfigError, FitContext
from tabgenbench_plugins.generators.parts.tabular.blocks import Blocks
from tabgenbench_plugins.generators.parts.tabular.condition_sampler import ConditionSampler
from tabgenbench_plugins.generators.parts.tabular.layout import Layout
from tabgenbench_plugins.generators.parts.tabular.networks import Critic, Decoder, Encoder, RowGenerator
from tabgenbench_plugins.generators.parts.tabular.training import (
    AdversarialTraining,
    AutoencoderTraining,
    ConditionalRows,
    report_losses,
)

PAC, BATCH, Z = 5, 20, 6
Encode = Callable[..., torch.Tensor]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def autoencoder(layout: Layout, x: torch.Tensor, *, batch: int = 500) -> AutoencoderTraining:
    blocks = Blocks.of(layout)
    encoder = Encoder(layout.width, (16, 12), Z, seeded(1)).to(x.dtype)
    decoder = Decoder(Z, (12, 16), n_out=layout.width, n_scalars=layout.n_continuous, generator=seeded(2)).to(x.dtype)
    training = AutoencoderTraining(encoder, decoder, blocks, blocks.arrange(x), seeded(3), batch, Z, 2.0)
    training.optimizer(1e-5)
    return training


def adversarial(layout: Layout, x: torch.Tensor) -> AdversarialTraining:
    blocks, K = Blocks.of(layout), sum(layout.n_categories)
    codes_NJ = torch.stack([part.argmax(dim=1) for part in x[:, -K:].split(layout.n_categories, dim=1)], dim=1)
    rows = ConditionalRows(RowGenerator(Z + K, (16, 8), layout.width, seeded(1)).to(x.dtype), blocks, Z, K)
    critic = Critic(layout.width + K, (16, 12), PAC, seeded(2)).to(x.dtype)
    draws = seeded(3)
    conditions = ConditionSampler(codes_NJ, layout.n_categories, log_frequency=True, generator=draws)
    training = AdversarialTraining(rows, critic, blocks.arrange(x), conditions, draws, BATCH)
    training.optimizers(learning_rates=(2e-4, 3e-4), decays=(1e-6, 2e-6))
    return training


@pytest.fixture
def package_autoencoder(layout: Layout, copy_linear: Any) -> Callable[[AutoencoderTraining], tuple[Any, Any]]:
    """Create the package's encoder and decoder, and copy their weights to ours."""
    module = pytest.importorskip("ctgan.synthesizers.tvae")

    def make(training: AutoencoderTraining) -> tuple[Any, Any]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(4)
            encoder = module.Encoder(layout.width, (16, 12), Z).double()
            decoder = module.Decoder(Z, (12, 16), layout.width).double()
        order = training.blocks.order
        for position in (0, 2):
            columns = order if position == 0 else None
            copy_linear(encoder.seq[position], training.encoder.layers[position], columns=columns)
            copy_linear(decoder.seq[position], training.decoder.layers[position])
        copy_linear(encoder.fc1, training.encoder.mu)
        copy_linear(encoder.fc2, training.encoder.logvar)
        copy_linear(decoder.seq[4], training.decoder.out, rows=order)
        return encoder, decoder

    return make


def test_three_autoencoder_steps_are_the_packages(
    layout: Layout, encode: Encode, package_spans: Any, package_autoencoder: Any
) -> None:
    module = pytest.importorskip("ctgan.synthesizers.tvae")
    x = encode(layout, 40)
    training = autoencoder(layout, x)
    encoder, decoder = package_autoencoder(training)
    adam = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], weight_decay=1e-5)
    for step in range(3):
        noise = torch.randn(40, Z, generator=seeded(10 + step), dtype=torch.float64)
        mu, std, logvar = encoder(x)
        output, sigma = decoder(noise * std + mu)
        reconstruction, kl = module._loss_function(output, x, sigma, mu, logvar, package_spans(layout), 2)
        adam.zero_grad()
        (reconstruction + kl).backward()
        adam.step()
        decoder.sigma.data.clamp_(0.01, 1.0)
        losses = training.step(training.rows, noise)
        assert losses.tolist() == pytest.approx([reconstruction.item(), kl.item()], rel=1e-9)
    order, scalars = training.blocks.order, torch.from_numpy(layout.scalar_index)
    for ours, theirs in [
        (training.encoder.layers[0].weight, encoder.seq[0].weight[:, order]),
        (training.encoder.logvar.weight, encoder.fc2.weight),
        (training.decoder.layers[2].bias, decoder.seq[2].bias),
        (training.decoder.out.weight, decoder.seq[4].weight[order]),
        (training.decoder.out.bias, decoder.seq[4].bias[order]),
        (training.decoder.sigma, decoder.sigma[scalars]),
    ]:
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


def test_standard_deviations_stay_within_their_range(layout: Layout, encode: Encode) -> None:
    training = autoencoder(layout, encode(layout, 30).float())
    with torch.no_grad():
        training.decoder.sigma[0], training.decoder.sigma[1] = 5.0, 1e-6
    training.epoch()
    assert training.decoder.sigma.max().item() == 1.0
    assert training.decoder.sigma.min().item() == pytest.approx(0.01)


def test_an_autoencoder_epoch_sees_every_row_once_and_the_last_batch_as_it_is(
    layout: Layout, encode: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = autoencoder(layout, encode(layout, 25).float(), batch=10)
    seen: list[torch.Tensor] = []
    step = training.step
    monkeypatch.setattr(training, "step", lambda x, noise: (seen.append(x), step(x, noise))[1])
    training.epoch()
    assert [len(x) for x in seen] == [10, 10, 5]
    rows = {tuple(row) for row in torch.cat(seen).tolist()}
    assert rows == {tuple(row) for row in training.rows.tolist()}


def test_generator_gradients_are_the_packages(
    layout: Layout, encode: Encode, package_model: Any, pack_order: Any, copy_linear: Any
) -> None:
    module = pytest.importorskip("ctgan.synthesizers.ctgan")
    training = adversarial(layout, encode(layout, 50))
    rows, blocks, K = training.generated, training.generated.blocks, sum(layout.n_categories)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        generator = module.Generator(Z + K, (16, 8), layout.width).double()
        critic = module.Discriminator(layout.width + K, (16, 12), pac=PAC).double().eval()
    for layer, target in zip(generator.seq, [*rows.generator.linears, rows.generator.out], strict=True):
        copy_linear(getattr(layer, "fc", layer), target, rows=blocks.order if target is rows.generator.out else None)
    linears = [layer for layer in critic.seq if isinstance(layer, nn.Linear)]
    copy_linear(linears[0], training.critic.first, columns=pack_order(PAC))
    for source, target in zip(linears[1:], training.critic.tail, strict=True):
        copy_linear(source, target)
    values = torch.arange(BATCH) % K
    c = functional.one_hot(values, K).double()
    z = torch.cat([torch.randn(BATCH, Z, generator=seeded(6), dtype=torch.float64), c], dim=1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        logits = generator(z)
        fake = package_model._apply_activate(logits)
        torch.manual_seed(7)
        exponential = torch.ones_like(logits)
        for start, size in zip(layout.block_starts, layout.block_sizes, strict=True):
            exponential[:, start : start + size] = torch.empty(BATCH, size, dtype=torch.float64).exponential_()
    score = critic(torch.cat([fake, c], dim=1)).mean()
    is_asked = torch.stack([part.sum(dim=1) for part in c.split(layout.n_categories, dim=1)], dim=1)
    expected = -score + package_model._cond_loss(logits, c, is_asked)
    expected.backward()
    our_logits = rows.generator(z)
    noise = blocks.arrange(exponential.log())[:, blocks.n_scalars :]
    our_fake = blocks.activate(our_logits.detach(), noise, c)
    masks = [torch.ones_like(mask) for mask in training.critic.masks(BATCH // PAC, seeded())]
    loss = training.generator_loss_and_gradients(our_logits, our_fake, values, masks)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-9)
    for layer, ours in zip(generator.seq[:2], rows.generator.linears, strict=True):
        torch.testing.assert_close(ours.weight.grad, layer.fc.weight.grad, rtol=0, atol=1e-10)
    for layer, norm in zip(generator.seq[:2], rows.generator.norms, strict=True):
        torch.testing.assert_close(norm.weight.grad, layer.bn.weight.grad, rtol=0, atol=1e-10)
    out = generator.seq[2]
    torch.testing.assert_close(rows.generator.out.weight.grad, out.weight.grad[blocks.order], rtol=0, atol=1e-10)


def test_adam_has_the_packages_settings(layout: Layout, encode: Encode) -> None:
    training = adversarial(layout, encode(layout, 50).float())
    found = [
        (group["lr"], group["betas"], group["weight_decay"])
        for adam in (training.generator_adam, training.critic_adam)
        for group in adam.param_groups
    ]
    assert found == [(2e-4, (0.5, 0.9), 1e-6), (3e-4, (0.5, 0.9), 2e-6)]


def test_the_critic_is_shown_real_rows_of_the_conditions_generated(
    layout: Layout, encode: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = adversarial(layout, encode(layout, 50).float())
    shown: list[torch.Tensor] = []
    losses_of = training.critic.losses_and_gradients

    def spy(rows: torch.Tensor, *rest: Any) -> Any:
        shown.append(rows.clone())
        return losses_of(rows, *rest)

    monkeypatch.setattr(training.critic, "losses_and_gradients", spy)
    training.epoch(critic_steps=3)
    steps = 50 // BATCH
    assert len(shown) == 3 * steps
    known = {tuple(row) for row in training.real.tolist()}
    D = layout.width
    for rows in shown:
        real, fake = rows[:BATCH], rows[BATCH : 2 * BATCH]
        assert {tuple(row) for row in real[:, :D].tolist()} <= known
        discrete = real[:, training.generated.blocks.discrete_entries]
        assert torch.equal((discrete * real[:, D:]).sum(dim=1), torch.ones(BATCH))  # the row has the requested value
        assert torch.equal(real[:, D:].sum(dim=0), fake[:, D:].sum(dim=0))  # the same values, in another order
        assert not torch.equal(real[:, D:], fake[:, D:])


@pytest.mark.parametrize("kind", ["adversarial", "autoencoder"])
def test_an_epoch_moves_every_parameter_and_depends_on_the_seed_alone(
    kind: str, layout: Layout, encode: Encode
) -> None:
    def trained() -> tuple[list[torch.Tensor], list[torch.Tensor], torch.Tensor]:
        x = encode(layout, 50).float()
        if kind == "adversarial":
            training: Any = adversarial(layout, x)
            parameters = [*training.generated.generator.parameters(), *training.critic.parameters()]
        else:
            training = autoencoder(layout, x, batch=20)
            parameters = [*training.encoder.parameters(), *training.decoder.parameters()]
        before = [p.detach().clone() for p in parameters]
        losses = training.epoch(1) if kind == "adversarial" else training.epoch()
        return before, parameters, losses

    before, after, losses = trained()
    torch.manual_seed(99)
    _, again, same_losses = trained()
    assert all(torch.equal(a, b) for a, b in zip(after, again, strict=True))
    assert torch.equal(losses, same_losses)
    assert all(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert bool(torch.isfinite(losses).all())


def test_a_table_smaller_than_a_batch_takes_one_step(layout: Layout, encode: Encode) -> None:
    training = adversarial(layout, encode(layout, 4).float())
    training.epoch(1)
    state = next(iter(training.critic_adam.state.values()))
    assert int(state["step"]) == 1


def test_losses_that_are_not_finite_end_the_training() -> None:
    context = FitContext(device="cpu", seed=0)
    report_losses(context, 1, 2, torch.tensor([1.0, 2.0]), names=("generator", "penalty"))
    assert context.curve[0].losses == {"generator": 1.0, "penalty": 2.0}
    with pytest.raises(ConfigError, match="penalty loss is nan at epoch 2"):
        report_losses(context, 2, 2, torch.tensor([1.0, torch.nan]), names=("generator", "penalty"))
