"""Abstract base class of reports. A report turns the records of a run into a board: tables, figures and pages."""

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
        """Return one row per dataset and generator, with the main scores, their confidence intervals, and costs."""

    @property
    def scores(self) -> pd.DataFrame:
        """One row per score of a cell (training): dataset, generator, label, split, seed, metric, score, value, ..."""

    @property
    def figure_names(self) -> tuple[str, ...]:
        """Names of the available figures."""

    def figure(self, name: str) -> Figure:
        """Draw one figure.

        Raises:
            ConfigError: no figure has this name; the message suggests a close one.
        """

    def save(self, folder: Path) -> list[Path]:
        """Write all pages, tables and figures of the board to a folder, and return the paths of the files."""

    def text(self, where: Sequence[str] | None = None) -> str:
        """Return the headline (summary) of the board as text: at most 50 lines of at most 100 columns.

        Args:
            where: last lines, which say where the full board is; by default, the command that writes it.
        """

    def _repr_html_(self) -> str:
        """Return self-contained HTML for a notebook."""


class Report(ABC):
    """Builds boards (leaderboards) from the records of a store.

    Attributes:
        name: name of the report.
        summary: one line for ``tabgenbench list``.
    """

    name: ClassVar[str]
    summary: ClassVar[str] = ""

    @abstractmethod
    def build(self, store_folder: Path, suite: str | None = None) -> Board:
        """Build a board from the records of a suite.

        Args:
            store_folder: folder of a store.
            suite: name of the suite; None selects the last run.

        Raises:
            StoreError: the store does not exist, or has no scores of the suite.
            ConfigError: the store does not contain this suite; the message suggests a close name.
        """
