"""How far the suites of a store are, told from records and claims alone, so that one may ask while runs are at work."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import fmean

from tabgenbench.records import CellRecord, RunInfo, SuiteRecord, SuiteRow
from tabgenbench.store.claims import Claims
from tabgenbench.store.owner import Owner
from tabgenbench.store.store import DONE, Store

__all__ = ["Failure", "Running", "Standing", "find_standing"]

SAMPLE = 20  # cells of a label whose times are averaged: enough for an estimate, and quick where there are thousands


@dataclass(frozen=True)
class Running:
    """A cell that a run is at work on."""

    cell: str
    key: str
    owner: Owner


@dataclass(frozen=True)
class Failure:
    """A cell, or a metric on a cell, that is neither ok nor skipped."""

    cell: str
    metric: str | None
    status: str
    reason: str


@dataclass
class Standing:
    """How far a suite is. A cell counts once: as running, failed (a metric of it counts), skipped, done or waiting.

    Attributes:
        name: the suite.
        seconds_left: estimate of wall time, from finished cells of the same generator, else of all; None where no cell
            tells, 0 where nothing is left. It takes as many cells at a time as run now, and at least one.
    """

    name: str
    cells: int = 0
    done: int = 0
    failed: int = 0
    skipped: int = 0
    waiting: int = 0
    running: list[Running] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    seconds_left: float | None = None


def find_standing(store: Store, suite: SuiteRecord, owners: Mapping[str, Owner] | None = None) -> Standing:
    """Count the cells of a suite by how far they are; only reads.

    Args:
        store: the store.
        suite: one of its suites.
        owners: who is at work on which cell, as `Claims.owners` says; looked up where not given.
    """
    owners = Claims(store).owners() if owners is None else owners
    standing = Standing(suite.name)
    finished: dict[str, list[CellRecord]] = defaultdict(list)
    left: list[tuple[SuiteRow, float]] = []  # what is not done, and the seconds that a run has spent on it
    for row in {row.key: row for row in suite.rows}.values():
        standing.cells += 1
        record = store.read_cell(row.key)
        scores = _score_statuses(store, row, record)
        owner = owners.get(row.key)
        missing = record is None or None in scores.values()
        failures = [] if record is None else _failures(store, row, record=record, scores=scores)
        if owner is not None and (missing or failures):
            standing.running.append(Running(title_of(row), row.key, owner))
            left.append((row, _seconds_since(owner)))
        elif failures:
            standing.failed += 1
            standing.failures += failures
        elif record is None or missing:
            standing.waiting += 1
            left.append((row, 0.0))
        elif record.status == "skipped":
            standing.skipped += 1
        else:
            standing.done += 1
            if len(finished[row.label]) < SAMPLE:
                finished[row.label].append(record)
    means = {label: fmean(_seconds(store, record) for record in records) for label, records in finished.items()}
    standing.seconds_left = _estimate(left, means, running=len(standing.running))
    return standing


def title_of(row: SuiteRow) -> str:
    """Return how a person calls a cell."""
    return f"{row.label} · {row.dataset} · split {row.split} · seed {row.seed}"


def _score_statuses(store: Store, row: SuiteRow, record: CellRecord | None) -> dict[str, str | None]:
    if record is None or record.status != "ok":
        return {}
    return {metric: store.score_status(row.key, key) for metric, key in row.scores.items()}


def _failures(store: Store, row: SuiteRow, *, record: CellRecord, scores: Mapping[str, str | None]) -> list[Failure]:
    if record.status not in DONE:
        return [Failure(title_of(row), None, record.status, record.reason)]
    found = []
    for metric, status in scores.items():
        if status is not None and status not in DONE:
            score = store.read_score(row.key, row.scores[metric])
            found.append(Failure(title_of(row), metric, status, "" if score is None else score.reason))
    return found


def _seconds(store: Store, record: CellRecord) -> float:
    """Return the wall seconds that a cell took: training, sampling and all metrics that were run on it."""
    infos = [store.read(path, RunInfo) for path in sorted((store.cell_folder(record.key) / "runs").glob("*.json"))]
    times = [phase.seconds for phase in record.phases.values()] + [info.seconds for info in infos if info is not None]
    return sum(seconds for seconds in times if seconds is not None)


def _seconds_since(owner: Owner) -> float:
    try:
        return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(owner.since)).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def _estimate(left: list[tuple[SuiteRow, float]], means: Mapping[str, float], *, running: int) -> float | None:
    if not left:
        return 0.0
    if not means:
        return None
    anyone = fmean(means.values())
    total = sum(max(0.0, means.get(row.label, anyone) - spent) for row, spent in left)
    return total / max(1, running)
