"""Command-line options that several commands of this package share."""

from __future__ import annotations

from pathlib import Path

import click

from tabgenbench.commands.shared import PATH

__all__ = ["BOARDS", "boards_option"]

BOARDS = Path("leaderboard/boards")
"""Default folder of the published boards."""
boards_option = click.option(
    "--boards", default=BOARDS, show_default=True, type=PATH, help="Folder of the published boards."
)
