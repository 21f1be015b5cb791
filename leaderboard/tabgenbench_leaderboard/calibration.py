"""Calibration: tests which scores detect planted failures (tables with a known fault) on a dataset."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress

from tabgenbench.data.split_config import SplitConfig
from tabgenbench.errors import PluginError, StoreError
from tabgenbench.formatting import count_text
from tabgenbench.records import SuiteRecord
from tabgenbench.registry.manager import Plugins
from tabgenbench.registry.suite import Choice, Suite
from tabgenbench.run.choose_engine import EngineChoice
from tabgenbench.run.plan import OpenedDataset
from tabgenbench.run.request import PlannedRun, RunRequest, carry_out, closing_lines, plan_run
from tabgenbench.run.state import Run
from tabgenbench.store.calibration import (
    CalibratedScore,
    CalibrationRecord,
    FailureTest,
    PlantedFailure,
    write_calibration,
)
from tabgenbench.store.store import Store
from tabgenbench_leaderboard.board.aggregate import assemble_board
from tabgenbench_leaderboard.board.calibrate import judge_score
from tabgenbench_leaderboard.board.collect import collect_cells
from tabgenbench_leaderboard.board.model import DatasetBoard, ScoreValue

__all__ = [
    "PRIVACY",
    "SPLIT",
    "CalibrationRequest",
    "CalibrationSuites",
    "calibrate",
    "calibration_suites",
    "default_metrics",
]

LEFT_OUT = ("umap-separability",)
"""Metrics that are calibrated only on request, because they are slow and their scores are only illustrations."""
REAL, UNSEEN, PRIVACY = "real-resample", "unseen-third", "privacy"
SPLIT = SplitConfig(validation_fraction=0.0)
THIRDS = SplitConfig(validation_fraction=0.0, thirds=True, rows_per_training_row=5)
"""Settings of splits into thirds, the same as in the suite `privacy`."""


@dataclass(frozen=True, kw_only=True)
class CalibrationRequest:
    """Settings of a calibration: the dataset, the metrics whose scores are tested, the splits and the engine.

    Attributes:
        dataset: the dataset.
        metrics: the metrics; None means the metrics that `default_metrics` returns.
        splits: number of splits.
        engine: the engine that runs the trainings.
        store: the folder of all results.
        say: function that receives lines of text on progress and problems.
    """

    dataset: OpenedDataset
    metrics: tuple[Choice, ...] | None
    splits: int
    engine: EngineChoice
    store: Store
    say: Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class CalibrationSuites:
    """The suites (sets of trainings and metrics) that a calibration runs.

    Attributes:
        suites: one suite with ordinary splits, and one suite with splits into thirds for privacy scores. A suite
            without metrics is left out.
        failures: the planted failures (tables with a known fault).
    """

    suites: tuple[Suite, ...]
    failures: tuple[PlantedFailure, ...]


def calibrate(request: CalibrationRequest, plugins: Plugins) -> tuple[CalibrationRecord, list[Run]]:
    """Score planted failures (tables with a known fault) and controls, and test which failures each score detects.

    The result is written to the store. Results that the store already contains are not computed again.

    Returns:
        The calibration, without results of failed trainings and metrics, and the finished run of each suite.

    Raises:
        ConfigError: the dataset or a metric is unknown, or no metric was given.
        DataError: the dataset cannot be loaded.
        StoreError: the store cannot be read or written, or no training has a score.
    """
    asked = calibration_suites(request, plugins)
    planned = [_plan(suite, request, plugins) for suite in asked.suites]  # invalid input is found before any run
    runs = []
    for one in planned:
        request.say(f"{one.run.plan.suite.name}: {count_text(len(one.run.plan.cells), 'cell')}")
        runs.append(carry_out(one, plugins))
        for line in closing_lines(runs[-1], plugins):
            request.say(line)
    record = _record(request, asked, [run.plan.to_record("") for run in runs])
    write_calibration(request.store, record)
    return record, runs


def calibration_suites(request: CalibrationRequest, plugins: Plugins) -> CalibrationSuites:
    """Return the suites (sets of trainings and metrics) that a calibration runs.

    Privacy scores are tested on splits into thirds. In these tests, the planted failures of privacy are compared with
    the control `unseen-third`, which returns rows of the third that is neither trained on nor tested on in any fold.
    The other planted failures are not used, because they are made of training rows, which every privacy attack finds.
    All other scores are tested on ordinary splits, where all planted failures are compared with real training rows.
    These scores are not expected to detect the planted failures of privacy.
    """
    metrics = default_metrics(plugins, request.say) if request.metrics is None else request.metrics
    specs = [plugins.find("metrics", choice.name).load_fitting("metrics").scores for choice in metrics]
    failures = _planted(plugins)
    suites = []
    for name, is_privacy, split in (("", False, SPLIT), ("-privacy", True, THIRDS)):
        asked = [any((one.question == PRIVACY) == is_privacy for one in scores) for scores in specs]
        chosen = list(compress(metrics, asked))
        floors = {one.floor for scores in compress(specs, asked) for one in scores} & set(plugins.entries("generators"))
        planted = [one.name for one in failures if not is_privacy or one.question == PRIVACY]
        generators = dict.fromkeys([UNSEEN if is_privacy else REAL, *planted, *sorted(floors)])
        if chosen:
            suites.append(
                Suite(
                    name=f"calibrate-{re.sub(r'[^A-Za-z0-9._-]+', '-', request.dataset.label)}{name}",
                    datasets=(Choice(name=request.dataset.label),),
                    generators=tuple(Choice(name=one) for one in generators),
                    metrics=tuple(chosen),
                    splits=request.splits,
                    draws=1,
                    split=split,
                )
            )
    return CalibrationSuites(suites=tuple(suites), failures=failures)


def default_metrics(plugins: Plugins, say: Callable[[str], None]) -> tuple[Choice, ...]:
    """Return the installed metrics that score synthetic rows, except the slow metrics in `LEFT_OUT`.

    Args:
        plugins: the installed plugins.
        say: function that receives a line on each metric that cannot be imported.
    """
    found = []
    for name, entry in plugins.entries("metrics").items():
        if name in LEFT_OUT:
            continue
        try:
            kind = entry.load_fitting("metrics")
        except PluginError as error:
            say(f"left out: {error}")
            continue
        if not kind.reads_synthetic:  # planted failures are synthetic rows
            continue
        found.append(Choice(name=name))
    return tuple(found)


def _planted(plugins: Plugins) -> tuple[PlantedFailure, ...]:
    names: dict[str, None] = {}
    for entry in plugins.entries("metrics").values():
        try:
            specs = entry.load_fitting("metrics").scores
        except PluginError:
            continue
        names.update(dict.fromkeys(name for spec in specs for name in (*spec.detects, *spec.misses)))
    entries = plugins.entries("generators")
    kinds = [entries[name].load_fitting("generators") for name in names if name in entries]
    found = [
        PlantedFailure(name=k.name, question=k.planted_for, summary=k.card.summary) for k in kinds if k.planted_for
    ]
    return tuple(sorted(found, key=lambda one: one.name))


def _plan(suite: Suite, request: CalibrationRequest, plugins: Plugins) -> PlannedRun:
    return plan_run(
        RunRequest(
            suite=suite,
            datasets=[request.dataset],
            engine=request.engine,
            store=request.store.root,
            say=request.say,
            is_quiet=True,
        ),
        plugins,
    )


def _record(request: CalibrationRequest, asked: CalibrationSuites, suites: Sequence[SuiteRecord]) -> CalibrationRecord:
    scores: list[CalibratedScore] = []
    skipped: dict[str, str] = {}
    fingerprint = ""
    for suite in suites:
        cells = collect_cells(request.store, suite)
        board = assemble_board(suite, cells).datasets[0]
        keys = {label: key for cell in cells for label, key in cell.row.scores.items()}
        is_privacy = bool(suite.split.get("thirds"))
        reference = UNSEEN if is_privacy else REAL
        skipped |= _skipped(board, reference)
        fingerprint = board.fingerprint or fingerprint
        for place, column in enumerate(board.columns):
            if (column.spec.question == PRIVACY) == is_privacy:
                scores.append(_score(board, place, keys[column.metric], reference, asked.failures))
    if not fingerprint:
        raise StoreError(f"calibrate: no cell of {request.dataset.label} has a record; see the problems above")
    by_thirds = {bool(suite.split.get("thirds")): suite.split for suite in suites}
    return CalibrationRecord(
        dataset=request.dataset.label,
        dataset_fingerprint=fingerprint,
        splits=request.splits,
        split=by_thirds.get(False, {}),
        privacy_split=by_thirds.get(True, {}),
        failures=asked.failures,
        scores=tuple(map(judge_score, scores)),
        skipped=skipped,
    )


def _skipped(board: DatasetBoard, reference: str) -> dict[str, str]:
    problems = (one for one in board.problems if one.label == reference and one.what not in ("fit", "sample"))
    return {problem.what: _without_name(problem.reason, problem.what) or problem.status for problem in problems}


def _without_name(reason: str, metric: str) -> str:
    return reason.removeprefix(f"metric {metric!r}").removeprefix(":").strip()


def _score(
    board: DatasetBoard, place: int, key: str, reference: str, failures: Sequence[PlantedFailure]
) -> CalibratedScore:
    column, spec = board.columns[place], board.columns[place].spec
    rows = {row.label: row.scores[place] for row in board.rows}
    values = {label: score.by_split for label, score in sorted(rows.items()) if score.by_split}
    real = rows.get(reference)
    reason = "" if reference in values else _first_reason(real)
    tests = tuple(
        FailureTest(name=one.name, reason="" if one.name in values else _why(board, place, one)) for one in failures
    )
    is_run = spec.floor and spec.floor != reference
    return CalibratedScore(
        metric=column.metric,
        key=key,
        score=spec.name,
        question=spec.question,
        direction=spec.direction,
        headline=spec.headline,
        detects=spec.detects,
        misses=spec.misses,
        reference=reference,
        values=values,
        tests=tests,
        floor=FailureTest(name=spec.floor) if is_run else None,
        reason=reason,
    )


def _why(board: DatasetBoard, place: int, failure: PlantedFailure) -> str:
    row = next((row for row in board.rows if row.label == failure.name), None)
    if row is None:
        return f"a failure of {failure.question}, which consists of training rows"
    if not row.cells_ok:
        problem = next((one for one in board.problems if one.label == row.label), None)
        return problem.reason if problem else "not run"
    return _first_reason(row.scores[place])


def _first_reason(score: ScoreValue | None) -> str:
    reason = score.why[0].partition(": ")[2] if score is not None and score.why else "no value"
    return reason.partition(": ")[2] if reason.startswith("undefined in ") else reason
