"""The two boards of a comparison, each read from a published board, a store, or a ``board.json``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tabgenbench.errors import ConfigError
from tabgenbench.formatting import place_text
from tabgenbench.store.store import Store
from tabgenbench_leaderboard.board.find import find_suite
from tabgenbench_leaderboard.board.model import Board
from tabgenbench_leaderboard.files import read_board
from tabgenbench_leaderboard.publish.publish import RECORDS
from tabgenbench_leaderboard.report import Leaderboard

__all__ = ["Side", "read_side"]

Place = tuple[str, str, str, int]
"""Dataset, generator label, split with its fold, and seed of a cell (training)."""


@dataclass(frozen=True)
class Side:
    """One of two compared boards.

    For a board without records, such as a ``board.json``, ``cells``, ``splits`` and ``metrics`` are empty.

    Attributes:
        name: name of the board in messages.
        board: scores, costs and comparisons of the board.
        cells: key of each training (cell).
        splits: hash of each split, or the hashes of its two folds, by dataset and index of the split.
        metrics: keys (hashes of options and code) of each metric, by dataset and label of the metric.
    """

    name: str
    board: Board
    cells: dict[Place, str] = field(default_factory=dict)
    splits: dict[tuple[str, int], frozenset[str]] = field(default_factory=dict)
    metrics: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)


def read_side(text: str, boards: Path, suite: str | None = None) -> Side:
    """Read one of the two boards of a comparison.

    Args:
        text: name or folder of a published board, path of a board.json, or folder of a store.
        boards: folder of the published boards.
        suite: name of the suite to read from a store; None for the most recent suite.

    Raises:
        ConfigError: there is no board with this name or path.
        StoreError: the records or the board.json of the board cannot be read.
    """
    for place in (Path(text).expanduser(), boards / text):
        if (place / RECORDS / "suites").is_dir():
            return _read_records(text, place / RECORDS, None)
        if (place / "suites").is_dir():
            return _read_records(text, place, suite)
        if (place / "board.json").is_file():
            return Side(text, read_board(place / "board.json"))
        if place.is_file():
            return Side(text, read_board(place))
    raise ConfigError(
        f"{text!r}: not a board in {boards}, a folder of a board, a board.json or a store; check the name"
    )


def _read_records(name: str, folder: Path, suite_name: str | None) -> Side:
    view = Leaderboard().build(folder, suite_name)
    store = Store(folder)
    cells: dict[Place, str] = {}
    splits: dict[tuple[str, int], frozenset[str]] = {}
    metrics: dict[tuple[str, str], set[str]] = {}
    for row in find_suite(store, view.board.suite).rows:
        cells[row.dataset, row.shown, place_text(row.split, row.fold), row.seed] = row.key
        for label, key in row.scores.items():
            metrics.setdefault((row.dataset, label), set()).add(key)
    for cell in view.cells:
        if cell.identity is not None:
            place = (cell.row.dataset, cell.row.split)
            splits[place] = splits.get(place, frozenset()) | {cell.identity.split_fingerprint}
    return Side(name, view.board, cells, splits, {place: tuple(sorted(keys)) for place, keys in metrics.items()})
