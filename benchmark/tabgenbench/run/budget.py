"""Time budget of a run: the order in which cells (trainings) start, and whether one more can start.

A run with a budget works in rounds. A round consists of all cells (trainings of a generator) with one seed on one split
of every dataset. The rounds of the first seed come first, one round per split, because the intervals on boards are
computed over splits. A cell of a later round starts only after all cells of the earlier rounds have started, so at any
time all generators have been trained on nearly the same splits. Within a round, cells of unknown duration start first,
because most of the budget remains at that time. Cells of known duration follow, shortest first. If the next cell does
not fit into the remaining time, no further cell starts. A shorter cell of a later round might fit, but it would add a
split on which another generator has no result.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tabgenbench.run.plan import Cell

__all__ = ["Budget", "balanced", "count_fitting", "round_of"]


@dataclass(frozen=True)
class Budget:
    """The number of seconds, counted from the creation of this object, in which a run may start cells (trainings)."""

    seconds: float
    started: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Remaining seconds of the budget; negative if the budget is used up."""
        return self.started + self.seconds - time.monotonic()

    def fits(self, seconds: float | None) -> bool:
        """Return whether a cell (training) of this duration may start in the remaining time.

        A cell (training) of unknown duration may start as long as any time remains.
        """
        return self.left > (seconds or 0.0)


def round_of(cell: Cell) -> tuple[int, int]:
    """Return the round of a cell (training) as (seed, split); cells of an earlier round start first."""
    return cell.identity.seed, cell.identity.split


def balanced(cells: Iterable[Cell], seconds_of: Callable[[Cell], float | None]) -> list[Cell]:
    """Sort cells (trainings) in the order in which a run with a time budget starts them.

    Args:
        cells: the cells, in the order of the plan.
        seconds_of: estimated seconds of a cell, or None.
    """

    def place(cell: Cell) -> tuple[tuple[int, int], bool, float]:
        seconds = seconds_of(cell)
        return round_of(cell), seconds is not None, seconds or 0.0

    return sorted(cells, key=place)


def count_fitting(seconds: Iterable[float], *, budget: float, workers: int) -> int:
    """Return how many of the cells, run in this order and with these durations, start before a time budget is spent."""
    free, started = [0.0] * workers, 0
    for one in seconds:
        if free[0] >= budget or free[0] + one > budget:
            break
        heapq.heapreplace(free, free[0] + one)
        started += 1
    return started
