"""WGAN-GP: a conditional Wasserstein GAN with gradient penalty for expression rows.

Viñas et al., "Adversarial generation of gene expression data", Bioinformatics 38(3), 2022, doi
10.1093/bioinformatics/btab035; the gradient penalty is from Gulrajani et al., "Improved training of Wasserstein GANs",
2017. Layer widths, embeddings, optimiser and numbers of steps are as in Viñas et al., who selected the epoch with the
highest gamma (agreement of correlations) on test rows. Here, all epochs are trained by default. Optional early stopping
uses validation rows instead of test rows.

    z_NZ ─┐                                  x_NF ─┐
          ├─ Dense ReLU ×2 ─ Dense ─► x_NF         ├─ Dense ReLU ×2 ─ Dense ─► f_N
    e(c) ─┘        generator                 e(c) ─┘        critic

    critic:     mean f(fake) - mean f(real) + penalty · mean (‖∇_x f(mid)‖ - 1)²
    generator:  -mean f(fake)
    mid:        a point between a real and a fake row

In a mixed table, x_NF is followed by the one-hot codes of each categorical feature. The generator returns logits of the
categories. The critic gets the one-hot codes of real rows; for generated rows, it gets the Gumbel-softmax of the logits
(temperature 0.2), whose values are near 0 or 1. A sampled category is drawn from the softmax of the logits. A missing
numeric value is replaced by the training median, and the generator learns to generate this median together with the
category that marks the missing value.

    N rows   F features   K one-hot codes of the conditions   E embedding   Z latents   H hidden units
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from pydantic import Field, PositiveInt

from tabgenbench import (
    Card,
    ConditionCodes,
    ConfigError,
    FitContext,
    Generator,
    Options,
    SampleContext,
    Schema,
    Table,
    load_arrays,
    save_arrays,
)
from tabgenbench_plugins.generators.parts.by_condition import TrainingConditions, with_known_values
from tabgenbench_plugins.generators.parts.chunks import CHUNK, chunks
from tabgenbench_plugins.generators.parts.saved import codes_from, codes_to, conditions_from, conditions_to
from tabgenbench_plugins.generators.parts.wgan_shapes import parameter_count

if TYPE_CHECKING:
    import torch

    from tabgenbench import DeviceSplit
    from tabgenbench_plugins.generators.parts.wgan import ConditionalMLP, RMSprop

__all__ = ["WGANGP"]

CHECK_EPOCHS = 5  # epochs between two evaluations on validation rows


class WGANGP(Generator):
    """A conditional Wasserstein GAN with gradient penalty.

    For each batch of training rows, the critic takes several steps, each with new generated rows. Then the generator
    takes one step. All conditions share the networks. With ``patience``, training may stop early, and the weights with
    the highest gamma are kept. Gamma is the agreement of the correlations of numeric features between validation rows
    and generated rows of the same conditions. Gamma is noisy if there are few validation rows.
    """

    name = "wgan-gp"
    card = Card(
        summary="Conditional Wasserstein GAN with gradient penalty, condition embeddings and two hidden layers.",
        citation="Viñas et al., Adversarial generation of gene expression data, Bioinformatics 38(3), 2022.",
        url="https://doi.org/10.1093/bioinformatics/btab035",
    )
    makes = ("numeric", "categorical")
    libraries = ("torch", "scipy.spatial.distance")

    class Config(Options):
        """Options of `WGANGP`; the defaults are those of Viñas et al., with the number of epochs of Bong & Oh."""

        epochs: int = Field(700, ge=1, description="maximal number of passes over the training rows")
        batch_size: int = Field(32, ge=1, description="rows per batch; a last batch of one row joins the previous one")
        learning_rate: float = Field(5e-4, gt=0, description="step size of RMSprop (rho 0.9, epsilon 1e-7 as in Keras)")
        hidden: tuple[PositiveInt, ...] = Field(
            (256, 256), min_length=1, description="widths of the hidden layers of generator and critic"
        )
        latent: int = Field(64, ge=1, description="dimensions of the generator's input noise")
        critic_steps: int = Field(5, ge=1, description="critic steps on each batch before the generator step")
        gradient_penalty: float = Field(10.0, ge=0, description="weight of the gradient penalty")
        patience: int = Field(
            0,
            ge=0,
            description=f"early stopping: end training after this many checks (every {CHECK_EPOCHS} epochs) without a "
            "higher gamma on validation rows, and restore the best weights; 0 trains all epochs",
        )

    config: Config

    def estimate_memory(self, schema: Schema, n_rows: int, n_features: int) -> int | None:
        """Return the memory in bytes of parameters, gradients, optimiser, rows, and activations of a batch.

        The estimate assumes 32 values per condition column and categorical feature, and two copies of the rows (in main
        memory and on the device). The memory of imported libraries, about 0.3 GB, is not included.
        """
        n_features += 32 * len(schema.categorical_features)
        config, n_categories = self.config, [32] * len(schema.conditions)
        critic = parameter_count(n_features, 1, config.hidden, n_categories)
        generator = parameter_count(config.latent, n_features, config.hidden, n_categories)
        # Parameters, gradients, RMSprop's average and its root; the generator's best weights.
        parameters = 4 * (critic + generator) + generator
        # Real, generated and intermediate rows with their layers, and the generated rows of all critic steps.
        width = n_features + config.latent + 4 * sum(config.hidden)
        batch = min(config.batch_size + 1, n_rows) * (3 * width + (config.critic_steps + 2) * width)
        sampling = min(CHUNK, n_rows) * (2 * n_features + 2 * max(config.hidden))
        return 4 * (parameters + 2 * n_rows * n_features + sum(n_categories) * n_rows + max(batch, sampling))

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Train generator and critic; report the losses after each epoch.

        With ``patience``, also report gamma (agreement of correlations) on validation rows every `CHECK_EPOCHS` epochs.
        """
        import torch

        from tabgenbench_plugins.generators.parts.row_layout import RowLayout
        from tabgenbench_plugins.generators.parts.wgan import ConditionalMLP

        split = context.device_split
        if self.config.patience:
            self._require_validation_rows(len(split.validation), train.n_features)
        self._template = train.take([])
        self._conditions = TrainingConditions.of(train)
        self._codes, self._categories = split.codes, split.categories
        self._layout = RowLayout.of(train, split.categories)
        draw = torch.Generator().manual_seed(int(context.numpy.integers(2**63)))
        config, n_categories = self.config, split.codes.n_categories

        def network(n_in: int, n_out: int) -> ConditionalMLP:
            return ConditionalMLP(n_in, n_out, config.hidden, n_categories, draw, device=context.device)

        self._generator = network(config.latent, self._layout.width)
        critic = network(self._layout.width, 1)
        with torch.no_grad():  # the networks compute their own gradients
            self._train(critic, split, context)

    def _require_validation_rows(self, n_rows: int, n_features: int) -> None:
        from tabgenbench_plugins.correlation import MIN_ROWS

        if n_features < 2:
            raise ConfigError(
                f"generator 'wgan-gp': patience={self.config.patience} computes gamma of at least 2 numeric features "
                f"and the table has {n_features}; set patience=0"
            )
        if n_rows < MIN_ROWS:
            raise ConfigError(
                f"generator 'wgan-gp': patience={self.config.patience} needs at least {MIN_ROWS} validation rows of "
                f"known conditions and the split has {n_rows}; raise validation_fraction or set patience=0"
            )

    def _train(self, critic: ConditionalMLP, split: DeviceSplit, context: FitContext) -> None:
        from tabgenbench_plugins.generators.parts.nn import one_hot
        from tabgenbench_plugins.generators.parts.validation_gamma import ValidationGamma
        from tabgenbench_plugins.generators.parts.wgan import RMSprop

        config, values = self.config, self._layout.encode(split.train, split.train_categories)
        rows = values, one_hot(split.train_codes, split.codes.n_categories)
        optimizers = RMSprop(self._generator, config.learning_rate), RMSprop(critic, config.learning_rate)
        score = ValidationGamma(split, config.latent, context) if config.patience else None
        best_gamma, best_epoch, best_values = -math.inf, 0, self._generator.values.clone()
        for epoch in range(1, config.epochs + 1):
            losses = self._read(self._epoch(critic, rows, optimizers, context), epoch)
            if score is None or (epoch % CHECK_EPOCHS and epoch < config.epochs):
                context.report(epoch, config.epochs, **losses)
                continue
            gamma = score(self._generator)
            context.report(epoch, config.epochs, **losses, validation_gamma=gamma)
            if gamma > best_gamma:
                best_gamma, best_epoch = gamma, epoch
                best_values.copy_(self._generator.values)
            elif epoch - best_epoch >= config.patience * CHECK_EPOCHS:
                break
        if score is not None:
            self._generator.values.copy_(best_values)
            context.note(
                f"highest gamma on {len(split.validation)} validation rows {best_gamma:.4f} at epoch {best_epoch}, "
                f"whose weights sample; trained {epoch} of {config.epochs} epochs"
            )

    def _epoch(
        self,
        critic: ConditionalMLP,
        rows: tuple[torch.Tensor, torch.Tensor],
        optimizers: tuple[RMSprop, RMSprop],
        context: FitContext,
    ) -> torch.Tensor:
        """Train one epoch; return Wasserstein distance, gradient penalty and generator loss, shape (3,), on the device.

        The values are means over batches; distance and penalty are taken from the last critic step on each batch.
        """
        import torch

        from tabgenbench_plugins.generators.parts.nn import minibatches

        config, generator, (x_NF, c_NK) = self.config, self._generator, rows
        steps, sums = config.critic_steps, torch.zeros(3, device=x_NF.device)
        batches = minibatches(len(x_NF), config.batch_size, context.torch)
        for places in batches:
            n, real_NF, codes = len(places), x_NF[places], c_NK[places]
            noise = torch.randn((steps + 1) * n, config.latent, generator=context.torch, device=x_NF.device)
            share = torch.rand(steps, n, 1, generator=context.torch, device=x_NF.device)
            # The generator does not change during critic steps, so one pass generates the rows of all of them.
            fakes = self._layout.soften(generator(noise[n:], codes.repeat(steps, 1)), context.torch).view(steps, n, -1)
            for fake_NF, share_N1 in zip(fakes, share, strict=True):
                terms = critic.critic_backward((real_NF, fake_NF), codes, share_N1, weight=config.gradient_penalty)
                optimizers[1].step()
            layers = generator.hidden_layers(noise[:n], codes)
            fake_NF = self._layout.soften(generator.output(layers[-1]), context.torch)
            judged = critic.hidden_layers(fake_NF, codes)
            d_fake_NF = critic.input_gradient(judged).mul_(-1 / n)
            generator.backward(layers, codes, self._layout.soften_backward(fake_NF, d_fake_NF))
            optimizers[0].step()
            sums += torch.stack([*terms, -critic.output(judged[-1]).mean()])
        return sums / len(batches)

    def _read(self, terms: torch.Tensor, epoch: int) -> dict[str, float]:
        distance, penalty, generator = terms.tolist()  # the only time in an epoch that the host waits for the device
        if not math.isfinite(distance + penalty + generator):
            raise ConfigError(
                f"generator 'wgan-gp': the losses are {distance}, {penalty} and {generator} at epoch {epoch}, expected "
                f"finite numbers; lower learning_rate ({self.config.learning_rate})"
            )
        critic = self.config.gradient_penalty * penalty - distance
        return {"critic": critic, "distance": distance, "penalty": penalty, "generator": generator}

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Sample rows: the generator network maps noise z ~ N(0, I) and each requested condition to a row."""
        import torch

        from tabgenbench_plugins.generators.parts.nn import one_hot

        used = with_known_values(conditions, self._conditions, self._codes, context)
        codes = torch.from_numpy(self._codes.encode(used)).to(context.device)
        out_NF = torch.empty(len(codes), self._layout.n_features)
        codes_NC = torch.empty(len(codes), len(self._layout.n_values), dtype=torch.int64)
        with torch.no_grad():
            for rows in chunks(len(codes)):
                c_NK = one_hot(codes[rows], self._codes.n_categories)
                z_NZ = torch.randn(len(c_NK), self.config.latent, generator=context.torch, device=context.device)
                made_NY = self._generator(z_NZ, c_NK)
                out_NF[rows] = made_NY[:, : self._layout.n_features].cpu()
                codes_NC[rows] = self._layout.draw(made_NY, context.torch).cpu()
        categories = self._categories.decode(codes_NC.numpy()) if self._layout.n_values else None
        return self._template.like(out_NF.numpy(), conditions, categories)

    def save(self, folder: Path) -> None:
        """Save the weights of the generator network and the conditions; sampling does not need the critic."""
        facts = {"conditions": conditions_to(self._conditions), "categories": codes_to(self._categories)}
        save_arrays(folder, {"values": self._generator.values}, facts)

    @classmethod
    def load(cls, folder: Path, config: Options, *, template: Table, device: str) -> WGANGP:
        """Return a generator with the saved weights."""
        import torch

        from tabgenbench_plugins.generators.parts.row_layout import RowLayout
        from tabgenbench_plugins.generators.parts.wgan import ConditionalMLP

        arrays, facts = load_arrays(folder)
        made = cls(config)
        made._template, made._conditions = template, conditions_from(facts["conditions"])
        made._codes = ConditionCodes.fit(made._conditions.frame)
        made._categories = codes_from(facts["categories"])
        made._layout = RowLayout.of(template, made._categories)
        sizes = made.config.latent, made._layout.width, made.config.hidden, made._codes.n_categories
        made._generator = ConditionalMLP(*sizes, torch.Generator(), device=device)
        made._generator.values.copy_(torch.from_numpy(arrays["values"]))
        return made
