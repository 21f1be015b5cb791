"""Interfaces of the objects that are passed to observer hooks."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from tabgenbench.records import CellIdentity, Problem

__all__ = ["ObservedCell", "ObservedRun"]


class ObservedCell(Protocol):
    """One training of a generator on one split with one seed (a cell of a run)."""

    @property
    def key(self) -> str:
        """The hash that identifies the training."""

    @property
    def identity(self) -> CellIdentity:
        """Dataset, split, generator and seed."""

    @property
    def title(self) -> str:
        """Title of the training, such as ``cvae · rnaseqdb · split 0 · seed 0``."""


class ObservedRun(Protocol):
    """One run of a suite."""

    @property
    def suite_name(self) -> str:
        """Name of the suite in the store."""

    @property
    def store_folder(self) -> Path:
        """Folder of the store."""

    @property
    def is_quiet(self) -> bool:
        """Whether observers must print nothing, because the program that started the run shows the result."""

    @property
    def n_cells(self) -> int:
        """Number of trainings that the suite requests."""

    @property
    def n_todo(self) -> int:
        """Number of cells (trainings) that this run trains or scores."""

    @property
    def n_finished(self) -> int:
        """Number of trainings that this run has finished so far."""

    @property
    def problems(self) -> list[Problem]:
        """Trainings and metrics with a status other than ``ok``; the list is complete after the run."""

    @property
    def skipped(self) -> list[Problem]:
        """Trainings and metrics that were skipped, with the reason; the list is complete after the run."""
