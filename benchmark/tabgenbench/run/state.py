"""The state of a run: its plan, options, progress and problems, such as failed trainings."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from tabgenbench.records import CellRecord, Problem
from tabgenbench.run.budget import Budget
from tabgenbench.run.estimate import Estimate
from tabgenbench.run.estimator import CellEstimate, Estimator, Need, find_earlier
from tabgenbench.run.plan import Cell, Plan
from tabgenbench.run.preflight import Preflight
from tabgenbench.store.earlier import read_earlier
from tabgenbench.store.reader import RecordReader
from tabgenbench.store.snapshot import CellSnapshot, read_snapshot
from tabgenbench.store.store import Store

__all__ = ["MODEL_BYTES", "Run", "RunOptions"]

MODEL_BYTES = 64 * 2**20  # the largest model that is kept by default


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Options of a run. Only the kind of device (CPU or GPU) and the number of threads can change scores.

    Attributes:
        device: ``cpu``, ``cuda`` for all GPUs, or ``cuda:INDEX``.
        workers: number of cells (trainings) that run at the same time.
        threads: threads of each cell.
        timeout: time limit of each phase (such as fit) in seconds, or None.
        memory: memory limit of a cell in bytes, or None.
        timing: whether trainings run one at a time, so that times are comparable. If true, trainings that succeeded
            without this option are repeated.
        retry_failed: whether failed cells and metrics are retried.
        model_bytes: size limit of saved models in bytes; 0 saves none, None saves all.
    """

    device: str = "cpu"
    workers: int = 1
    threads: int = 1
    timeout: float | None = None
    memory: int | None = None
    timing: bool = False
    retry_failed: bool = False
    model_bytes: int | None = MODEL_BYTES


@dataclass
class Run:
    """The plan of a run, which lists the cells (trainings) of a suite, and the progress of the run.

    `RunRequest` explains `command`, `is_quiet`, `budget` and `estimate_from`.

    Attributes:
        todo: pending cells, which this run trains or scores.
        needs: what must be computed for each pending cell, by the cell's key.
        estimator: object that estimates times from the finished cells that `load_earlier` has read.
        estimate: estimated time and disk space of the pending cells, or None if no cell is pending.
        timed: labels of generators with a new estimate, from their first epochs, that has not been shown yet.
        not_started: cells that did not start because the time budget was too short.
        not_kept: records of failed repetitions of successful trainings, by the cell's key. The store keeps the
            successful record instead.
    """

    plan: Plan
    store: Store
    options: RunOptions
    command: str | None = None
    is_quiet: bool = False
    budget: Budget | None = None
    estimate_from: Path | None = None
    todo: list[Cell] = field(default_factory=list)
    needs: dict[str, Need] = field(default_factory=dict)
    stamps: dict[str, tuple[int, dict[str, int]]] = field(default_factory=dict)
    estimator: Estimator = field(default_factory=Estimator)
    estimate: Estimate | None = None
    timed: deque[str] = field(default_factory=deque)
    not_started: list[Cell] = field(default_factory=list)
    preflight: Preflight = field(default_factory=Preflight)
    finished: int = 0
    problems: list[Problem] = field(default_factory=list)
    skipped: list[Problem] = field(default_factory=list)
    not_kept: dict[str, CellRecord] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._reader = RecordReader(self.store)

    def snapshot(self, cell: Cell) -> CellSnapshot:
        """Return the current records of a cell (one training) in the store."""
        return read_snapshot(self._reader, cell.key, cell.metric_keys)

    @property
    def startable(self) -> list[Cell]:
        """The pending cells (trainings) that the check before the start has not refused."""
        return [cell for cell in self.todo if cell.key not in self.preflight.refusals]

    def load_earlier(self) -> None:
        """Read the times of earlier trainings, from which the times of pending trainings are estimated."""
        options, new = self.options, [cell.identity for cell in self.todo]
        begun = {key for key, (modified, _) in self.stamps.items() if not modified}  # this run may have some already
        earlier = find_earlier(Store(self.store.root), new, without=begun)
        if self.estimate_from is not None:
            earlier += find_earlier(Store(self.estimate_from), new)
        self.estimator = Estimator(
            earlier,
            device=options.device.partition(":")[0],
            threads=options.threads,
            model_bytes=options.model_bytes,
        )

    def learn(self, record: CellRecord | None) -> None:
        """Use the measured times of a finished training to estimate the times of the pending trainings."""
        for one in read_earlier(self.store, [record.key] if record is not None else []):
            self.estimator.add(one)

    def estimate_cell(self, cell: Cell) -> CellEstimate:
        """Return the estimated time and disk space of a pending cell (training)."""
        return self.estimator.cell(cell, self.needs[cell.key])

    def seconds_of(self, cell: Cell) -> float | None:
        """Return the estimated seconds of a pending cell (training), or None if unknown."""
        return self.estimate_cell(cell).seconds

    def make_estimate(self) -> Estimate:
        """Return the estimated time and disk space of the trainings in `startable`."""
        cells = self.startable
        new = {cell.identity.split_fingerprint: cell.identity for cell in cells}
        missing = [one for name, one in new.items() if not self.store.split_folder(name).exists()]
        rows_by_columns = ((one.n_train + one.n_validation + one.n_test) * one.n_features for one in missing)
        return Estimate.of(
            [(cell, self.estimate_cell(cell)) for cell in cells],
            workers=self.options.workers,
            split_bytes=4 * sum(rows_by_columns),
        )

    @property
    def suite_name(self) -> str:
        """Name of the suite."""
        return self.plan.suite.name

    @property
    def store_folder(self) -> Path:
        """Folder of the store."""
        return self.store.root

    @property
    def n_todo(self) -> int:
        """Number of cells (trainings) that this run trains or scores."""
        return len(self.todo)

    @property
    def n_finished(self) -> int:
        """Number of cells (trainings) that this run has finished so far."""
        return self.finished

    @property
    def n_cells(self) -> int:
        """Number of all cells (trainings) in the plan."""
        return len(self.plan.cells)
