"""Finds the trainings and scores that a run still has to compute.

Each function reads the store again, because other processes may have written results.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tabgenbench.records import CellRecord
from tabgenbench.run.estimator import Need
from tabgenbench.run.preflight import was_refused
from tabgenbench.store.snapshot import DONE, CellSnapshot
from tabgenbench.store.store import Store

if TYPE_CHECKING:
    from tabgenbench.run.plan import Cell
    from tabgenbench.run.state import Run

__all__ = ["count_failed", "find_work", "is_unchanged", "missing_metrics", "needs_fit"]


def find_work(run: Run) -> list[Cell]:
    """Return the cells (trainings) whose generator must be trained or scored.

    The pending work of each cell, and the times at which its files last changed, are stored in ``run``.
    """
    todo = []
    for cell in run.plan.cells:
        found = run.snapshot(cell)
        fit = _needs_fit(run, cell, found, first=True)
        metrics = list(cell.metric_keys) if fit else _missing_metrics(run, cell, found, first=True)
        if fit or metrics:
            todo.append(cell)
            run.needs[cell.key] = Need(fit, metrics)
            run.stamps[cell.key] = _stamp(run.store, cell)
    return todo


def needs_fit(run: Run, cell: Cell, *, first: bool = False) -> bool:
    """Return whether the generator of a cell must be trained.

    A failed training is not repeated if another process has repeated it since the call of `find_work`.

    Args:
        run: the run.
        cell: one training of the run.
        first: True before the run trains the cell; changes since `find_work` are then ignored.
    """
    return _needs_fit(run, cell, run.snapshot(cell), first=first)


def _needs_fit(run: Run, cell: Cell, found: CellSnapshot, *, first: bool) -> bool:
    record = found.record
    if record is None:
        return True
    if was_refused(record):  # another runner with another limit may have refused it
        return first or cell.key not in run.preflight.refusals
    if _is_to_be_repeated(run, record) and (first or is_unchanged(run, cell)):
        return True
    if record.status != "ok" or not _missing_metrics(run, cell, found, first=first):
        return False
    return not run.store.draws_are_whole(record)  # removed tables are sampled again


def is_unchanged(run: Run, cell: Cell) -> bool:
    """Return whether the record of a training is unchanged since `find_work`."""
    return _stamp(run.store, cell)[0] == run.stamps[cell.key][0]


def count_failed(run: Run) -> int:
    """Return the number of trainings that this run does not repeat, although they or their metrics failed earlier."""
    begun = {cell.key for cell in run.todo} | run.preflight.refusals.keys()
    return sum(cell.key not in begun and run.snapshot(cell).has_failed for cell in run.plan.cells)


def missing_metrics(run: Run, cell: Cell) -> list[str]:
    """Return the labels of the metrics that must be computed (again) for a finished training."""
    return _missing_metrics(run, cell, run.snapshot(cell), first=False)


def _missing_metrics(run: Run, cell: Cell, found: CellSnapshot, *, first: bool) -> list[str]:
    missing = set(found.missing)
    if run.options.retry_failed:
        stamps = {} if first else run.stamps[cell.key][1]
        missing |= {
            label
            for label in found.failed_metrics
            if first or stamps.get(label) == _modified(run.store, cell.key, cell.metric_keys[label])
        }
    return [label for label in found.scores if label in missing]


def _is_to_be_repeated(run: Run, record: CellRecord) -> bool:
    options = run.options
    untimed = options.timing and record.status == "ok" and not record.environment.timing
    return (record.status not in DONE and options.retry_failed) or untimed


def _stamp(store: Store, cell: Cell) -> tuple[int, dict[str, int]]:
    scores = {label: _modified(store, cell.key, key) for label, key in cell.metric_keys.items()}
    try:
        return (store.cell_folder(cell.key) / "fit.json").stat().st_mtime_ns, scores
    except FileNotFoundError:
        return 0, scores


def _modified(store: Store, cell_key: str, metric_key: str) -> int:
    try:
        return store.score_path(cell_key, metric_key).stat().st_mtime_ns
    except FileNotFoundError:
        return 0
