"""Learning curves: the results on one dataset for different numbers of training rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tabgenbench_leaderboard.board.model import Board, DatasetBoard

__all__ = ["LearningCurve", "learning_curves"]

_TRAIN_ROWS = re.compile(r"(?P<name>.+)[:,]train_rows=(?P<rows>\d+)")


@dataclass(frozen=True)
class LearningCurve:
    """The results on one dataset by number of training rows.

    Attributes:
        name: name of the dataset, without the option ``train_rows``.
        rows: numbers of training rows, ascending.
        datasets: the results for each number of training rows.
    """

    name: str
    rows: tuple[int, ...]
    datasets: tuple[DatasetBoard, ...]


def learning_curves(board: Board) -> tuple[LearningCurve, ...]:
    """Return a learning curve for each dataset with results for at least two different numbers of training rows."""
    found: dict[str, list[tuple[int, DatasetBoard]]] = {}
    for dataset in board.datasets:
        match = _TRAIN_ROWS.fullmatch(dataset.dataset)
        if match:
            found.setdefault(match["name"], []).append((int(match["rows"]), dataset))
    return tuple(_curve(name, points) for name, points in found.items() if len(points) > 1)


def _curve(name: str, points: Sequence[tuple[int, DatasetBoard]]) -> LearningCurve:
    ordered = sorted(points, key=lambda point: point[0])
    return LearningCurve(name, tuple(rows for rows, _ in ordered), tuple(dataset for _, dataset in ordered))
