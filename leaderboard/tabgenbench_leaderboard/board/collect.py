"""Reads from a store the results of a suite (benchmark) that a board shows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from tabgenbench.records import (
    CellIdentity,
    CellRecord,
    Environment,
    Fallback,
    ScoreRecord,
    ScoreSpec,
    Status,
    SuiteRecord,
    SuiteRow,
)
from tabgenbench.store.reader import RecordReader
from tabgenbench.store.snapshot import read_snapshot
from tabgenbench.store.store import Store
from tabgenbench_leaderboard.board.intervals import mean
from tabgenbench_leaderboard.board.model import Curve

__all__ = ["CellFacts", "MetricFacts", "collect_cells"]

MAX_POINTS = 150
"""Maximum number of points of a loss curve: a figure of half a page cannot show more."""
MAX_CURVES = 12
"""Maximum number of trainings of one generator on one dataset whose loss curves the figure shows."""
LOSS_FORMAT = ".5g"
"""Format of a loss with five significant digits; a figure cannot show more digits."""


@dataclass(frozen=True)
class MetricFacts:
    """Result of a metric on a cell (one generator, dataset, split and seed).

    Attributes:
        values: mean over draws (synthetic tables), by the name of the score.
        draws: the defined scores of each draw, by the name of the score.
        missing: reason for each score that lacks a value on at least one draw.
        specs: specifications of the scores.
        seconds: time to score all draws; None if the time was not recorded.
        environment: machine and settings on which the metric ran.
        output: output of the process, if the metric's status is not ok.
    """

    status: Status | Literal["waiting"]
    reason: str = ""
    values: dict[str, float] = field(default_factory=dict)
    draws: tuple[dict[str, float], ...] = ()
    missing: dict[str, str] = field(default_factory=dict)
    specs: tuple[ScoreSpec, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float | None = None
    environment: Environment | None = None
    output: str = ""


@dataclass(frozen=True)
class CellFacts:
    """Results of a cell: one generator trained on one split with one seed.

    If the store has no record of the cell, ``status`` is ``waiting``, and all fields after ``status`` have default
    values.
    """

    row: SuiteRow
    status: Status | Literal["waiting"]
    reason: str = ""
    phase: str = "fit"
    output: str = ""
    identity: CellIdentity | None = None
    fit_seconds: float | None = None
    sample_seconds: float | None = None
    peak_memory_bytes: int | None = None
    peak_gpu_bytes: int | None = None
    metrics: dict[str, MetricFacts] = field(default_factory=dict)
    fallbacks: tuple[Fallback, ...] = ()
    notes: tuple[str, ...] = ()
    environment: Environment | None = None
    curve: Curve | None = None


def collect_cells(store: Store, suite: SuiteRecord, *, curves: bool = True) -> list[CellFacts]:
    """Read the results of all cells (trainings) of a suite, with their scores.

    A corrupt file counts as missing; `Store.quarantined` names the file.

    Returns:
        One entry per cell, sorted by dataset, label, split, fold and seed. If ``curves`` is true, up to `MAX_CURVES`
        entries of each dataset and label have a loss curve.

    Raises:
        StoreError: a record has a version that this program cannot read, or the user may not read its file.
    """
    rows = {(row.dataset, row.label, row.split, row.fold or 0, row.seed, row.key): row for row in suite.rows}
    collector = _Collector(store, MAX_CURVES if curves else 0)
    return [collector.cell(rows[place]) for place in sorted(rows)]


class _Collector:
    def __init__(self, store: Store, max_curves: int) -> None:
        self._reader, self._max_curves = RecordReader(store), max_curves
        self._curves: Counter[tuple[str, str]] = Counter()

    def cell(self, row: SuiteRow) -> CellFacts:
        place = (row.dataset, row.label)
        found = read_snapshot(self._reader, row.key, row.scores, curves=self._curves[place] < self._max_curves)
        record = found.record
        if record is None:
            return CellFacts(row, "waiting")
        curve = _thin_curve(record)
        self._curves[place] += curve is not None
        phases = record.phases
        fit, sample = phases.get("fit"), phases.get("sample")
        timed = [phase for phase in (fit, sample) if phase is not None]
        ended_well = record.status == "ok"
        return CellFacts(
            row,
            record.status,
            reason=_one_line(record.reason),
            phase=next((name for name, phase in phases.items() if phase.status != "ok"), "fit"),
            output=record.output if not ended_well else "",
            identity=record.cell,
            fit_seconds=fit.seconds if fit and ended_well else None,
            sample_seconds=sample.seconds if sample and ended_well else None,
            peak_memory_bytes=_largest([phase.peak_memory_bytes for phase in timed]),
            peak_gpu_bytes=_largest([phase.peak_gpu_bytes for phase in timed]),
            metrics={name: self._metric(record, row.scores[name], score) for name, score in found.scores.items()},
            fallbacks=tuple(record.fallbacks),
            notes=tuple(_one_line(note) for note in record.notes),
            environment=record.environment,
            curve=curve,
        )

    def _metric(self, cell: CellRecord, key: str, record: ScoreRecord | None) -> MetricFacts:
        if record is None:
            return MetricFacts("waiting")
        info = self._reader.info(cell.key, key)
        values, missing = _average_draws(record, max(1, cell.cell.draws)) if record.status == "ok" else ({}, {})
        return MetricFacts(
            record.status,
            reason=_one_line(record.reason),
            values=values,
            draws=tuple(draw.scores for draw in record.draws),
            missing=missing,
            specs=tuple(record.specs),
            notes=tuple(dict.fromkeys(_one_line(note) for draw in record.draws for note in draw.notes)),
            seconds=info.seconds if info else None,
            environment=info.environment if info else None,
            output=info.output if info and record.status != "ok" else "",
        )


def _average_draws(record: ScoreRecord, asked: int) -> tuple[dict[str, float], dict[str, str]]:
    values: dict[str, float] = {}
    missing: dict[str, str] = {}
    draws = record.draws
    all_defined = not any(draw.undefined for draw in draws)
    for spec in record.specs:
        name = spec.name
        if len(draws) < asked or not draws:
            missing[name] = f"scored on {len(draws)} of {asked} draws"
            continue
        found = [draw.scores.get(name, math.nan) for draw in draws]
        if all_defined and all(map(math.isfinite, found)):
            values[name] = mean(found)
            continue
        lacking = [
            draw for draw, value in zip(draws, found, strict=True) if name in draw.undefined or not math.isfinite(value)
        ]
        if lacking:
            reasons = dict.fromkeys(_one_line(draw.undefined.get(name, "not a finite number")) for draw in lacking)
            missing[name] = f"undefined in {len(lacking)} of {len(found)} draws: {'; '.join(reasons)}"
        else:
            values[name] = mean(found)
    return values, missing


def _thin_curve(record: CellRecord) -> Curve | None:
    losses = {name: values for name, values in record.losses.items() if name != "epoch" and values}
    length = min((len(values) for values in losses.values()), default=0)
    epochs = record.losses.get("epoch") or []
    if length < 2:
        return None
    kept = _kept_points(length)
    if len(epochs) < length:
        epochs = [None] * length
    xs = [(i, epochs[i]) for i in kept]
    return Curve(
        split=record.cell.split,
        seed=record.cell.seed,
        epochs=tuple([i + 1.0 if x is None else x for i, x in xs]),
        losses={name: _rounded([values[i] for i in kept]) for name, values in sorted(losses.items())},
    )


@lru_cache
def _kept_points(length: int) -> tuple[int, ...]:
    return tuple(sorted({round(i * (length - 1) / (MAX_POINTS - 1)) for i in range(MAX_POINTS)}))


def _rounded(values: Sequence[float | None]) -> tuple[float | None, ...]:
    return tuple(
        [float(format(value, LOSS_FORMAT)) if value is not None and math.isfinite(value) else None for value in values]
    )


def _largest(values: Sequence[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


def _one_line(text: str) -> str:
    return " ".join(text.split())
