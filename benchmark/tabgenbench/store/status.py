"""Computes the progress of suites from the files of a store, also while runs are active."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import fmean

from tabgenbench.records import CellRecord, Problem, RunInfo, SuiteRecord, SuiteRow
from tabgenbench.store.claims import Claims
from tabgenbench.store.owner import Owner
from tabgenbench.store.reader import RecordReader
from tabgenbench.store.snapshot import DONE, read_snapshot
from tabgenbench.store.store import Store

__all__ = ["Running", "Standing", "find_standing"]

SAMPLE = 20  # cells per generator whose times are averaged; reading thousands of cells would be slow


@dataclass(frozen=True)
class Running:
    """A cell (one training of a generator) on which a process is working."""

    cell: str
    key: str
    owner: Owner


@dataclass
class Standing:
    """Progress of a suite.

    Each cell (training) is counted once, as running, failed, skipped, done or waiting. A cell with a failed metric
    counts as failed, unless a process is working on the cell.

    Attributes:
        name: name of the suite.
        seconds_left: estimate of the remaining wall time in seconds; 0 if no cell remains. For each cell, the estimate
            uses the mean time of finished cells of the same generator; None if a generator with unfinished cells has no
            finished cell. The number of running cells is assumed to be constant.
    """

    name: str
    cells: int = 0
    done: int = 0
    failed: int = 0
    skipped: int = 0
    waiting: int = 0
    running: list[Running] = field(default_factory=list)
    failures: list[Problem] = field(default_factory=list)
    seconds_left: float | None = None


def find_standing(store: Store, suite: SuiteRecord, owners: Mapping[str, Owner] | None = None) -> Standing:
    """Count the cells (trainings) of a suite by their state, without writing.

    Args:
        store: the store.
        suite: the record of a suite in the store.
        owners: the process that works on each cell; by default the result of `Claims.owners`.
    """
    owners = Claims(store).owners() if owners is None else owners
    standing = Standing(suite.name)
    finished: dict[str, list[CellRecord]] = defaultdict(list)
    left: list[tuple[SuiteRow, float]] = []  # unfinished cells, with the seconds that a run has spent on each
    reader = RecordReader(store)
    for row in {row.key: row for row in suite.rows}.values():
        standing.cells += 1
        found = read_snapshot(reader, row.key, row.scores)
        owner = owners.get(row.key)
        waiting = found.record is None or bool(found.missing)
        failures = [problem for problem in found.not_ok(row.cell_title) if problem.status not in DONE]
        if owner is not None and (waiting or failures):
            standing.running.append(Running(row.cell_title, row.key, owner))
            left.append((row, _seconds_since(owner)))
        elif failures:
            standing.failed += 1
            standing.failures += failures
        elif found.record is None or waiting:
            standing.waiting += 1
            left.append((row, 0.0))
        elif found.record.status == "skipped":
            standing.skipped += 1
        else:
            standing.done += 1
            if len(finished[row.label]) < SAMPLE:
                finished[row.label].append(found.record)
    means = {label: fmean(_seconds(store, record) for record in records) for label, records in finished.items()}
    standing.seconds_left = _estimate(left, means, running=len(standing.running))
    return standing


def _seconds(store: Store, record: CellRecord) -> float:
    infos = [store.read(path, RunInfo) for path in sorted((store.cell_folder(record.key) / "runs").glob("*.json"))]
    times = [phase.seconds for phase in record.phases.values()] + [info.seconds for info in infos if info is not None]
    return sum(seconds for seconds in times if seconds is not None)


def _seconds_since(owner: Owner) -> float:
    try:
        return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(owner.since)).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def _estimate(left: list[tuple[SuiteRow, float]], means: Mapping[str, float], *, running: int) -> float | None:
    if any(row.label not in means for row, _ in left):  # times of other generators may be a thousand times shorter
        return None
    return sum(max(0.0, means[row.label] - spent) for row, spent in left) / max(1, running)
