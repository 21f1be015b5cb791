"""The conditional VAE `cvae`, with model selection on validation rows as in Bong & Oh (2023).

Bong & Oh, "Conditional VAE-based generative model for gene expression data augmentation", Journal of Broadcast
Engineering 28(3), 2023, doi 10.5909/JBE.2023.28.3.275. The paper uses a grid of four learning rates and two, three or
four hidden layers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd
from pydantic import Field, PositiveFloat

from tabgenbench import (
    Card,
    ConfigError,
    FitContext,
    Generator,
    Options,
    Progress,
    SampleContext,
    Schema,
    Table,
    load_arrays,
    save_arrays,
)
from tabgenbench_plugins.generators.cvae import CVAE

__all__ = ["CVAESelected", "Trial"]

CHOSEN = "chosen"  # folder of the selected model in a saved generator
CURVE_POINTS = 100  # recorded points of each trial's loss curve


class Trial(NamedTuple):
    """One setting of the grid."""

    learning_rate: float
    depth: int

    def __str__(self) -> str:
        return f"learning_rate={self.learning_rate:g}, depth={self.depth}"


class CVAESelected(Generator):
    """The CVAE with the lowest validation loss on a grid of learning rates and depths.

    One model is trained for each combination of learning rate and depth, always with the same seed. The selected model
    is identical, bit for bit, to `cvae` with the same settings and seed. The losses of all models are recorded as
    notes. A model whose loss is not finite cannot be selected.
    """

    name = "cvae-selected"
    card = Card(
        summary="The conditional VAE at the learning rate and depth of lowest validation loss on the paper's grid.",
        citation=CVAE.card.citation,
        licence=CVAE.card.licence,
        url=CVAE.card.url,
    )
    makes = CVAE.makes
    libraries = CVAE.libraries

    class Config(Options):
        """Options of `CVAESelected`."""

        learning_rates: tuple[PositiveFloat, ...] = Field(
            (1e-3, 5e-3, 1e-4, 1e-5), min_length=1, description="learning rates of the grid"
        )
        depths: tuple[Literal[2, 3, 4], ...] = Field(
            (2, 3, 4), min_length=1, description="numbers of hidden layers of the grid"
        )
        epochs: int = Field(1400, ge=1, description="passes over the training rows for the final model")
        trial_epochs: int | None = Field(
            None,
            ge=1,
            description="passes of each trial; default: the same as epochs. If it differs, a new model is trained with "
            "the selected settings",
        )
        criterion: Literal["best", "last"] = Field(
            "best",
            description="epoch whose validation loss judges a trial and whose weights sample: the one of lowest "
            "validation loss, or the last",
        )
        batch_size: int = Field(50, ge=2, description="rows a step, as in cvae")
        latent: int = Field(50, ge=1, description="dimensions of the latent space, as in cvae")
        batch_norm: bool = Field(True, description="batch norm in each hidden layer, as in cvae")
        beta: float = Field(1.0, ge=0, description="weight of the KL term in both losses, as in cvae")
        output_noise: Literal["none", "residual"] = Field(
            "none", description="noise added to the decoder's mean, as in cvae"
        )

    config: Config

    @classmethod
    def supports(cls, schema: Schema, n_rows: int, n_features: int) -> None:
        """Raise `Unsupported` for the tables that `cvae` does not support."""
        CVAE.supports(schema, n_rows, n_features)

    def estimate_memory(self, schema: Schema, n_rows: int, n_features: int) -> int | None:
        """Return twice the memory of the largest model in bytes, because the best and the current model are kept."""
        trials = (self._cvae(trial, self.config.epochs) for trial in self._grid())
        sizes = [cvae.estimate_memory(schema, n_rows, n_features) for cvae in trials]
        return 2 * max(size for size in sizes if size is not None)

    def _grid(self) -> list[Trial]:
        return [Trial(rate, depth) for rate in self.config.learning_rates for depth in self.config.depths]

    def _cvae(self, trial: Trial, epochs: int) -> CVAE:
        same = self.config.model_dump(include={"batch_size", "latent", "batch_norm", "beta", "output_noise"})
        options = {"learning_rate": trial.learning_rate, "depth": trial.depth, "weights": self.config.criterion}
        return CVAE(CVAE.Config.model_validate({**same, **options, "epochs": epochs}))

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Train a model for each setting of the grid, report their losses and keep the best model.

        Raises:
            ConfigError: no validation row has a condition of the training rows, or the loss of every model diverged.
        """
        if len(context.device_split.validation) == 0:
            raise ConfigError(
                "generator 'cvae-selected': model selection needs validation rows and the split has none of a "
                "known condition; set validation_fraction above 0, or use cvae with fixed settings"
            )
        grid, epochs = self._grid(), self.config.trial_epochs or self.config.epochs
        retrained = epochs != self.config.epochs
        total = len(grid) * epochs + retrained * self.config.epochs
        chosen, lowest = None, math.inf
        for i, trial in enumerate(grid):
            on_report = _forwarded(context, total, before=i * epochs, curve=str(trial))
            cvae, loss, text = self._try(trial, epochs, (train, validation), context, on_report)
            context.note(f"trial {i + 1} of {len(grid)}: {trial}: {text}")
            if loss < lowest:
                chosen, lowest, self._cvae_chosen = trial, loss, cvae
        if chosen is None:
            raise ConfigError(
                f"generator 'cvae-selected': the loss of each of {len(grid)} trials diverged, expected a finite one; "
                f"give lower learning_rates than {list(self.config.learning_rates)}"
            )
        context.note(f"chosen by {self.config.criterion} validation loss, {lowest:.6g}: {chosen}")
        if retrained:
            self._cvae_chosen = self._cvae(chosen, self.config.epochs)
            on_report = _forwarded(context, total, before=len(grid) * epochs, curve=f"{chosen}, retrained")
            child = _child(context, on_report)
            self._cvae_chosen.fit(train, validation, child)
            for note in child.notes:  # notes that name the epoch of the weights
                context.note(f"retrained for {self.config.epochs:,} epochs: {note}")

    def _try(
        self,
        trial: Trial,
        epochs: int,
        tables: tuple[Table, Table | None],
        context: FitContext,
        on_report: Callable[[Progress], None],
    ) -> tuple[CVAE, float, str]:
        """Train one model; return the model, its validation loss (infinite if training diverged), and a note."""
        cvae, child = self._cvae(trial, epochs), _child(context, on_report)
        try:
            cvae.fit(*tables, child)
        except ConfigError as error:  # the only reason here is a loss that is not finite
            return cvae, math.inf, str(error)
        losses = [progress.losses["validation"] for progress in child.curve]
        lowest, last = min(losses), losses[-1]
        text = f"validation loss {lowest:.6g} at best (epoch {losses.index(lowest) + 1}), {last:.6g} at epoch {epochs}"
        return cvae, lowest if self.config.criterion == "best" else last, text

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Sample from the chosen CVAE."""
        return self._cvae_chosen.sample(conditions, context)

    def save(self, folder: Path) -> None:
        """Write the selected model and its options."""
        chosen = folder / CHOSEN
        chosen.mkdir()
        self._cvae_chosen.save(chosen)
        save_arrays(folder, {}, self._cvae_chosen.config.model_dump(mode="json"))

    @classmethod
    def load(cls, folder: Path, config: Options, *, template: Table, device: str) -> CVAESelected:
        """Return a generator with the selected model."""
        options = CVAE.Config.model_validate(load_arrays(folder)[1])
        made = cls(config)
        made._cvae_chosen = CVAE.load(folder / CHOSEN, options, template=template, device=device)
        return made


def _child(context: FitContext, on_report: Callable[[Progress], None]) -> FitContext:
    return FitContext(
        device=context.device,
        seed=context.seed,
        deadline=context.deadline,
        make_device_split=context.make_device_split,
        on_report=on_report,
    )


def _forwarded(context: FitContext, total: int, *, before: int, curve: str) -> Callable[[Progress], None]:
    def forward(progress: Progress) -> None:
        every = max(1, progress.of // CURVE_POINTS)
        if progress.epoch % every == 0 or progress.epoch == progress.of:
            losses = {f"validation, {curve}": progress.losses["validation"]}
            context.report(before + progress.epoch, total, **losses)

    return forward
