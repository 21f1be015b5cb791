"""Queue of the trainings (cells) of a run."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from tabgenbench.run.budget import balanced, round_of
from tabgenbench.run.plan import Cell
from tabgenbench.run.state import Run
from tabgenbench.store.claims import Claims

__all__ = ["CellQueue"]

WAIT_SECONDS = 0.5  # between two checks of cells that another runner has claimed
OFFER_SECONDS = 0.02  # between two checks for new cells while preflight checks run


class CellQueue:
    """Queue from which all threads of a run take their next training.

    A training enters the queue as soon as its generator has been checked. If the run has a time budget, the trainings
    are done in rounds (see `tabgenbench.run.budget`). Such a run starts only trainings of the first round until all
    trainings are in the queue, because more trainings of the first round may still be added.

    Args:
        run: the run.
        claims: locks on trainings, so that two processes that use the same store never run the same training.
        stopping: event that is set when the run must stop.
    """

    def __init__(self, run: Run, claims: Claims, stopping: threading.Event) -> None:
        self._run, self._claims, self._stopping = run, claims, stopping
        self._waiting: list[Cell] = []
        self._all_offered = False
        self._choosing = threading.Lock()
        self._order: dict[str, int] = {}
        if run.budget is not None:
            cells = balanced(run.todo, run.seconds_of)
            self._order = {cell.key: place for place, cell in enumerate(cells)}
            self._first_round = round_of(cells[0])

    @property
    def waiting(self) -> list[Cell]:
        """The trainings that have not started, in the order in which they will start."""
        with self._choosing:
            return list(self._waiting)

    def offer(self, cells: Sequence[Cell]) -> None:
        """Add trainings to the queue."""
        with self._choosing:
            self._waiting.extend(cells)
            if self._order:
                self._waiting.sort(key=lambda cell: self._order[cell.key])

    def end_offers(self) -> None:
        """Declare that no more trainings will be added; `next` then returns None when the queue is empty."""
        with self._choosing:
            self._all_offered = True

    def next(self) -> Cell | None:
        """Return and lock the next training, or return None if the run stops or no further training may start.

        The call waits while other processes work on all trainings in the queue, or while trainings may still be added.
        """
        while not self._stopping.is_set():
            with self._choosing:
                if self._is_over():
                    return None
                for cell in self._startable():
                    if self._claims.acquire(cell.key):
                        if not self._fits(cell):
                            self._claims.release(cell.key)
                            return None
                        self._waiting.remove(cell)
                        return cell
                pause = WAIT_SECONDS if self._all_offered else OFFER_SECONDS
            self._stopping.wait(pause)
        return None

    def _is_over(self) -> bool:
        is_late = self._run.budget is not None and self._run.budget.left <= 0
        return is_late or (self._all_offered and not self._waiting)

    def _startable(self) -> list[Cell]:
        if not self._order or self._all_offered:
            return self._waiting
        return [cell for cell in self._waiting if round_of(cell) == self._first_round]

    def _fits(self, cell: Cell) -> bool:
        return self._run.budget is None or self._run.budget.fits(self._run.seconds_of(cell))
