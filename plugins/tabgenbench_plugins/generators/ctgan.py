"""CTGAN: a conditional generative adversarial network for numeric and categorical columns.

Xu, Skoularidou, Cuesta-Infante & Veeramachaneni, "Modeling tabular data using conditional GAN", NeurIPS 2019. Defaults
are those of the package `ctgan`, except the number of epochs. A Gaussian mixture with up to ten components (modes) is
fitted to each numeric feature. A number is encoded by the one-hot code of its mode and by its position within the mode.
A value of a discrete column is encoded as a one-hot code. The discrete columns are the condition (all condition columns
combined) and the categorical features. The network that generates rows (below: generator) receives noise and a value of
one discrete column. In training, this column is chosen at random with equal probabilities. A value of the column is
then drawn with probability proportional to log(1 + n), if n training rows have the value. The critic gives one score to
each group of ten rows.

    z_NZ ─┐                        ┌─► tanh scalars, Gumbel-softmax one-hots ─┐
          ├─ residual layers ─► logits_ND                                     ├─ 10 rows ─► critic ─► score
    c_NK ─┘                        └─► cross entropy with c                c_NK ┘

    critic:    mean score of generated - mean score of real + 10 · mean (|gradient| - 1)²
    generator: - mean score + cross entropy of the drawn column's logits with the drawn value

    N rows   D width of an encoded row   K values of all discrete columns   Z latent   c one-hot code of the drawn value
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, model_validator

from tabgenbench import Card, FitContext, SampleContext
from tabgenbench_plugins.generators.parts.tabular.base import TabularGenerator, TabularOptions
from tabgenbench_plugins.generators.parts.tabular.memory import n_parameters

if TYPE_CHECKING:
    import torch

    from tabgenbench_plugins.generators.parts.tabular.blocks import Blocks
    from tabgenbench_plugins.generators.parts.tabular.reference import PackageModel

__all__ = ["CTGAN"]


class CTGAN(TabularGenerator):
    """The conditional generative adversarial network (CTGAN) of Xu et al.

    As in the package `ctgan`, the network gets random values of discrete columns with the same probabilities in
    sampling as in training. With ``log_frequency``, rare categories are therefore more frequent in samples than in
    training rows. Batch norm uses the statistics of the current batch, even in sampling. Sampling keeps the generated
    rows that have a requested condition. If a requested condition still lacks rows, further batches are generated for
    this condition.
    """

    name = "ctgan"
    card = Card(
        summary="Conditional adversarial network of mode-normalised columns.",
        citation="Xu et al., NeurIPS 2019; defaults of the package ctgan 0.12.1",
        licence="Apache-2.0; implementation=reference runs the package ctgan, which is under BUSL-1.1",
        url="https://arxiv.org/abs/1907.00503",
    )
    can_condition = True

    class Config(TabularOptions):
        """Options of `CTGAN`; the defaults are those of the package ``ctgan``, except ``epochs``."""

        embedding_dim: int = Field(128, ge=1, description="dimensions of the noise")
        generator_dim: tuple[PositiveInt, ...] = Field(
            (256, 256), min_length=1, description="widths of the generator's residual layers"
        )
        discriminator_dim: tuple[PositiveInt, ...] = Field(
            (256, 256), min_length=1, description="widths of the critic's layers"
        )
        generator_lr: float = Field(2e-4, gt=0, description="step size of the generator's Adam")
        generator_decay: float = Field(1e-6, ge=0, description="weight decay of the generator")
        discriminator_lr: float = Field(2e-4, gt=0, description="step size of the critic's Adam")
        discriminator_decay: float = Field(1e-6, ge=0, description="weight decay of the critic")
        discriminator_steps: int = Field(1, ge=1, description="critic steps for each generator step")
        log_frequency: bool = Field(True, description="draw training conditions by log frequency instead of frequency")
        pac: int = Field(10, ge=1, description="number of rows that the critic judges together")

        @model_validator(mode="after")
        def _whole_packs(self) -> CTGAN.Config:
            if self.batch_size % self.pac or self.batch_size % 2:
                raise ValueError(f"batch_size {self.batch_size}: expected an even multiple of pac {self.pac}")
            return self

    config: Config

    def training_bytes(self, n_rows: int, n_features: int, *, width: int, n_codes: int) -> int:
        """Return the bytes of memory for the weights (with gradients and Adam's moments), rows and temporary arrays."""
        config, row = self.config, width + n_codes
        critic = n_parameters((config.pac * row, *config.discriminator_dim, 1))
        inputs = [config.embedding_dim + n_codes]
        for hidden in config.generator_dim:
            inputs.append(inputs[-1] + hidden)
        generator = sum((a + 3) * b for a, b in zip(inputs, (*config.generator_dim, width), strict=True))
        # Real, generated and penalty rows; logits, noise, a temporary and two gradients. The package needs more.
        in_step = (8 if config.implementation == "fast" else 16) * config.batch_size * row
        copies = 2 if config.implementation == "fast" else 4  # copies of encoded rows; the package uses float64
        return 4 * (4 * (critic + generator) + in_step + copies * n_rows * row + 3 * n_rows * n_features)

    def fit_fast(self, encoded_ND: torch.Tensor, codes_NJ: torch.Tensor, blocks: Blocks, context: FitContext) -> None:
        """Train generator and critic; report both losses and the gradient penalty after each epoch."""
        from tabgenbench_plugins.generators.parts.tabular.condition_sampler import ConditionSampler
        from tabgenbench_plugins.generators.parts.tabular.networks import Critic, RowGenerator
        from tabgenbench_plugins.generators.parts.tabular.training import (
            AdversarialTraining,
            ConditionalRows,
            report_losses,
        )

        config, seed = self.config, self.weights_seed(context)
        n_codes = sum(self.n_categories)
        generator = RowGenerator(config.embedding_dim + n_codes, config.generator_dim, blocks.width, seed)
        critic = Critic(blocks.width + n_codes, config.discriminator_dim, config.pac, seed)
        self._rows = ConditionalRows(generator.to(context.device), blocks, config.embedding_dim, n_codes)
        conditions = ConditionSampler(
            codes_NJ, self.n_categories, log_frequency=config.log_frequency, generator=context.torch
        )
        training = AdversarialTraining(
            self._rows, critic.to(context.device), encoded_ND, conditions, context.torch, config.batch_size
        )
        training.optimizers(
            learning_rates=(config.generator_lr, config.discriminator_lr),
            decays=(config.generator_decay, config.discriminator_decay),
        )
        for epoch in range(1, config.epochs + 1):
            losses = training.epoch(config.discriminator_steps)
            report_losses(context, epoch, config.epochs, losses, names=("generator", "discriminator", "penalty"))
        self._weights_K = conditions.weights_K

    def fit_reference(self, context: FitContext) -> PackageModel:
        """Return an untrained model of the package `ctgan`; its training reports two losses after each epoch."""
        from tabgenbench_plugins.generators.parts.tabular.reference import PackageModel, package_kind

        options = self.config.model_dump(exclude={"implementation", "max_batches"})

        def report(frame: pd.DataFrame) -> None:
            last = frame.iloc[-1]
            losses = {"generator": last["Generator Loss"], "discriminator": last["Discriminator Loss"]}
            context.report(len(frame), self.config.epochs, **losses)

        return PackageModel(package_kind("CTGAN"), device=context.device, on_epoch=report, **options)

    def generate(self, value: int | None, context: SampleContext) -> tuple[torch.Tensor, NDArray[np.float32] | None]:
        """Return a batch of encoded rows, and None because no noise is added.

        The network gets the condition with index ``value`` as input, or random discrete values if ``value`` is None.
        """
        import torch

        n = self.config.batch_size
        if value is None:
            values_N = torch.multinomial(self._weights_K, n, replacement=True, generator=context.torch)
        else:
            values_N = torch.full((n,), value, device=context.device)
        return self._rows(values_N, context.torch)[:, : self._blocks.width], None
