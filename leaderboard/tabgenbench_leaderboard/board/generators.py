"""Groups the rows of a board by generator, and groups models whose rank intervals overlap."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tabgenbench_leaderboard.board.intervals import mean
from tabgenbench_leaderboard.board.model import BoardRow, DatasetBoard

__all__ = ["GeneratorRows", "group_generators", "tie_groups"]


@dataclass(frozen=True)
class GeneratorRows:
    """The rows of a generator on a board, one row for each dataset, by name of the dataset."""

    label: str
    is_control: bool
    rows: dict[str, BoardRow]

    @property
    def fit_seconds(self) -> float | None:
        """Mean over datasets of the mean time to fit, in seconds; None if no training succeeded."""
        found = [row.costs.fit_seconds.mean for row in self.rows.values() if row.costs.fit_seconds]
        return mean(found) if found else None

    @property
    def peak_memory_bytes(self) -> int | None:
        """Largest peak memory over datasets, in bytes; None if it was not measured."""
        found = [row.costs.peak_memory_bytes for row in self.rows.values() if row.costs.peak_memory_bytes is not None]
        return max(found, default=None)


def group_generators(datasets: Sequence[DatasetBoard]) -> list[GeneratorRows]:
    """Return the generators of a board, each with its rows on the datasets: models by label, then controls by label.

    Rows with the same label belong to the same generator. A suite may give a generator a different label on each
    dataset, such as "CTGAN, 30 epochs" and "CTGAN, 200 epochs". If each dataset has at most one row with a generator
    name, such as ``ctgan``, all rows with this name therefore also form one generator.
    """
    names: dict[tuple[bool, str], dict[str, list[BoardRow]]] = {}
    for dataset in datasets:
        for row in dataset.rows:
            names.setdefault((row.is_control, row.generator), {}).setdefault(dataset.dataset, []).append(row)
    found = []
    for (is_control, name), rows in names.items():
        labels = {row.label for group in rows.values() for row in group}
        if len(labels) > 1 and all(len(group) == 1 for group in rows.values()):
            found.append(GeneratorRows(name, is_control, {place: group[0] for place, group in rows.items()}))
            continue
        for label in labels:
            of_label = {place: row for place, group in rows.items() for row in group if row.label == label}
            found.append(GeneratorRows(label, is_control, of_label))
    return sorted(found, key=lambda one: (one.is_control, one.label))


def tie_groups(ranks: Mapping[str, tuple[int, int]]) -> dict[str, str]:
    """Return letters for models; two models have a common letter if their rank intervals overlap.

    For each rank, the models whose rank intervals contain the rank form a group. Each group of two or more models has a
    letter, unless it is part of a larger group.

    >>> tie_groups({"a": (1, 2), "b": (1, 3), "c": (2, 3), "d": (4, 4)})
    {'a': 'a', 'b': 'a', 'c': 'a', 'd': ''}
    >>> tie_groups({"a": (1, 2), "b": (1, 3), "c": (3, 3)})
    {'a': 'a', 'b': 'ab', 'c': 'b'}
    """
    shared = {
        first: frozenset(n for n, (low, high) in ranks.items() if low <= first <= high) for first, _ in ranks.values()
    }
    groups = [shared[rank] for rank in sorted(shared) if len(shared[rank]) > 1]
    largest = [group for group in groups if not any(group < other for other in groups)]
    return {
        name: "".join(_letter(i) for i, group in enumerate(dict.fromkeys(largest)) if name in group) for name in ranks
    }


def _letter(number: int) -> str:
    letters = string.ascii_lowercase
    return letters[number] if number < len(letters) else f"({number + 1})"
