"""The files of a published board beside its records and its manifest."""

from __future__ import annotations

from tabgenbench_leaderboard.files import FORMATS, render_board
from tabgenbench_leaderboard.pages.to_draws import has_parquet
from tabgenbench_leaderboard.report import BoardView

__all__ = ["board_files"]


def board_files(view: BoardView, *, parquet: bool | None = None) -> dict[str, bytes]:
    """Return the content of every file by its path; equal records and programs give equal bytes.

    Args:
        view: the board, from published records.
        parquet: whether the scores of all draws are a Parquet file, not CSV; by default if its package is installed.
    """
    draws = "parquet" if (has_parquet() if parquet is None else parquet) else "draws"
    formats = (*FORMATS, "tex", "bib", draws)
    files = render_board(view.board, formats, artifacts=view.artifacts, extras=view.extras())
    return {**files, ".nojekyll": b""}  # static hosts then pass every file on as it is
