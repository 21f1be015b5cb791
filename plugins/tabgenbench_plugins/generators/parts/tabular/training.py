"""Training of CTGAN and TVAE.

To save time, the CPU waits for the GPU only once per epoch. Random numbers are drawn on the GPU, and the losses of an
epoch are summed on the GPU. Adam's betas, the weight 10 of the gradient penalty, and TVAE's learning rate 10⁻³ are
constants of the package `ctgan`.

    N rows of a batch   D width of an encoded row   K values of all discrete columns   Z latents
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from tabgenbench import ConfigError, FitContext
from tabgenbench_plugins.generators.parts.tabular.blocks import Blocks
from tabgenbench_plugins.generators.parts.tabular.condition_sampler import ConditionSampler
from tabgenbench_plugins.generators.parts.tabular.networks import (
    SIGMA_RANGE,
    Critic,
    CriticLosses,
    Decoder,
    Encoder,
    RowGenerator,
)

__all__ = ["AdversarialTraining", "AutoencoderTraining", "ConditionalRows", "report_losses"]

PENALTY = 10.0
BETAS = (0.5, 0.9)  # Adam's betas in adversarial training
TVAE_LEARNING_RATE = 1e-3


@dataclass(eq=False)
class ConditionalRows:
    """Samples rows from CTGAN's generator network, whose inputs are noise and one value of one discrete column.

    For each row, ``values_N`` contains the position of this value among the K values of all discrete columns.
    """

    generator: RowGenerator
    blocks: Blocks
    n_latent: int
    n_codes: int

    def codes(self, values_N: torch.Tensor) -> torch.Tensor:
        """Return the one-hot codes of ``values_N``, shape (N, K)."""
        # torch's one_hot would wait for the device.
        return values_N[:, None].eq(torch.arange(self.n_codes, device=values_N.device)).float()

    def logits(self, values_N: torch.Tensor, draws: torch.Generator) -> torch.Tensor:
        """Return the generator's output for new noise and ``values_N``, shape (N, D)."""
        noise_NZ = torch.randn(len(values_N), self.n_latent, generator=draws, device=values_N.device)
        logits_ND: torch.Tensor = self.generator(torch.cat([noise_NZ, self.codes(values_N)], dim=1))
        return logits_ND

    @torch.no_grad()
    def activate(
        self, logits_ND: torch.Tensor, values_N: torch.Tensor, draws: torch.Generator, out: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Convert logits to rows, and append the one-hot codes of ``values_N``, shape (N, D + K)."""
        noise = self.blocks.gumbel_noise(len(values_N), draws)
        return self.blocks.activate(logits_ND.detach(), noise, self.codes(values_N), out=out)

    @torch.no_grad()
    def __call__(self, values_N: torch.Tensor, draws: torch.Generator, out: torch.Tensor | None = None) -> torch.Tensor:
        """Generate one row for each entry of ``values_N``, in the form that `activate` returns."""
        return self.activate(self.logits(values_N, draws), values_N, draws, out)


@dataclass(eq=False)
class AdversarialTraining:
    """CTGAN's generator and critic, and their optimisation steps.

    Attributes:
        real: real rows with entries in the order of `Blocks`, shape (n_rows, D).
        conditions: sampler of values of discrete columns, and of real rows with these values.
        draws: random generator on the device.
        batch: N, a multiple of ``pac``. The critic scores ``pac`` rows together.
    """

    generated: ConditionalRows
    critic: Critic
    real: torch.Tensor
    conditions: ConditionSampler
    draws: torch.Generator
    batch: int

    def __post_init__(self) -> None:
        # Real rows, generated rows and space for the penalty's gradient: one product gives the critic's gradient.
        self._rows = self.real.new_empty(3 * self.batch, self.real.shape[1] + self.generated.n_codes)

    def optimizers(self, *, learning_rates: Sequence[float], decays: Sequence[float]) -> None:
        """Create the Adam optimisers; each argument contains one value for the generator and one for the critic."""
        networks = (self.generated.generator, self.critic)
        self.generator_adam, self.critic_adam = (
            torch.optim.Adam(network.parameters(), lr=rate, betas=BETAS, weight_decay=decay, fused=True)
            for network, rate, decay in zip(networks, learning_rates, decays, strict=True)
        )

    def epoch(self, critic_steps: int) -> torch.Tensor:
        """Train for an epoch; return the means of generator loss, critic loss and penalty, shape (3,).

        An epoch has ``n_rows // N`` steps, but at least one step.
        """
        steps = max(len(self.real) // self.batch, 1)
        values = self.conditions.values(steps * (critic_steps + 1), self.batch)
        real_values = self.conditions.shuffled(values)
        rows = self.conditions.rows_with(real_values)
        sums = self.real.new_zeros(3)
        for step in range(steps):
            first = step * (critic_steps + 1)
            for i in range(first, first + critic_steps):
                losses = self.critic_step(values[i], real_values[i], rows[i])
                sums[1:] += torch.stack(losses) / critic_steps
            sums[0] += self.generator_step(values[first + critic_steps])
        return sums / steps

    def critic_step(
        self, values_N: torch.Tensor, real_values_N: torch.Tensor, real_rows_N: torch.Tensor
    ) -> CriticLosses:
        """Train the critic for one step and return its losses.

        Args:
            values_N: values for the generated rows, see `ConditionalRows`.
            real_values_N: values of the real rows: those of ``values_N`` in another order.
            real_rows_N: positions of real rows with the values ``real_values_N``.
        """
        n, n_packs, width = self.batch, self.batch // self.critic.pac, self.generated.blocks.width
        self.generated(values_N, self.draws, out=self._rows[n : 2 * n])
        torch.index_select(self.real, 0, real_rows_N, out=self._rows[:n, :width])
        self._rows[:n, width:] = self.generated.codes(real_values_N)
        mix_P1 = torch.rand(n_packs, 1, generator=self.draws, device=self.real.device)
        masks = self.critic.masks(3 * n_packs, self.draws)
        losses = self.critic.losses_and_gradients(self._rows, mix_P1, masks, PENALTY)
        self.critic_adam.step()
        return losses

    def generator_step(self, values_N: torch.Tensor) -> torch.Tensor:
        """Train the generator for one step, with one generated row for each entry of ``values_N``; return the loss."""
        logits_ND = self.generated.logits(values_N, self.draws)
        fake = self.generated.activate(logits_ND, values_N, self.draws, out=self._rows[: self.batch])
        masks = self.critic.masks(self.batch // self.critic.pac, self.draws)
        loss = self.generator_loss_and_gradients(logits_ND, fake, values_N, masks)
        self.generator_adam.step()
        return loss

    def generator_loss_and_gradients(
        self, logits_ND: torch.Tensor, fake: torch.Tensor, values_N: torch.Tensor, masks: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        """Compute the gradients of the generator's loss w.r.t. its parameters, and return the loss.

        ``fake`` are the rows that `ConditionalRows.activate` returns for ``logits_ND`` and ``values_N``. ``masks`` are
        dropout factors, one array for each hidden layer of the critic.
        """
        blocks = self.generated.blocks
        loss, gradient = self.critic.loss_and_input_gradient(fake, masks)
        gradient_ND = blocks.activation_gradient(fake, gradient)
        if blocks.n_discrete:
            condition_loss, by_discrete_NK = blocks.condition_loss(logits_ND.detach(), values_N)
            gradient_ND[:, blocks.discrete_entries] += by_discrete_NK
            loss = loss + condition_loss
        self.generated.generator.zero_grad()
        logits_ND.backward(gradient_ND)  # type: ignore[no-untyped-call]  # torch's
        return loss


@dataclass(eq=False)
class AutoencoderTraining:
    """TVAE's encoder and decoder, and their optimisation step.

    Attributes:
        blocks: order of the entries of a row.
        rows: real rows with entries in the order of ``blocks``, shape (n_rows, D).
        draws: random generator on the device.
        batch: number of rows of a step; the last step of an epoch may have fewer rows.
        n_latent: number of latents, Z.
        loss_factor: weight of the reconstruction term.
    """

    encoder: Encoder
    decoder: Decoder
    blocks: Blocks
    rows: torch.Tensor
    draws: torch.Generator
    batch: int
    n_latent: int
    loss_factor: float

    def optimizer(self, decay: float) -> None:
        """Create one Adam optimiser for encoder and decoder."""
        parameters = [*self.encoder.parameters(), *self.decoder.parameters()]
        self.adam = torch.optim.Adam(parameters, lr=TVAE_LEARNING_RATE, weight_decay=decay, fused=True)

    def epoch(self) -> torch.Tensor:
        """Train on all rows in random order; return the mean reconstruction and KL terms over rows, shape (2,)."""
        order = torch.randperm(len(self.rows), generator=self.draws, device=self.rows.device)
        sums = self.rows.new_zeros(2)
        for start in range(0, len(order), self.batch):
            x_ND = self.rows.index_select(0, order[start : start + self.batch])
            noise_NZ = torch.randn(len(x_ND), self.n_latent, generator=self.draws, device=self.rows.device)
            sums += self.step(x_ND, noise_NZ) * len(x_ND)
        return sums / len(order)

    def step(self, x_ND: torch.Tensor, noise_NZ: torch.Tensor) -> torch.Tensor:
        """Train both networks for one step; return the mean reconstruction and KL terms, shape (2,)."""
        losses = self.losses_and_gradients(x_ND, noise_NZ)
        self.adam.step()
        with torch.no_grad():
            self.decoder.sigma.clamp_(*SIGMA_RANGE)
        return losses

    def losses_and_gradients(self, x_ND: torch.Tensor, noise_NZ: torch.Tensor) -> torch.Tensor:
        """Compute the gradients of -ELBO; return the mean reconstruction and KL terms, shape (2,)."""
        mu_NZ, logvar_NZ = self.encoder(x_ND)
        kl = -0.5 * (1 + logvar_NZ - mu_NZ.square() - logvar_NZ.exp()).sum() / len(x_ND)
        output_ND = self.decoder(mu_NZ + noise_NZ * (0.5 * logvar_NZ).exp())
        with torch.no_grad():
            sigma = self.decoder.sigma
            found = self.blocks.reconstruction(output_ND, x_ND, sigma, self.loss_factor)
        self.encoder.zero_grad()
        self.decoder.zero_grad()
        torch.autograd.backward([output_ND, kl], [found.output_ND, None])
        sigma.grad = found.sigma_C
        return torch.stack([found.loss, kl.detach()])


def report_losses(context: FitContext, epoch: int, of: int, losses: torch.Tensor, *, names: Sequence[str]) -> None:
    """Read the losses of an epoch from the device, and report them.

    Raises:
        ConfigError: a loss is not finite.
    """
    values = dict(zip(names, losses.tolist(), strict=True))
    for name, value in values.items():
        if not math.isfinite(value):
            raise ConfigError(
                f"the {name} loss is {value} at epoch {epoch}, expected a finite number; train for fewer epochs"
            )
    context.report(epoch, of, **values)
