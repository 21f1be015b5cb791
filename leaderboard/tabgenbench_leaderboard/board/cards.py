"""Descriptions (cards) of the datasets of a board."""

from __future__ import annotations

from tabgenbench.records import Card
from tabgenbench.store.dataset_index import DatasetIndex
from tabgenbench.store.store import Store
from tabgenbench_leaderboard.board.model import Board

__all__ = ["dataset_cards"]


def dataset_cards(store: Store, board: Board) -> dict[str, Card]:
    """Return the descriptions (cards) of a board's datasets by label; datasets without a card are omitted."""
    labels: dict[str, list[str]] = {}  # a table has several labels if a suite trains on different numbers of its rows
    for dataset in board.datasets:
        labels.setdefault(dataset.fingerprint, []).append(dataset.dataset)
    found = {}
    for path in sorted((store.root / "datasets").glob("*.json")):
        index = store.read(path, DatasetIndex)
        if index is not None and index.fingerprint in labels and index.card != Card():
            found.update(dict.fromkeys(labels[index.fingerprint], index.card))
    return found
