"""Base class of generators, and the objects (contexts) that their methods get."""

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
    """Progress of a training: number of finished epochs, total number of epochs, and losses by name."""

    epoch: int
    of: int
    losses: dict[str, float]


@dataclass(kw_only=True)
class Context:
    """Settings of one phase (fit or sample) of a generator, and methods that record what happens in the phase.

    Attributes:
        device: device of the computation, such as ``cpu`` or ``cuda:0``.
        seed: seed of this phase. Equal seeds must give equal results.
        deadline: value of `time.monotonic` at which the phase is terminated, or None.
        fallbacks: records that the method `fallback` has added.
        notes: sentences that the method `note` has added.
        make_device_split: function that creates the tensors of `device_split`. To create a context in your own code,
            pass ``lambda: upload(train, validation, device)`` with `tabgenbench.interfaces.device_split.upload`.
    """

    device: str
    seed: int
    deadline: float | None = None
    fallbacks: list[Fallback] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    make_device_split: Callable[[], DeviceSplit] | None = None

    @cached_property
    def numpy(self) -> np.random.Generator:
        """NumPy random generator with the seed of this phase."""
        return np.random.default_rng(self.seed)

    @cached_property
    def torch(self) -> torch.Generator:
        """Torch random generator on `device` with the seed of this phase."""
        import torch

        return torch.Generator(self.device).manual_seed(self.seed % 2**63)

    @property
    def device_split(self) -> DeviceSplit:
        """Training and validation rows as tensors on the device, copied once per process.

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
        """Record that ``rows`` rows of a condition were sampled not by the model, but by the fallback rule ``rule``."""
        self.fallbacks.append(Fallback(condition=condition, rows=int(rows), rule=rule))

    def note(self, text: str) -> None:
        """Add a sentence to the record of the training; a repeated sentence is stored once."""
        if text not in self.notes:
            self.notes.append(text)


@dataclass(kw_only=True)
class FitContext(Context):
    """The context of `Generator.fit`."""

    on_report: Callable[[Progress], None] | None = None
    curve: list[Progress] = field(default_factory=list)

    def report(self, epoch: int, of: int, **losses: float) -> None:
        """Report that an epoch is finished; ``of`` is the number of epochs. Boards show the losses as curves."""
        progress = Progress(int(epoch), int(of), {name: float(value) for name, value in losses.items()})
        self.curve.append(progress)
        if self.on_report is not None:
            self.on_report(progress)


@dataclass(kw_only=True)
class SampleContext(Context):
    """The context of `Generator.sample`.

    Attributes:
        draw: number of the synthetic table, counted from 0.
    """

    draw: int = 0


class Generator(ABC):
    """Base class of generators. A generator learns from training rows and samples a row for each requested condition.

    A subclass sets the class attributes, may define ``Config`` (its options), and implements `fit` and `sample`.
    TabGenBench creates a new generator object for each training, in a separate process.

    Attributes:
        name: name of the generator on the command line.
        card: summary, citation, licence and web address of the model.
        scale: scale of the rows that `fit` gets and `sample` returns: ``standardized``, or ``own`` (not transformed).
        is_control: whether the generator is a control (a simple generator for comparison).
        planted_for: question, such as ``privacy``, whose headline scores should detect the fault of this planted
            failure; empty for other generators. `tabgenbench calibrate` tests scores with planted failures; boards do
            not show planted failures.
        makes: kinds of columns that the generator samples: ``numeric`` (the features ``X``) and ``categorical`` (the
            columns ``train.categories``).
        trained_on: which rows `fit` gets: ``train`` or, only for controls, ``reference``. If a suite splits a table
            into thirds, the reference is the third that no model gets.
        samples: whether the generator samples rows. False for models that only embed rows or predict labels (see
            `EmbeddingModel`). Suites with synthetic tables skip these models.
        libraries: modules that the generator's methods import, such as ``torch``. TabGenBench imports them first, so
            that measured times exclude imports.
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
        """Raise `Unsupported`, with the reason, if the generator cannot learn a table of this schema and size.

        Args:
            schema: roles of the columns, without the group column, which generators never get.
            n_rows: number of training rows.
            n_features: number of numeric features.
        """

    def estimate_memory(self, schema: Schema, n_rows: int, n_features: int) -> int | None:
        """Return the estimated peak memory of `fit` in bytes, or None if it is unknown.

        The estimate assumes training on a CPU and excludes the memory of libraries. See `supports` for the arguments.
        """
        return None

    @abstractmethod
    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Learn from training rows.

        Args:
            train: training rows on the scale that the class attribute `scale` names.
            validation: rows on this scale for early stopping and model selection, or None.
            context: device and seed, and methods to report the progress.

        Raises:
            Unsupported: the generator does not support this table. The cell is recorded as skipped, with the reason.
        """

    @abstractmethod
    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Return one synthetic row for each row of ``conditions``, in the same order, on the scale that `fit` got.

        Keep the table ``train`` of `fit`, and return ``train.like(values, conditions)`` or, with categorical features,
        ``train.like(values, conditions, categories)``. TabGenBench then rounds features of whole numbers. If a
        categorical feature marks a numeric value as missing, TabGenBench ignores the numeric value.

        Args:
            conditions: the conditions of the requested rows, shape (n_rows, n_conditions). Usually these are the
                conditions of the test rows.
            context: device, seed and number of the synthetic table.

        Raises:
            Unsupported: the generator cannot sample these rows. The cell is recorded as skipped, with the reason.
        """
