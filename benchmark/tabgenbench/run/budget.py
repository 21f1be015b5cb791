"""Time budget of a run: the order of its cells, and whether one more can start.

A run with a budget works in rounds. A round is one seed on one split, for every table and generator; all splits with
the first seed come first, since intervals are over splits. A cell of a later round starts after all cells of the round
have started, so at any time every generator has nearly the same splits. In a round, cells whose time is unknown come
first, while most of the budget is left, then the cheap ones. If the next cell does not fit the time that is left, no
cell starts any more: smaller cells of later rounds would fit, but on splits that the generator of this one lacks.
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
    """Seconds in which a run may start cells, from the construction on; running cells are not ended."""

    seconds: float
    started: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds that are left; negative if the budget is used up."""
        return self.started + self.seconds - time.monotonic()

    def fits(self, seconds: float | None) -> bool:
        """Whether a cell may start; one of unknown time may while any time is left."""
        return self.left > (seconds or 0.0)


def round_of(cell: Cell) -> tuple[int, int]:
    """Return seed and split of a cell: cells of lower rounds start before."""
    return cell.identity.seed, cell.identity.split


def balanced(cells: Iterable[Cell], seconds_of: Callable[[Cell], float | None]) -> list[Cell]:
    """Return cells in the order of a run with a budget.

    Args:
        cells: the cells, in the order of the plan.
        seconds_of: estimated seconds of a cell, or None.
    """

    def place(cell: Cell) -> tuple[tuple[int, int], bool, float]:
        seconds = seconds_of(cell)
        return round_of(cell), seconds is not None, seconds or 0.0

    return sorted(cells, key=place)


def count_fitting(seconds: Iterable[float], *, budget: float, workers: int) -> int:
    """Return how many cells start within a budget, if they take these seconds and start in this order."""
    free, started = [0.0] * workers, 0
    for one in seconds:
        if free[0] >= budget or free[0] + one > budget:
            break
        heapq.heapreplace(free, free[0] + one)
        started += 1
    return started
