"""The CVAE at the settings that validation rows choose, as its paper chose them.

Bong & Oh, "Conditional VAE-based generative model for gene expression data augmentation", Journal of Broadcast
Engineering 28(3), 2023, doi 10.5909/JBE.2023.28.3.275: four learning rates by two, three or four hidden layers, each
trained on the training rows and judged by its loss on validation rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import pandas as pd
from pydantic import Field, PositiveFloat

from tabgenbench import Card, ConfigError, FitContext, Generator, Options, Progress, SampleContext, Schema, Table
from tabgenbench_plugins.generators.cvae import CVAE

__all__ = ["CVAESelected", "Trial"]

CURVE_POINTS = 100  # points of each trial's curve that go to the record


class Trial(NamedTuple):
    """A place on the grid."""

    learning_rate: float
    depth: int

    def __str__(self) -> str:
        return f"learning_rate={self.learning_rate:g}, depth={self.depth}"


class CVAESelected(Generator):
    """The CVAE of lowest validation loss on a grid of learning rates and depths.

    All trials start from the same seed, and the chosen one is to the bit what `cvae` with its settings and that seed
    is. The losses of all trials are noted. Choosing costs as many trainings as the grid has places; a trial whose loss
    is no longer finite is out of the choice.
    """

    name = "cvae-selected"
    card = Card(
        summary="The conditional VAE at the learning rate and depth of lowest validation loss on the paper's grid.",
        citation=CVAE.card.citation,
        licence=CVAE.card.licence,
        url=CVAE.card.url,
    )

    class Config(Options):
        """Options of `CVAESelected`."""

        learning_rates: tuple[PositiveFloat, ...] = Field(
            (1e-3, 5e-3, 1e-4, 1e-5), min_length=1, description="learning rates of the grid"
        )
        depths: tuple[Literal[2, 3, 4], ...] = Field(
            (2, 3, 4), min_length=1, description="numbers of hidden layers of the grid"
        )
        epochs: int = Field(1400, ge=1, description="passes over the training rows of the model that samples")
        trial_epochs: int | None = Field(
            None,
            ge=1,
            description="passes of each trial, by default as many as epochs; with another number the chosen settings "
            "are trained anew",
        )
        criterion: Literal["best", "last"] = Field(
            "best",
            description="a trial is judged by, and the model samples from, the epoch of lowest validation loss or the "
            "last one",
        )
        batch_size: int = Field(50, ge=2, description="rows a step, as in cvae")
        latent: int = Field(50, ge=1, description="dimensions of the latent space, as in cvae")
        batch_norm: bool = Field(True, description="batch norm in each hidden layer, as in cvae")
        beta: float = Field(1.0, ge=0, description="weight of the KL term, as in cvae; also in the loss that chooses")
        output_noise: Literal["none", "residual"] = Field(
            "none", description="what is added to the decoder's mean, as in cvae"
        )

    config: Config

    @classmethod
    def supports(cls, schema: Schema, n_rows: int, n_features: int) -> None:
        """Decline what `cvae` declines."""
        CVAE.supports(schema, n_rows, n_features)

    def estimate_memory(self, schema: Schema, n_rows: int, n_features: int) -> int | None:
        """Return bytes: those of the largest `cvae` on the grid, twice, as the best one so far is kept beside it."""
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
        """Train every trial, note its validation loss, keep the best; report progress over the whole grid.

        Raises:
            ConfigError: there is no validation row of a known condition, or the loss of every trial diverged.
        """
        if len(context.device_split.validation) == 0:
            raise ConfigError(
                "generator 'cvae-selected': choosing needs validation rows and the split has none of a known "
                "condition; set validation_fraction above 0, or use cvae with settings of your own"
            )
        grid, epochs = self._grid(), self.config.trial_epochs or self.config.epochs
        anew = epochs != self.config.epochs
        total = len(grid) * epochs + anew * self.config.epochs
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
        if anew:
            self._cvae_chosen = self._cvae(chosen, self.config.epochs)
            on_report = _forwarded(context, total, before=len(grid) * epochs, curve=f"{chosen}, anew")
            child = _child(context, on_report)
            self._cvae_chosen.fit(train, validation, child)
            for note in child.notes:  # which epoch samples
                context.note(f"trained anew for {self.config.epochs:,} epochs: {note}")

    def _try(
        self,
        trial: Trial,
        epochs: int,
        tables: tuple[Table, Table | None],
        context: FitContext,
        on_report: Callable[[Progress], None],
    ) -> tuple[CVAE, float, str]:
        """Return the trained trial, the loss that judges it, infinite where it diverged, and what to note."""
        cvae, child = self._cvae(trial, epochs), _child(context, on_report)
        try:
            cvae.fit(*tables, child)
        except ConfigError as error:  # the one it raises here: a loss that is not finite
            return cvae, math.inf, str(error)
        losses = [progress.losses["validation"] for progress in child.curve]
        lowest, last = min(losses), losses[-1]
        text = f"validation loss {lowest:.6g} at best (epoch {losses.index(lowest) + 1}), {last:.6g} at epoch {epochs}"
        return cvae, lowest if self.config.criterion == "best" else last, text

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Sample from the chosen CVAE."""
        return self._cvae_chosen.sample(conditions, context)


def _child(context: FitContext, on_report: Callable[[Progress], None]) -> FitContext:
    """Return a context of its own for one training, with the same seed, device, rows and deadline."""
    return FitContext(
        device=context.device,
        seed=context.seed,
        deadline=context.deadline,
        make_device_split=context.make_device_split,
        on_report=on_report,
    )


def _forwarded(context: FitContext, total: int, *, before: int, curve: str) -> Callable[[Progress], None]:
    """Return what passes a trial's reports on: epochs counted over the grid, the validation loss under its own name."""

    def forward(progress: Progress) -> None:
        every = max(1, progress.of // CURVE_POINTS)
        if progress.epoch % every == 0 or progress.epoch == progress.of:
            losses = {f"validation, {curve}": progress.losses["validation"]}
            context.report(before + progress.epoch, total, **losses)

    return forward
