"""The plugin ``leaderboard`` (a `Report`), which builds a board and returns it as a Python object."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from tabgenbench import Report, did_you_mean
from tabgenbench.errors import ConfigError
from tabgenbench.store.reader import without_collection
from tabgenbench.store.store import Store
from tabgenbench_leaderboard.board.aggregate import assemble_board, read_calibrations
from tabgenbench_leaderboard.board.collect import CellFacts, collect_cells
from tabgenbench_leaderboard.board.find import find_suite, require_scores
from tabgenbench_leaderboard.board.model import Board
from tabgenbench_leaderboard.figures.artifacts import StoredArtifacts, collect_artifacts
from tabgenbench_leaderboard.figures.draw import BoardFigure, plan_figures
from tabgenbench_leaderboard.pages.headline import again, headline_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from tabgenbench_leaderboard.files import Extras

__all__ = ["BoardView", "Leaderboard"]


class Leaderboard(Report):
    """Report of scores with intervals, comparisons with controls, costs, failures and figures."""

    name: ClassVar[str] = "leaderboard"
    summary: ClassVar[str] = "scores with intervals, comparisons with the controls, costs, failures and figures"

    def build(self, store_folder: Path, suite: str | None = None, *, figures: bool = True) -> BoardView:
        """Build and return the board of a suite from the records of a store.

        Args:
            store_folder: folder of the store.
            suite: name of the suite; None for the most recent suite.
            figures: whether to read the loss curves and the artifacts (tables for figures) of metrics.

        Raises:
            StoreError: the store does not exist, or has no score, failure or skipped training of the suite.
            ConfigError: the store does not contain this suite.
        """
        store = Store(Path(store_folder))
        record = find_suite(store, suite)
        with without_collection():
            cells = collect_cells(store, record, curves=figures)
            board = assemble_board(record, cells, read_calibrations(store, cells))
        require_scores(store, record, board)
        artifacts = collect_artifacts(store, record) if figures else StoredArtifacts()
        unreadable = tuple(str(found) for found in store.quarantined)
        return BoardView(board, cells, artifacts, store_folder=Path(store_folder), unreadable=unreadable)


@dataclass(frozen=True, eq=False, repr=False)
class BoardView:
    """A board that implements the interface `tabgenbench.Board`.

    Attributes:
        board: all values that the pages show.
        cells: results of each training (cell) of the suite.
        artifacts: tables from which metrics draw their figures.
        store_folder: folder of the store from which the board was built.
        unreadable: one sentence for each invalid record of the store.
    """

    board: Board
    cells: Sequence[CellFacts]
    artifacts: StoredArtifacts
    store_folder: Path
    unreadable: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return self.text()

    def table(self) -> pd.DataFrame:
        """Return the headline scores and costs, with one row per dataset and generator; see `headline_frame`."""
        from tabgenbench_leaderboard.pages.to_frame import headline_frame

        return headline_frame(self.board)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """DataFrame with one row per training and score; see `pages.to_frame.scores_frame` for the columns."""
        from tabgenbench_leaderboard.pages.to_frame import scores_frame

        return scores_frame(self.board, self.cells)

    @property
    def figure_names(self) -> tuple[str, ...]:
        """Names of the figures, which are the stems of the files that `save` writes."""
        return tuple(self._figures)

    def figure(self, name: str) -> Figure:
        """Draw the figure with this name.

        Raises:
            ConfigError: there is no figure with this name; the message suggests a similar name.
        """
        from tabgenbench.interfaces.drawing import drawing

        if name not in self._figures:
            raise ConfigError(f"unknown figure {name!r}{did_you_mean(name, self._figures)}")
        with drawing():
            found = self._figures[name].draw()
        if found is None:
            raise ConfigError(f"figure {name!r}: there is nothing to draw; choose one of figure_names")
        return found

    @cached_property
    def _figures(self) -> dict[str, BoardFigure]:
        return {figure.name: figure for figure in plan_figures(self.board, self.artifacts)[0]}

    def extras(self, formats: Collection[str], *, published: bool = False) -> Extras:
        """Return the results that the formats show in addition to the board.

        Args:
            formats: the formats to write.
            published: whether the folder of the board contains the records.
        """
        from tabgenbench_leaderboard.board.draws import draw_rows
        from tabgenbench_leaderboard.files import Extras

        store = Store(self.store_folder)
        cards = {}
        if {"bib", "html"} & set(formats):  # the import is slow, because it imports NumPy, pandas and h5py
            from tabgenbench_leaderboard.board.cards import dataset_cards

            cards = dict(dataset_cards(store, self.board))
        draws = draw_rows(store, find_suite(store, self.board.suite)) if {"parquet", "draws"} & set(formats) else None
        return Extras(draws, cards, self.cells, published)

    def save(self, folder: Path) -> list[Path]:
        """Write all pages, tables and figures of the board to a folder, and return the paths of the files."""
        from tabgenbench_leaderboard.files import FORMATS, write_board

        return write_board(self.board, Path(folder), artifacts=self.artifacts, extras=self.extras(FORMATS))

    def text(self, where: Sequence[str] | None = None) -> str:
        """Return the headline as text; it ends with the lines ``where``, by default the command for the full board."""
        if where is None:
            where = again(f"{self.board.suite} --store {self.store_folder}")
        return headline_text(self.board, where)

    def _repr_html_(self) -> str:
        from tabgenbench_leaderboard.pages.to_notebook import notebook_html

        return notebook_html(self.board)
