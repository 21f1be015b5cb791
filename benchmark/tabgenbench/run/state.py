"""The state of a run: its plan, its options, how far it is and what went wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tabgenbench.records import CellRecord, Problem
from tabgenbench.run.plan import Cell, Plan
from tabgenbench.run.preflight import Preflight
from tabgenbench.store.reader import RecordReader
from tabgenbench.store.snapshot import CellSnapshot, read_snapshot
from tabgenbench.store.store import Store

__all__ = ["Run", "RunOptions"]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a run goes about its work; of these only device kind and threads can change a result.

    Attributes:
        device: ``cpu``, ``cuda`` for all GPUs, or ``cuda:INDEX``.
        workers: cells at a time.
        threads: threads of each.
        timeout: limit of each phase in seconds, or None.
        memory: limit of a cell's memory in bytes, or None.
        timing: whether times are to be comparable: a cell that was trained otherwise is trained again.
        retry_failed: whether what failed before is tried again.
    """

    device: str = "cpu"
    workers: int = 1
    threads: int = 1
    timeout: float | None = None
    memory: int | None = None
    timing: bool = False
    retry_failed: bool = False


@dataclass
class Run:
    """One run of a plan: what it is asked to do, and how far it is.

    Attributes:
        command: what a person types to ask for the same, or None for the command line of this process.
        is_quiet: whether the caller shows the result, so that observers print none.
        not_kept: outcomes by the cell's key that are not in the store, since what is there is ok and they are not.
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
        """Return what the store holds of a cell now."""
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
