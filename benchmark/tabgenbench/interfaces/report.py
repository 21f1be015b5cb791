"""Base class of reports, which turn the results of a run into a board of tables, figures and pages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["Board", "Report"]


class Board(Protocol):
    """Results of a run for display in a notebook, on a terminal, or as files."""

    def table(self) -> pd.DataFrame:
        """Return a frame of main scores, confidence intervals and costs, with one row per dataset and generator."""

    @property
    def scores(self) -> pd.DataFrame:
        """Frame of all scores: one row per score, dataset, generator, split and seed."""

    @property
    def figure_names(self) -> tuple[str, ...]:
        """Names of the available figures."""

    def figure(self, name: str) -> Figure:
        """Draw and return one figure.

        Raises:
            ConfigError: no figure has this name; the message suggests a similar name.
        """

    def save(self, folder: Path) -> list[Path]:
        """Write all pages, tables and figures of the board to a folder, and return the paths of the files."""

    def text(self, where: Sequence[str] | None = None) -> str:
        """Return a summary of the board as text with at most 50 lines of at most 100 characters.

        Args:
            where: last lines of the text, which say where the full board is. By default, these lines name the command
                that writes the board.
        """

    def _repr_html_(self) -> str:
        """Return self-contained HTML for a notebook."""


class Report(ABC):
    """Base class of reports. A report builds boards from the results in a folder (store).

    Attributes:
        name: name of the report.
        summary: description in one line for ``tabgenbench list``.
    """

    name: ClassVar[str]
    summary: ClassVar[str] = ""

    @abstractmethod
    def build(self, store_folder: Path, suite: str | None = None) -> Board:
        """Return a board of the results of a suite.

        Args:
            store_folder: folder of results.
            suite: name of the suite; None selects the most recent suite, if possible one without planted failures.

        Raises:
            StoreError: the store does not exist or contains no suite, or the suite has no result yet.
            ConfigError: the store contains other suites, but not this one; the message suggests a similar name.
        """
