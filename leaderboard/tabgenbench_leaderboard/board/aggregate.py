"""Computation of a board (tables of scores by generator) from the records of a suite."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby

from tabgenbench.errors import ConfigError
from tabgenbench.formatting import place_text
from tabgenbench.options import parse_plugin_string
from tabgenbench.records import Card, CellIdentity, Environment, ScoreSpec, SuiteRecord
from tabgenbench.store.calibration import CalibrationRecord, read_calibration
from tabgenbench.store.reader import without_collection
from tabgenbench.store.store import Store
from tabgenbench_leaderboard.board.calibrated import calibrated_columns, calibration_table
from tabgenbench_leaderboard.board.collect import CellFacts, collect_cells
from tabgenbench_leaderboard.board.derive import derive_board
from tabgenbench_leaderboard.board.intervals import mean, t_interval
from tabgenbench_leaderboard.board.model import (
    Board,
    BoardRow,
    Costs,
    DatasetBoard,
    Fallbacks,
    Machine,
    MetricCost,
    Range,
    ScoreColumn,
    ScoreValue,
    State,
    TimedCells,
)
from tabgenbench_leaderboard.board.problems import find_notes, find_problems
from tabgenbench_leaderboard.board.summary import CalibrationTable

__all__ = ["assemble_board", "build_board", "read_calibrations"]


def build_board(store: Store, suite: SuiteRecord) -> Board:
    """Return the board of a suite, computed from the records in a store.

    Datasets are in the order of the suite. In each dataset, models precede controls. Models and controls are sorted by
    label, not by a score. Trainings without a record have the status waiting.

    Raises:
        StoreError: a record cannot be read; the message names the file.
    """
    with without_collection():
        cells = collect_cells(store, suite)
        return assemble_board(suite, cells, read_calibrations(store, cells))


def read_calibrations(store: Store, cells: Sequence[CellFacts]) -> dict[str, CalibrationRecord]:
    """Return the calibrations (which planted failures each score detects) of the datasets of the trainings ``cells``.

    The keys are the fingerprints (hashes) of the datasets. Datasets that were never calibrated are left out.
    """
    fingerprints = {cell.identity.dataset_fingerprint for cell in cells if cell.identity is not None}
    found = {fingerprint: read_calibration(store, fingerprint) for fingerprint in sorted(fingerprints)}
    return {fingerprint: record for fingerprint, record in found.items() if record is not None}


def assemble_board(
    suite: SuiteRecord, cells: Sequence[CellFacts], calibrations: Mapping[str, CalibrationRecord] | None = None
) -> Board:
    """Return the board of a suite, computed from records that have already been read.

    Args:
        suite: the record of the suite.
        cells: trainings with their results, from `collect_cells`.
        calibrations: result of `read_calibrations`; None if no dataset was calibrated.
    """
    by_dataset = {name: list(group) for name, group in groupby(cells, key=lambda cell: cell.row.dataset)}
    order = list(dict.fromkeys(row.dataset for row in suite.rows))
    metrics = _metric_order(suite)
    environments = [cell.environment for cell in cells if cell.environment is not None]
    finished = sorted(environment.finished for environment in environments if environment.finished)
    board = Board(
        suite=suite.name,
        summary=suite.summary,
        command=suite.command,
        datasets=tuple(_dataset_board(name, by_dataset[name], metrics, calibrations or {}) for name in order),
        machines=_machines(environments),
        packages=_packages(environments),
        first_finished=finished[0] if finished else "",
        last_finished=finished[-1] if finished else "",
    )
    return derive_board(board)


def _metric_order(suite: SuiteRecord) -> list[str]:
    rows = sorted(suite.rows, key=lambda row: (-len(row.scores), row.key))
    return list(dict.fromkeys(name for row in rows for name in row.scores))


def _dataset_board(
    name: str, cells: Sequence[CellFacts], metrics: Sequence[str], calibrations: Mapping[str, CalibrationRecord]
) -> DatasetBoard:
    columns = _columns(cells, metrics)
    by_label = [list(group) for _, group in groupby(cells, key=lambda cell: cell.row.label)]
    rows = [_board_row(group, columns) for group in by_label]
    identities = [cell.identity for cell in cells if cell.identity is not None]
    fingerprint = _joined(identity.dataset_fingerprint for identity in identities)
    columns, calibration = _calibrated(columns, cells, calibrations.get(fingerprint))
    return DatasetBoard(
        dataset=name,
        note=_joined(identity.dataset_note for identity in identities),
        fingerprint=fingerprint,
        split_kind=_joined(identity.split_kind for identity in identities),
        splits=tuple(sorted({cell.row.split for cell in cells})),
        seeds=tuple(sorted({cell.row.seed for cell in cells})),
        draws=_ends(identities, lambda identity: identity.draws),
        n_train=_ends(identities, lambda identity: identity.n_train),
        n_validation=_ends(identities, lambda identity: identity.n_validation),
        n_test=_ends(identities, lambda identity: identity.n_test),
        n_features=_ends(identities, lambda identity: identity.n_features),
        n_categorical=_ends([one for one in identities if one.n_categorical], lambda one: one.n_categorical),
        columns=columns,
        rows=tuple(sorted(rows, key=lambda row: (row.is_control, row.label))),
        comparisons=(),
        calibration=calibration,
        problems=find_problems(cells),
        notes=find_notes(cells),
        metric_costs=_metric_costs(cells, metrics),
        fit_settings=_timed(cell.environment for cell in cells if cell.fit_seconds is not None),
        metric_settings=_timed(
            facts.environment for cell in cells for facts in cell.metrics.values() if facts.seconds is not None
        ),
    )


def _calibrated(
    columns: tuple[ScoreColumn, ...], cells: Sequence[CellFacts], record: CalibrationRecord | None
) -> tuple[tuple[ScoreColumn, ...], CalibrationTable | None]:
    keys: dict[str, set[str]] = {}
    for cell in cells:
        for label, key in cell.row.scores.items():
            keys.setdefault(label, set()).add(key)
    found = calibrated_columns(columns, keys, record)
    titles = {
        (column.metric, column.spec.name): column.title for column in found if column.calibration != "not calibrated"
    }
    if record is None or not titles:
        return found, None
    return found, calibration_table(record, lambda score: titles.get((score.metric, score.score)))


def _joined(texts: Iterable[str]) -> str:
    return "; ".join(sorted({text for text in texts if text}))


def _ends(identities: Sequence[CellIdentity], size: Callable[[CellIdentity], int]) -> tuple[int, int] | None:
    sizes = [size(identity) for identity in identities]
    return (min(sizes), max(sizes)) if sizes else None


def _columns(cells: Sequence[CellFacts], metrics: Sequence[str]) -> tuple[ScoreColumn, ...]:
    specs: dict[str, dict[str, ScoreSpec]] = {}
    for cell in cells:
        for metric, facts in cell.metrics.items():
            for spec in facts.specs:
                specs.setdefault(metric, {}).setdefault(spec.name, spec)
    uses = Counter(name for found in specs.values() for name in found)
    return tuple(
        ScoreColumn(metric=metric, title=name if uses[name] == 1 else f"{name} ({metric})", spec=spec)
        for metric in metrics
        for name, spec in specs.get(metric, {}).items()
    )


def _board_row(cells: Sequence[CellFacts], columns: Sequence[ScoreColumn]) -> BoardRow:
    identity = next((cell.identity for cell in cells if cell.identity is not None), None)
    generator, options = _name_and_options(cells[0].row.label, identity)
    return BoardRow(
        label=cells[0].row.shown,
        generator=generator,
        options=options,
        config=identity.config if identity else {},
        is_control=identity.is_control if identity else cells[0].row.is_control,
        card=identity.card if identity else Card(),
        cells_ok=sum(cell.status == "ok" for cell in cells),
        cells=len(cells),
        costs=_costs(cells),
        scores=tuple(_score_value(cells, column) for column in columns),
        fallbacks=_fallbacks(cells),
        curves=tuple(cell.curve for cell in cells if cell.curve is not None),
    )


def _name_and_options(label: str, identity: CellIdentity | None) -> tuple[str, str]:
    try:
        name, options = parse_plugin_string(label)
    except ConfigError:
        name, options = label.partition(":")[0], identity.config if identity else {"label": label}
    return identity.generator if identity else name, json.dumps(options, sort_keys=True, ensure_ascii=False)


def _score_value(cells: Sequence[CellFacts], column: ScoreColumn) -> ScoreValue:
    """Average a score over seeds and folds within each split; return the mean and the interval over splits."""
    by_split: dict[int, list[float]] = {}
    why: dict[str, None] = {}
    states: set[State] = set()
    name = column.spec.name
    for cell in cells:
        facts = cell.metrics.get(column.metric)
        if facts is not None and name in facts.values:
            by_split.setdefault(cell.row.split, []).append(facts.values[name])
            continue
        where = f"{place_text(cell.row.split, cell.row.fold)}, seed {cell.row.seed}"
        if facts is not None and name in facts.missing:
            states.add("undefined")
            why[f"{where}: {facts.missing[name]}"] = None
        else:
            state = _state(cell, column.metric)
            states.add(state)
            why[f"{where}: {state}"] = None
    values = {split: mean(seeds) for split, seeds in sorted(by_split.items())}
    interval = t_interval(list(values.values()))
    priority: tuple[State, ...] = ("undefined", "failed", "skipped", "waiting", "not asked")
    return ScoreValue(
        state="value" if values else next((state for state in priority if state in states), "waiting"),
        mean=interval.mean,
        ci_low=interval.low,
        ci_high=interval.high,
        n=interval.n,
        splits=len({cell.row.split for cell in cells}),
        by_split=values,
        why=tuple(why),
    )


def _state(cell: CellFacts, metric: str) -> State:
    if metric not in cell.row.scores:
        return "not asked"
    status = cell.metrics[metric].status if cell.status == "ok" else cell.status
    if status == "ok":  # the record lacks this score, because another version of the metric wrote the record
        return "undefined"
    return "skipped" if status == "skipped" else "waiting" if status == "waiting" else "failed"


def _costs(cells: Sequence[CellFacts]) -> Costs:
    done = [cell for cell in cells if cell.status == "ok"]
    memory = [cell.peak_memory_bytes for cell in done if cell.peak_memory_bytes is not None]
    gpu = [cell.peak_gpu_bytes for cell in done if cell.peak_gpu_bytes is not None]
    return Costs(
        fit_seconds=_range([cell.fit_seconds for cell in done]),
        sample_seconds=_range([cell.sample_seconds for cell in done]),
        peak_memory_bytes=max(memory, default=None),
        peak_gpu_bytes=max(gpu, default=None),
    )


def _range(values: Sequence[float | None]) -> Range | None:
    known = [value for value in values if value is not None]
    return Range(mean=mean(known), low=min(known), high=max(known)) if known else None


def _metric_costs(cells: Sequence[CellFacts], metrics: Sequence[str]) -> tuple[MetricCost, ...]:
    costs = []
    for metric in metrics:
        taken = [cell.metrics[metric].seconds for cell in cells if metric in cell.metrics]
        seconds = _range(taken)
        if seconds is not None:
            costs.append(MetricCost(metric=metric, seconds=seconds, cells=sum(value is not None for value in taken)))
    return tuple(costs)


def _timed(settings: Iterable[Environment | None]) -> tuple[TimedCells, ...]:
    counts = Counter(
        (setting.timing, setting.workers, setting.threads, setting.cpu, setting.gpu)
        for setting in settings
        if setting is not None
    )
    return tuple(
        TimedCells(cells=counts[place], timing=place[0], workers=place[1], threads=place[2], cpu=place[3], gpu=place[4])
        for place in sorted(counts)
    )


def _fallbacks(cells: Sequence[CellFacts]) -> tuple[Fallbacks, ...]:
    rows: Counter[tuple[str, str]] = Counter()
    used: Counter[tuple[str, str]] = Counter()
    for cell in cells:
        for fallback in cell.fallbacks:
            rows[fallback.condition, fallback.rule] += fallback.rows
        used.update({(fallback.condition, fallback.rule) for fallback in cell.fallbacks})
    return tuple(
        Fallbacks(condition=condition, rule=rule, rows=rows[condition, rule], cells=used[condition, rule])
        for condition, rule in sorted(rows)
    )


def _machines(environments: Sequence[Environment]) -> tuple[Machine, ...]:
    fields = ("python", "platform", "git_commit", "cpu", "cores", "threads", "workers", "timing", "device", "gpu")
    counts = Counter(tuple(getattr(environment, name) for name in fields) for environment in environments)
    return tuple(
        Machine.model_validate({"cells": counts[place], **dict(zip(fields, place, strict=True))})
        for place in sorted(counts)
    )


def _packages(environments: Sequence[Environment]) -> dict[str, tuple[str, ...]]:
    versions: dict[str, set[str]] = {}
    for packages in {tuple(environment.packages.items()) for environment in environments}:
        for name, version in packages:
            versions.setdefault(name, set()).add(version)
    return {name: tuple(sorted(versions[name])) for name in sorted(versions)}
