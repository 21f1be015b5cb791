"""Selection of generated rows of CTGAN and TVAE by their conditions.

The condition columns are combined into one discrete column. Neither CTGAN nor TVAE can guarantee the condition of a
generated row. CTGAN has a condition as input, but may generate another condition. TVAE has no such input. Therefore
rows are generated first, and rows with a requested condition are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tabgenbench import Context

__all__ = ["Draw", "Match", "match_rows", "record_fallbacks"]

Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Draw:
    """A batch of generated rows.

    Attributes:
        rows: the rows, of any type that is indexed like an array.
        labels: code of the condition that was generated with each row, shape (n_rows,).
    """

    rows: Any
    labels: Codes


class DrawRows(Protocol):
    """Function that generates a batch for one condition, or for random conditions if the argument is None."""

    def __call__(self, value: int | None, /) -> Draw:
        """Return a batch."""


@dataclass(frozen=True, eq=False)
class Match:
    """Assignment of one generated row to each requested row.

    Attributes:
        draws: the generated batches.
        batch: index of the batch from which each requested row is taken, shape (n_asked,).
        row: index of the row in this batch, shape (n_asked,).
        matched: whether the generated row has the requested condition, shape (n_asked,).
    """

    draws: Sequence[Draw]
    batch: Codes
    row: Codes
    matched: NDArray[np.bool_]

    def gather(self, empty: Any) -> Any:
        """Write the assigned rows, in the requested order, into the array ``empty``, and return ``empty``."""
        ends = np.cumsum(np.bincount(self.batch, minlength=len(self.draws)))
        by_batch = np.split(np.argsort(self.batch, kind="stable"), ends[:-1])
        for draw, places in zip(self.draws, by_batch, strict=False):  # no draws: one empty part
            empty[places] = draw.rows[self.row[places]]
        return empty


class _Pool:
    """Generated rows, and their assignment to requested rows.

    Attributes:
        waiting: for each condition the positions of the requested rows without a generated row, ascending.
    """

    def __init__(self, asked: Codes) -> None:
        values, counts = np.unique(asked, return_counts=True)
        by_value = np.split(np.argsort(asked, kind="stable"), np.cumsum(counts)[:-1])
        self.waiting = dict(zip(values.tolist(), by_value, strict=False))
        self.draws: list[Draw] = []
        self.values: list[int | None] = []
        self.free: list[NDArray[np.bool_]] = []
        self.batch = np.full(len(asked), -1, dtype=np.int64)
        self.row = np.full(len(asked), -1, dtype=np.int64)
        self.matched = np.zeros(len(asked), dtype=bool)

    def n_waiting(self, value: int | None = None) -> int:
        return sum(len(places) for k, places in self.waiting.items() if value is None or k == value)

    def add(self, draw: Draw, value: int | None) -> int:
        """Assign the rows of a batch to requests for the same condition; return the number of assigned rows.

        Unassigned rows are stored for later use.
        """
        n_waiting = self.n_waiting()
        kept = _first_of_each_label(draw.labels, n_waiting)
        self.draws.append(Draw(draw.rows[kept], draw.labels[kept]))
        self.values.append(value)
        self.free.append(np.ones(len(kept), dtype=bool))
        for k in np.unique(draw.labels).tolist():
            waiting, rows = self.waiting.get(k, kept[:0]), np.flatnonzero(draw.labels == k)
            places = waiting[: len(rows)]
            if len(places):
                self.waiting[k] = waiting[len(rows) :]
                self.give(places, len(self.draws) - 1, np.searchsorted(kept, rows[: len(places)]))
                self.matched[places] = True
        return n_waiting - self.n_waiting()

    def give(self, places: Codes, batch: int, rows: Codes) -> None:
        self.batch[places], self.row[places] = batch, rows
        self.free[batch][rows] = False

    def open_conditions(self) -> list[int]:
        return [k for k, places in self.waiting.items() if len(places)]

    def n_free(self, value: int | None = None) -> int:
        """Return the number of unassigned rows in batches for condition ``value``, or in all batches if it is None."""
        pairs = zip(self.free, self.values, strict=True)
        return int(sum(free.sum() for free, v in pairs if value is None or v == value))


def _first_of_each_label(labels: Codes, n: int) -> Codes:
    kept = [np.flatnonzero(labels == k)[:n] for k in np.unique(labels)]
    return np.sort(np.concatenate([*kept, np.zeros(0, dtype=np.int64)]))


def match_rows(
    asked: Codes,
    draw: DrawRows,
    *,
    max_batches: int,
    can_condition: bool,
    likeness: Callable[[int], NDArray[np.int64]],
) -> Match:
    """Assign a generated row to each request, with the requested condition if the model generates enough such rows.

    A request without a row is open. The first batches have random conditions. If the model accepts a condition as
    input, the random batches end after a batch in which no row has the condition of an open request. Then batches are
    generated for each condition with open requests. Requests that are still open after the largest number of batches
    (see ``max_batches``) get unassigned rows with other conditions. If the model accepts a condition as input, these
    are rows that it generated for the requested condition; otherwise, they are rows with the most similar conditions.
    If there are too few unassigned rows, further batches are generated. Every generated row is used at most once.

    Args:
        asked: codes of the requested conditions, shape (n_asked,).
        draw: generates a batch.
        max_batches: the largest number of batches is ``max_batches`` + n // rows per batch, where n is the number of
            open requests before the first of these batches. This limit applies separately to the batches with random
            conditions and to the batches for each condition.
        can_condition: whether the model accepts a condition as input of ``draw``.
        likeness: returns the similarity of a given condition to each of the K conditions, shape (K,); larger is more
            similar.
    """
    pool = _Pool(asked)

    def search(value: int | None, *, to_the_end: bool) -> None:
        n_batches, budget, n_wanted = 0, max_batches, pool.n_waiting(value)
        while n_batches < budget and pool.n_waiting(value):
            batch = draw(value)
            n_batches, budget = n_batches + 1, max_batches + n_wanted // len(batch.labels)
            if not pool.add(batch, value) and not to_the_end:
                return

    search(None, to_the_end=not can_condition)
    if can_condition:
        for k in pool.open_conditions():
            search(k, to_the_end=True)
    for k in pool.open_conditions():
        value = k if can_condition else None
        while pool.n_free(value) < pool.n_waiting(k):
            pool.add(draw(value), value)
        _serve_anyway(pool, k, value, likeness(k))
    return Match(pool.draws, pool.batch, pool.row, pool.matched)


def _serve_anyway(pool: _Pool, asked: int, value: int | None, likeness: NDArray[np.int64]) -> None:
    places = pool.waiting.pop(asked)
    candidates = [
        (i, rows)
        for i, (free, v) in enumerate(zip(pool.free, pool.values, strict=True))
        if (value is None or v == value) and len(rows := np.flatnonzero(free))
    ]
    batch = np.concatenate([np.full(len(rows), i, dtype=np.int64) for i, rows in candidates] or [places[:0]])
    row = np.concatenate([rows for _, rows in candidates] or [places[:0]])
    if value is None:
        alike = np.concatenate([likeness[pool.draws[i].labels[rows]] for i, rows in candidates] or [places[:0]])
        best = np.argsort(-alike, kind="stable")
        batch, row = batch[best], row[best]
    for place, i, r in zip(places, batch, row, strict=False):
        pool.give(np.array([place]), int(i), np.array([r]))


def record_fallbacks(
    asked: Codes, fell_back: NDArray[np.bool_], labels: Sequence[str], rule: str, context: Context
) -> None:
    """Record, for each condition, how many requests got a row that was generated with another condition.

    ``fell_back`` marks these requests; ``rule`` says how their rows were chosen.
    """
    for k in np.unique(asked[fell_back]).tolist():
        context.fallback(labels[k], rows=int((fell_back & (asked == k)).sum()), rule=rule)
