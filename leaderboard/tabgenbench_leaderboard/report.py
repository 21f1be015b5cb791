"""The report ``leaderboard``: a board as an object, for notebooks and for the commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from tabgenbench import Report, did_you_mean
from tabgenbench.errors import ConfigError
from tabgenbench.store.store import Store
from tabgenbench_leaderboard.board.aggregate import assemble_board
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
    """Scores with intervals over splits, comparisons with controls, costs, failures and figures."""

    name: ClassVar[str] = "leaderboard"
    summary: ClassVar[str] = "scores with intervals, comparisons with the controls, costs, failures and figures"

    def build(self, store_folder: Path, suite: str | None = None) -> BoardView:
        """Read the records of a suite; arguments and errors as in `tabgenbench.Report.build`."""
        store = Store(Path(store_folder))
        record = find_suite(store, suite)
        cells = collect_cells(store, record)
        board = assemble_board(record, cells)
        require_scores(store, record, board)
        artifacts = collect_artifacts(store, record)
        unreadable = tuple(str(found) for found in store.quarantined)
        return BoardView(board, cells, artifacts, store_folder=Path(store_folder), unreadable=unreadable)


@dataclass(frozen=True, eq=False, repr=False)
class BoardView:
    """A board as `tabgenbench.Board` describes it.

    Attributes:
        board: all values that the pages show, immutable.
        cells: records of each cell of the suite.
        artifacts: artifacts of metrics, for their figures.
        store_folder: folder of the store.
        unreadable: sentences about files of the store that are not valid records.
    """

    board: Board
    cells: Sequence[CellFacts]
    artifacts: StoredArtifacts
    store_folder: Path
    unreadable: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return self.text()

    def table(self) -> pd.DataFrame:
        """Return one row per dataset and generator: headline scores with half of their intervals, and costs."""
        from tabgenbench_leaderboard.pages.to_frame import headline_frame

        return headline_frame(self.board)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row per score of a cell, averaged over draws; see `pages.to_frame.scores_frame` for the columns."""
        from tabgenbench_leaderboard.pages.to_frame import scores_frame

        return scores_frame(self.board, self.cells)

    @property
    def figure_names(self) -> tuple[str, ...]:
        """Names of the figures: the stems of the files that `save` writes."""
        return tuple(self._figures)

    def figure(self, name: str) -> Figure:
        """Draw one figure.

        Raises:
            ConfigError: there is no figure with this name; the message suggests a close one.
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

    def extras(self) -> Extras:
        """Return what some formats show beside the board; reads the records again."""
        from tabgenbench_leaderboard.board.cards import dataset_cards
        from tabgenbench_leaderboard.board.draws import draw_rows
        from tabgenbench_leaderboard.files import Extras

        store = Store(self.store_folder)
        return Extras(draw_rows(store, find_suite(store, self.board.suite)), dataset_cards(store, self.board))

    def save(self, folder: Path) -> list[Path]:
        """Write the whole board to a folder and return the paths of its files."""
        from tabgenbench_leaderboard.files import write_board

        return write_board(self.board, Path(folder), artifacts=self.artifacts)

    def text(self) -> str:
        """Return the headline as text: at most 46 lines of 100 columns."""
        return headline_text(self.board, again(f"{self.board.suite} --store {self.store_folder}"))

    def _repr_html_(self) -> str:
        from tabgenbench_leaderboard.pages.to_notebook import notebook_html

        return notebook_html(self.board)
