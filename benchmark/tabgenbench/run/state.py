"""The state of a run: plan, options, progress and problems."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tabgenbench.records import CellRecord, Problem
from tabgenbench.run.plan import Cell, Plan
from tabgenbench.run.preflight import Preflight
from tabgenbench.store.reader import RecordReader
from tabgenbench.store.snapshot import CellSnapshot, read_snapshot
from tabgenbench.store.store import Store

__all__ = ["MODEL_BYTES", "Run", "RunOptions"]

MODEL_BYTES = 64 * 2**20  # the largest model that is kept by default


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Options of a run. Only the kind of device and the number of threads can change a result.

    Attributes:
        device: ``cpu``, ``cuda`` for all GPUs, or ``cuda:INDEX``.
        workers: number of cells that run at the same time.
        threads: threads of each cell.
        timeout: limit of each phase in seconds, or None.
        memory: memory limit of a cell in bytes, or None.
        timing: whether times of cells must be comparable; cells trained without this option are retrained.
        retry_failed: whether failed cells and metrics are retried.
        model_bytes: the largest model to keep, in bytes; 0 keeps none, None keeps all.
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
    """One run of a plan, with its progress.

    Attributes:
        command: command that repeats the run, or None for the command line of this process.
        is_quiet: whether observers must not print, because the caller shows the result.
        not_kept: failed retrainings by cell key. These records are not stored, because the store has an earlier ``ok``
            result.
    """

    plan: Plan
    store: Store
    options: RunOptions
    command: str | None = None
    is_quiet: bool = False
    todo: list[Cell] = field(default_factory=list)
    stamps: dict[str, tuple[int, dict[str, int]]] = field(default_factory=dict)
    preflight: Preflight = field(default_factory=Preflight)
    finished: int = 0
    problems: list[Problem] = field(default_factory=list)
    skipped: list[Problem] = field(default_factory=list)
    not_kept: dict[str, CellRecord] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._reader = RecordReader(self.store)

    def snapshot(self, cell: Cell) -> CellSnapshot:
        """Return the current records of a cell."""
        return read_snapshot(self._reader, cell.key, cell.metric_keys)

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
        """Number of cells that this run trains or scores."""
        return len(self.todo)

    @property
    def n_finished(self) -> int:
        """Number of cells that this run has finished so far."""
        return self.finished

    @property
    def n_cells(self) -> int:
        """Number of cells of the plan."""
        return len(self.plan.cells)
