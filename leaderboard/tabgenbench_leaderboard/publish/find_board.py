"""Search for a published board by its name or its folder."""

from __future__ import annotations

from pathlib import Path

from tabgenbench.errors import ConfigError, did_you_mean
from tabgenbench_leaderboard.publish.manifest import MANIFEST

__all__ = ["find_board"]


def find_board(text: str, boards: Path) -> Path:
    """Return the folder of a published board.

    Args:
        text: path of the board, or its name in ``boards``.
        boards: folder of published boards.

    Raises:
        ConfigError: there is no published board of this name or path.
    """
    for folder in (Path(text).expanduser(), boards / text):
        if (folder / MANIFEST).is_file():
            return folder
    known = [path.parent.name for path in sorted(boards.glob(f"*/{MANIFEST}"))]
    if (boards / text).is_dir() or Path(text).is_dir():
        folder = boards / text if (boards / text).is_dir() else Path(text)
        raise ConfigError(f"{folder}: has no {MANIFEST}, so it was not published; write it with `tabgenbench publish`")
    raise ConfigError(f"no board {text!r} in {boards}{did_you_mean(text, known)}; or name the folder of one")
