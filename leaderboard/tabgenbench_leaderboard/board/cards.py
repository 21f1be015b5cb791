"""Dataset cards (descriptions of datasets) of a board, from the records of a store."""

from __future__ import annotations

from tabgenbench.records import Card
from tabgenbench.store.dataset_index import DatasetIndex
from tabgenbench.store.store import Store
from tabgenbench_leaderboard.board.model import Board

__all__ = ["dataset_cards"]


def dataset_cards(store: Store, board: Board) -> dict[str, Card]:
    """Return the cards of those datasets of a board that have a record in the store, by the dataset's label."""
    labels: dict[str, list[str]] = {}  # several if a suite trains on several numbers of rows of a table
    for dataset in board.datasets:
        labels.setdefault(dataset.fingerprint, []).append(dataset.dataset)
    found = {}
    for path in sorted((store.root / "datasets").glob("*.json")):
        index = store.read(path, DatasetIndex)
        if index is not None and index.fingerprint in labels and index.card != Card():
            found.update(dict.fromkeys(labels[index.fingerprint], index.card))
    return found
