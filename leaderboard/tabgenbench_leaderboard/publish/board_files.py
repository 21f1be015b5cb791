"""The pages, tables and figures of a published board: all files except the records and the manifest."""

from __future__ import annotations

from tabgenbench_leaderboard.files import FORMATS, render_board
from tabgenbench_leaderboard.pages.to_draws import has_parquet
from tabgenbench_leaderboard.report import BoardView

__all__ = ["board_files"]


def board_files(view: BoardView, *, parquet: bool | None = None) -> dict[str, bytes]:
    """Return the content of every page, table and figure by its path; equal records and code give equal bytes.

    Args:
        view: the board.
        parquet: whether the scores of all draws (synthetic tables) are written as Parquet (true) or CSV (false). None
            selects Parquet if the package pyarrow is installed.
    """
    draws = "parquet" if (has_parquet() if parquet is None else parquet) else "draws"
    formats = (*FORMATS, "tex", "bib", draws)
    files = render_board(view.board, formats, artifacts=view.artifacts, extras=view.extras(formats, published=True))
    return {**files, ".nojekyll": b""}  # this empty file makes GitHub Pages publish all other files unchanged
