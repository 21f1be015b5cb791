"""What a generator is: the abstract base that every model and every control fills in."""

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
from tabgenbench.records import Card, Fallback

if TYPE_CHECKING:
    import torch

    from tabgenbench.interfaces.device_split import DeviceSplit

__all__ = ["Context", "FitContext", "Generator", "Progress", "SampleContext"]


@dataclass(frozen=True)
class Progress:
    """One report of a training run: epochs done, epochs in all, and the losses by name."""

    epoch: int
    of: int
    losses: dict[str, float]


@dataclass(kw_only=True)
class Context:
    """What the harness hands to a generator.

    Attributes:
        device: where to compute, ``cpu`` or ``cuda:0`` and so on.
        seed: seed of this phase; equal seeds are to give equal results.
        deadline: `time.monotonic` value at which the phase is ended, or None.
        fallbacks: what `fallback` was told.
        notes: what `note` was told.
        make_device_split: makes `device_split`; where there is no run, ``lambda: upload(train, validation, device)``
            with `tabgenbench.interfaces.device_split.upload`.
    """

    device: str
    seed: int
    deadline: float | None = None
    fallbacks: list[Fallback] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    make_device_split: Callable[[], DeviceSplit] | None = None

    @cached_property
    def numpy(self) -> np.random.Generator:
        """A NumPy generator of this phase's seed."""
        return np.random.default_rng(self.seed)

    @cached_property
    def torch(self) -> torch.Generator:
        """A torch generator of this phase's seed, on `device`."""
        import torch

        return torch.Generator(self.device).manual_seed(self.seed % 2**63)

    @property
    def device_split(self) -> DeviceSplit:
        """Training and validation rows as tensors on the device, uploaded once a process.

        Raises:
            RuntimeError: the context was made by hand and without ``make_device_split``.
        """
        if self.make_device_split is None:
            raise RuntimeError("this context was made without a split")
        return self.make_device_split()

    @property
    def seconds_left(self) -> float:
        """Seconds until the deadline; infinite without one."""
        return float("inf") if self.deadline is None else self.deadline - time.monotonic()

    def fallback(self, condition: str, *, rows: int, rule: str) -> None:
        """Record that ``rows`` rows of a condition came from a rule, such as ``nearest known condition: ...``."""
        self.fallbacks.append(Fallback(condition=condition, rows=int(rows), rule=rule))

    def note(self, text: str) -> None:
        """Keep one sentence about what was done, for the record; a repeated one is kept once."""
        if text not in self.notes:
            self.notes.append(text)


@dataclass(kw_only=True)
class FitContext(Context):
    """The context of `Generator.fit`."""

    on_report: Callable[[Progress], None] | None = None
    curve: list[Progress] = field(default_factory=list)

    def report(self, epoch: int, of: int, **losses: float) -> None:
        """Report progress: ``epoch`` epochs of ``of`` are done, with these losses; they become the loss curves."""
        progress = Progress(int(epoch), int(of), {name: float(value) for name, value in losses.items()})
        self.curve.append(progress)
        if self.on_report is not None:
            self.on_report(progress)


@dataclass(kw_only=True)
class SampleContext(Context):
    """The context of `Generator.sample`.

    Attributes:
        draw: which of the draws this is, from 0.
    """

    draw: int = 0


class Generator(ABC):
    """A model of tables that learns from training rows and samples one row for each condition asked for.

    A subclass sets the class attributes, may narrow ``Config``, and fills in `fit` and `sample`. The harness makes one
    object a cell, in a process of its own.

    Attributes:
        name: how it is called on the command line.
        card: citation, licence, address and one sentence.
        scale: what it is fitted on and returns: ``standardized``, or the dataset's ``own`` scale.
        is_control: whether it is a yardstick and not a model.
    """

    name: ClassVar[str]
    card: ClassVar[Card]
    scale: ClassVar[Literal["standardized", "own"]] = "standardized"
    is_control: ClassVar[bool] = False

    class Config(Options):
        """No options."""

    def __init__(self, config: Options | None = None) -> None:
        self.config = config if config is not None else self.Config()

    @classmethod  # noqa: B027 - to serve every table is a fair default
    def supports(cls, schema: Schema, n_rows: int, n_features: int) -> None:
        """Raise `Unsupported` with the reason where this generator cannot serve a table of this kind and size.

        Args:
            schema: roles of the columns, without the group.
            n_rows: training rows.
            n_features: features.
        """

    def estimate_memory(self, schema: Schema, n_rows: int, n_features: int) -> int | None:
        """Return the peak memory that fitting needs, or None where it is not known.

        In bytes of the machine's memory when training on a CPU, without what the libraries themselves take; arguments
        as of `supports`.
        """
        return None

    @abstractmethod
    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Learn from training rows.

        Args:
            train: rows to learn from, on `scale`.
            validation: rows to choose by (early stopping, settings), on `scale`; None where the split has none.
            context: device, seed and progress.

        Raises:
            Unsupported: this table cannot be served after all; the cell is skipped with the reason.
        """

    @abstractmethod
    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Return one row for each row of ``conditions``, in order, on `scale`.

        ``train.like(values, conditions)`` makes the table.

        Args:
            conditions: the condition columns of the test rows, shape (n_test, n_conditions).
            context: device, seed and which draw this is.

        Raises:
            Unsupported: the cell is skipped with the reason.
        """
