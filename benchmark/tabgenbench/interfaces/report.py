"""What a report is: it turns the records of a run into a board, that is tables, figures and pages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["Board", "Report"]


class Board(Protocol):
    """What a run found, ready to be shown: in a notebook, on a terminal, in a folder."""

    def table(self) -> pd.DataFrame:
        """Return one row a dataset and generator: the headline scores with their intervals, and the costs."""

    @property
    def scores(self) -> pd.DataFrame:
        """One row a score of a cell: dataset, generator, label, is_control, split, seed, metric, score, value, ..."""

    @property
    def figure_names(self) -> tuple[str, ...]:
        """Names of the figures that there are."""

    def figure(self, name: str) -> Figure:
        """Draw one figure.

        Raises:
            ConfigError: there is none of this name; suggests a close one.
        """

    def save(self, folder: Path) -> list[Path]:
        """Write the whole board to a folder and return the paths of its files."""

    def text(self) -> str:
        """Return the headline as text: at most 50 lines of at most 100 columns."""

    def _repr_html_(self) -> str:
        """Return what a notebook shows: HTML that loads nothing."""


class Report(ABC):
    """A way to show what a store has of a suite.

    Attributes:
        name: how it is looked up.
        summary: one line for a list of reports.
    """

    name: ClassVar[str]
    summary: ClassVar[str] = ""

    @abstractmethod
    def build(self, store_folder: Path, suite: str | None = None) -> Board:
        """Read the records of a suite.

        Args:
            store_folder: folder of a store.
            suite: name of the suite; None for the one that was run last.

        Raises:
            StoreError: there is no store, or nothing of the suite is scored yet.
            ConfigError: this suite was not run in this store; suggests a close name.
        """
