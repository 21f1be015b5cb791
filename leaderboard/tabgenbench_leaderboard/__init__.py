"""Boards: records in, tables, plots and pages out.

A board needs no plugin and no torch: every score's record says itself what the score means. Entry points name this
module, so it imports nothing heavy; the parts are

    aggregate.build_board   records of a suite -> `board.Board`
    text.render_text        board -> plain text for a terminal
    files.write_board       board -> README.md, scores.csv, costs.csv, board.json, index.html, figures
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tabgenbench import hookimpl

if TYPE_CHECKING:
    import click

    from tabgenbench.run.state import Run


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add ``leaderboard`` to the command line."""
    from tabgenbench_leaderboard.command import leaderboard

    cli.add_command(leaderboard)


@hookimpl
def run_started(run: Run) -> None:
    """Import what the end of the run needs: if that fails, then now."""
    import tabgenbench_leaderboard.command
    import tabgenbench_leaderboard.pages.to_terminal  # noqa: F401


@hookimpl
def run_finished(run: Run) -> None:
    """Print the board of the run to standard output, where something is scored."""
    from tabgenbench.errors import StoreError
    from tabgenbench_leaderboard.command import load_board
    from tabgenbench_leaderboard.pages.to_terminal import print_board

    try:
        board = load_board(run.store, run.plan.suite.name)
    except StoreError:  # nothing is scored: the run itself says why
        return
    print_board(board)
