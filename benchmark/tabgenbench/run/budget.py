"""Time budget of a run: the order in which trainings (cells) start, and whether the next one can start.

A run with a budget works in rounds. Each round has one seed and one split number, and consists of the trainings of all
generators on all datasets with this seed and split. Boards compute confidence intervals over splits, so the first seed
is used on every split before the second seed. A round starts only after all trainings of the earlier rounds have
started. At any time, all generators have therefore been trained on nearly the same splits. Within a round, trainings of
unknown duration start first, because the remaining time is then longest. Trainings of known duration follow, shortest
first. If the next training does not fit into the remaining time, no further training starts. A shorter training of a
later round might fit, but its generator would then have a result on a split on which other generators have none.
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
    """Time in seconds within which a run may start trainings, counted from the creation of this object."""

    seconds: float
    started: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Remaining seconds of the budget; negative if the budget is used up."""
        return self.started + self.seconds - time.monotonic()

    def fits(self, seconds: float | None) -> bool:
        """Return whether a training of this duration fits into the remaining time; None (unknown) counts as 0."""
        return self.left > (seconds or 0.0)


def round_of(cell: Cell) -> tuple[int, int]:
    """Return the round of a training as (seed, split)."""
    return cell.identity.seed, cell.identity.split


def balanced(cells: Iterable[Cell], seconds_of: Callable[[Cell], float | None]) -> list[Cell]:
    """Return trainings in the order in which a run with a time budget starts them.

    Args:
        cells: the trainings to sort.
        seconds_of: returns the estimated seconds of a training, or None without an estimate.
    """

    def place(cell: Cell) -> tuple[tuple[int, int], bool, float]:
        seconds = seconds_of(cell)
        return round_of(cell), seconds is not None, seconds or 0.0

    return sorted(cells, key=place)


def count_fitting(seconds: Iterable[float], *, budget: float, workers: int) -> int:
    """Return how many trainings of these durations start, in this order, within a time budget in seconds."""
    free, started = [0.0] * workers, 0
    for one in seconds:
        if free[0] >= budget or free[0] + one > budget:
            break
        heapq.heapreplace(free, free[0] + one)
        started += 1
    return started
