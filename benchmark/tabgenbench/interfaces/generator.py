"""Abstract base class of generators, and the contexts passed to them."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pandas as pd

from tabgenbench.data.schema import Schema
from tabgenbench.data.table import Table
from tabgenbench.options import Options
from tabgenbench.records import Card, Fallback, Question

if TYPE_CHECKING:
    import torch

    from tabgenbench.interfaces.device_split import DeviceSplit

__all__ = ["Context", "FitContext", "Generator", "Progress", "SampleContext"]


@dataclass(frozen=True)
class Progress:
    """Progress of a training run: finished epochs, total epochs, and losses by name."""

    epoch: int
    of: int
    losses: dict[str, float]


@dataclass(kw_only=True)
class Context:
    """Seed, device, deadline and methods that the harness passes to a generator.

    Attributes:
        device: device of the computation, such as ``cpu`` or ``cuda:0``.
        seed: seed of this phase; equal seeds must give equal results.
        deadline: `time.monotonic` value at which the phase is terminated, or None.
        fallbacks: fallback rules recorded by `fallback`.
        notes: sentences recorded by `note`.
        make_device_split: function that creates `device_split`; outside a run, pass ``lambda: upload(train, validation,
            device)`` with `tabgenbench.interfaces.device_split.upload`.
    """

    device: str
    seed: int
    deadline: float | None = None
    fallbacks: list[Fallback] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    make_device_split: Callable[[], DeviceSplit] | None = None

    @cached_property
    def numpy(self) -> np.random.Generator:
        """A NumPy random generator with the seed of this phase (fit or sample)."""
        return np.random.default_rng(self.seed)

    @cached_property
    def torch(self) -> torch.Generator:
        """A torch random generator with the seed of this phase (fit or sample), on `device`."""
        import torch

        return torch.Generator(self.device).manual_seed(self.seed % 2**63)

    @property
    def device_split(self) -> DeviceSplit:
        """Training and validation rows as tensors on the device, uploaded once per process.

        Raises:
            RuntimeError: the context has no ``make_device_split``.
        """
        if self.make_device_split is None:
            raise RuntimeError("this context has no split; create it with make_device_split")
        return self.make_device_split()

    @property
    def seconds_left(self) -> float:
        """Seconds until the deadline; infinite if there is no deadline."""
        return float("inf") if self.deadline is None else self.deadline - time.monotonic()

    def fallback(self, condition: str, *, rows: int, rule: str) -> None:
        """Record that a rule, such as ``nearest known condition: ...``, sampled ``rows`` rows of a condition."""
        self.fallbacks.append(Fallback(condition=condition, rows=int(rows), rule=rule))

    def note(self, text: str) -> None:
        """Add a sentence to the record; repeated sentences are stored once."""
        if text not in self.notes:
            self.notes.append(text)


@dataclass(kw_only=True)
class FitContext(Context):
    """The context of `Generator.fit`."""

    on_report: Callable[[Progress], None] | None = None
    curve: list[Progress] = field(default_factory=list)

    def report(self, epoch: int, of: int, **losses: float) -> None:
        """Report that ``epoch`` of ``of`` epochs are finished; the reported losses form the loss curves."""
        progress = Progress(int(epoch), int(of), {name: float(value) for name, value in losses.items()})
        self.curve.append(progress)
        if self.on_report is not None:
            self.on_report(progress)


@dataclass(kw_only=True)
class SampleContext(Context):
    """The context of `Generator.sample`.

    Attributes:
        draw: number of the draw (synthetic table), counted from 0.
    """

    draw: int = 0


class Generator(ABC):
    """A model of tables that learns from training rows and samples one row for each requested condition.

    A subclass sets the class attributes, may define ``Config`` (its options), and implements `fit` and `sample`. The
    harness creates one object for each training, in a separate process.

    Attributes:
        name: name on the command line.
        card: summary, citation, licence and address.
        scale: scale of the rows that `fit` gets and `sample` returns: ``standardized``, or the dataset's ``own`` scale.
        is_control: whether the generator is a control, not a model.
        planted_for: for a planted failure, which is a control with one known fault, the question whose headline (main)
            scores should detect the fault; empty for every other generator. `tabgenbench calibrate` tests scores with
            planted failures; boards do not show planted failures.
        makes: kinds of columns that the generator can generate: ``numeric`` (the features ``X``) and ``categorical``
            (the columns ``train.categories``). A generator of both kinds returns ``train.like(values, conditions,
            categories)``.
        trained_on: ``train``, or ``reference``, which only a control may set. With ``reference``, `fit` gets the
            reference rows of a split into thirds instead of the training rows.
        samples: whether `sample` makes rows. A model that only embeds rows sets False (see `EmbeddingModel`) and is
            refused in suites that request synthetic tables (draws).
        libraries: modules that the generator's methods import, such as ``torch``; they are imported before the measured
            phases.
    """

    name: ClassVar[str]
    card: ClassVar[Card]
    scale: ClassVar[Literal["standardized", "own"]] = "standardized"
    is_control: ClassVar[bool] = False
    planted_for: ClassVar[Question] = ""
    makes: ClassVar[tuple[Literal["numeric", "categorical"], ...]] = ("numeric",)
    trained_on: ClassVar[Literal["train", "reference"]] = "train"
    samples: ClassVar[bool] = True
    libraries: ClassVar[tuple[str, ...]] = ()

    class Config(Options):
        """No options."""

    def __init__(self, config: Options | None = None) -> None:
        self.config = config if config is not None else self.Config()

    @classmethod  # noqa: B027 - by default, every table is supported
    def supports(cls, schema: Schema, n_rows: int, n_features: int) -> None:
        """Raise `Unsupported`, with the reason, if the generator does not support a table of this schema and size.

        Args:
            schema: roles of the columns, without the group.
            n_rows: number of training rows.
            n_features: number of numeric features.
        """

    def estimate_memory(self, schema: Schema, n_rows: int, n_features: int) -> int | None:
        """Estimate the peak memory of `fit`, or return None if it is unknown.

        The estimate is in bytes of main memory when training on a CPU, without the memory of libraries. The arguments
        are the same as those of `supports`.
        """
        return None

    @abstractmethod
    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Learn from training rows.

        Args:
            train: training rows, on `scale`.
            validation: rows for early stopping and model selection, on `scale`; None if the split has none.
            context: device, seed and progress.

        Raises:
            Unsupported: the generator does not support this table; the cell (training) is skipped with the reason.
        """

    @abstractmethod
    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Return one row for each row of ``conditions``, in order, on `scale`.

        ``train.like(values, conditions)`` builds the table; if the generator makes categorical features, pass them as
        the third argument. The harness rounds whole-number features, and ignores the values of a feature in rows in
        which its companion column marks a missing value.

        Args:
            conditions: the condition columns of the requested rows, shape (n_rows, n_conditions); those of the test
                rows unless the suite sets ``rows_per_training_row``.
            context: device, seed and number of the draw.

        Raises:
            Unsupported: the generator cannot sample these rows; the cell (training) is skipped with the reason.
        """
