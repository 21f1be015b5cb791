"""Conditions of CTGAN and TVAE: those that training draws, and rows for exactly those that a user asks for.

The condition columns are joined to one discrete column. CTGAN trains by sampling (Xu et al. 2019, section 4.3): it
draws a value of that column by the logarithm of its frequency, and a real row that has it. Neither model can be told
to give a row of a condition: CTGAN's condition raises the odds, TVAE takes none. So rows are generated and those are
kept whose own label is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from tabgenbench import Context

__all__ = ["ConditionSampler", "Draw", "Match", "match_rows", "record_fallbacks"]

Codes = NDArray[np.int64]


class ConditionSampler:
    """Draws values of the condition and real rows that have them, on the device, a whole epoch at once.

    Args:
        codes_N: the condition of each training row.
        n_values: K, number of values; each has at least one row.
        log_frequency: draw values by log(1 + count), else by count.
        generator: draws.
    """

    def __init__(
        self, codes_N: torch.Tensor, n_values: int, *, log_frequency: bool, generator: torch.Generator
    ) -> None:
        self.n_values, self.generator = n_values, generator
        self.counts_K = torch.bincount(codes_N, minlength=n_values)
        self.rows_N = torch.argsort(codes_N, stable=True)
        self.starts_K = self.counts_K.cumsum(0) - self.counts_K
        weights = self.counts_K.float()
        self.weights_K = torch.log1p(weights) if log_frequency else weights

    def values(self, n_steps: int, batch: int) -> torch.Tensor:
        """Draw values, shape (n_steps, batch), int64."""
        drawn = torch.multinomial(self.weights_K, n_steps * batch, replacement=True, generator=self.generator)
        return drawn.view(n_steps, batch)

    def rows(self, values: torch.Tensor) -> torch.Tensor:
        """Draw for each value one of the rows that have it, uniformly; same shape."""
        uniform = torch.rand(values.shape, generator=self.generator, device=values.device, dtype=torch.float64)
        counts = self.counts_K[values]
        within = torch.minimum((uniform * counts).long(), counts - 1)
        return self.rows_N[self.starts_K[values] + within]

    def shuffled(self, values: torch.Tensor) -> torch.Tensor:
        """Return each step's values in another order: real rows then have them at other places than generated ones."""
        keys = torch.rand(values.shape, generator=self.generator, device=values.device)
        return values.gather(1, keys.argsort(dim=1))


@dataclass(frozen=True, eq=False)
class Draw:
    """Generated rows.

    Attributes:
        rows: whatever the caller makes rows of; indexed like an array.
        labels: the condition that each row itself says it has, shape (n_rows,).
    """

    rows: Any
    labels: Codes


class DrawRows(Protocol):
    """Generates a batch: for a value of the condition, or, given None, of any."""

    def __call__(self, value: int | None, /) -> Draw:
        """Return the batch."""


@dataclass(frozen=True, eq=False)
class Match:
    """Which generated row serves each row asked.

    Attributes:
        draws: the batches that were generated.
        batch: for each row asked the batch that serves it, shape (n_asked,).
        row: and the row of that batch, likewise.
        matched: whether the row's own label is the condition asked, shape (n_asked,).
    """

    draws: Sequence[Draw]
    batch: Codes
    row: Codes
    matched: NDArray[np.bool_]

    def gather(self, empty: Any) -> Any:
        """Return the rows in the order asked, filled into ``empty``, an array of n_asked rows."""
        for i, draw in enumerate(self.draws):
            places = np.flatnonzero(self.batch == i)
            empty[places] = draw.rows[self.row[places]]
        return empty


class _Pool:
    """Generated rows that wait for someone who asks for them."""

    def __init__(self, asked: Codes) -> None:
        self.asked = asked
        self.draws: list[Draw] = []
        self.values: list[int | None] = []
        self.free: list[NDArray[np.bool_]] = []
        self.batch = np.full(len(asked), -1, dtype=np.int64)
        self.row = np.full(len(asked), -1, dtype=np.int64)
        self.matched = np.zeros(len(asked), dtype=bool)

    @property
    def is_open(self) -> NDArray[np.bool_]:
        return self.batch < 0

    def add(self, draw: Draw, value: int | None) -> int:
        """Give a batch's rows to the rows asked that they match; return how many that served.

        Of the others as many a label are kept as rows asked are open: no rule can need more of them.
        """
        found: list[tuple[Codes, Codes]] = []
        for k in np.unique(self.asked[self.is_open]):
            rows = np.flatnonzero(draw.labels == k)
            places = np.flatnonzero(self.is_open & (self.asked == k))[: len(rows)]
            found.append((places, rows[: len(places)]))
        served = sum(len(places) for places, _ in found)
        kept = _first_of_each_label(draw.labels, int(self.is_open.sum()))
        self.draws.append(Draw(draw.rows[kept], draw.labels[kept]))
        self.values.append(value)
        self.free.append(np.ones(len(kept), dtype=bool))
        for places, rows in found:
            self.give(places, len(self.draws) - 1, np.searchsorted(kept, rows))
            self.matched[places] = True
        return served

    def give(self, places: Codes, batch: int, rows: Codes) -> None:
        self.batch[places], self.row[places] = batch, rows
        self.free[batch][rows] = False

    def n_free(self, value: int | None = None) -> int:
        """Return how many rows are free; of those generated for a value, if one is given."""
        pairs = zip(self.free, self.values, strict=True)
        return int(sum(free.sum() for free, v in pairs if value is None or v == value))


def _first_of_each_label(labels: Codes, n: int) -> Codes:
    """Return the positions of the first ``n`` rows of each label, ascending."""
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
    """Generate rows until each row asked has one of its condition, or the budget is spent.

    First come batches of any condition. Where the model can raise the odds of a value, they end with the first batch
    that serves nobody, and each condition that is still open then gets batches of its own. A row that is open after
    that is served, whatever the label says, by a row generated for its condition (where the model takes one), else by
    the free row whose own condition is most like it. No generated row serves twice.

    Args:
        asked: the condition of each row asked, shape (n_asked,).
        draw: generates a batch.
        max_batches: budget of the first batches, beside as many as the rows asked would fill, and of each condition's.
        can_condition: whether ``draw`` takes a value.
        likeness: gives for a condition its likeness to each condition, shape (K,), larger is more alike.
    """
    pool = _Pool(asked)

    def search(value: int | None, wanted: NDArray[np.bool_], *, to_the_end: bool) -> None:
        n_batches, budget = 0, max_batches
        while n_batches < budget and (pool.is_open & wanted).any():
            batch = draw(value)
            n_batches, budget = n_batches + 1, max_batches + int(wanted.sum()) // len(batch.labels)
            if not pool.add(batch, value) and not to_the_end:
                return

    search(None, pool.is_open, to_the_end=not can_condition)
    if can_condition:
        for k in np.unique(asked[pool.is_open]).tolist():
            search(k, pool.is_open & (asked == k), to_the_end=True)
    for k in np.unique(asked[pool.is_open]).tolist():
        places = np.flatnonzero(pool.is_open & (asked == k))
        while pool.n_free(k if can_condition else None) < len(places):
            pool.add(draw(k if can_condition else None), k if can_condition else None)
            places = np.flatnonzero(pool.is_open & (asked == k))
        _serve_anyway(pool, places, k if can_condition else None, likeness(k))
    return Match(pool.draws, pool.batch, pool.row, pool.matched)


def _serve_anyway(pool: _Pool, places: Codes, value: int | None, likeness: NDArray[np.int64]) -> None:
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
    """Record for each condition asked how many rows fell back.

    Args:
        asked: the condition of each row asked.
        fell_back: which of them do not carry its label themselves.
        labels: names of the conditions.
        rule: what served them instead.
        context: takes the record.
    """
    for k in np.unique(asked[fell_back]).tolist():
        context.fallback(labels[k], rows=int((fell_back & (asked == k)).sum()), rule=rule)
