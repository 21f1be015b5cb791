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


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add ``leaderboard`` to the command line."""
    from tabgenbench_leaderboard.command import leaderboard

    cli.add_command(leaderboard)
