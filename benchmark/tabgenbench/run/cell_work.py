"""The work on one training of a generator (a cell): train, sample, score, and write the results."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

from tabgenbench.engines.base import Engine, Limits, Outcome, Task
from tabgenbench.errors import text_of
from tabgenbench.interfaces.generator import Progress
from tabgenbench.records import CellRecord, DrawScores, Environment, Phase, RunInfo, ScoreRecord
from tabgenbench.registry.keys import seed_of
from tabgenbench.run.pending import missing_metrics, needs_fit
from tabgenbench.run.plan import Cell
from tabgenbench.run.preloads import preload_for
from tabgenbench.run.tasks import FitPayload, MetricJob, ScorePayload, fit_cell, metric_phase, score_cell
from tabgenbench.run.training import MODEL_FOLDER

if TYPE_CHECKING:
    from tabgenbench.run.state import Run

__all__ = ["CellWork", "Stopped"]

PHASES = ("prepare", "fit", "sample")
KEPT = " (retrained; the earlier successful result is kept)"
RecordT = TypeVar("RecordT", bound=BaseModel)
Announce = Callable[[str, dict[str, Any]], None]


class Stopped(Exception):
    """The run was stopped, for example by Ctrl-C. Unfinished work is not recorded."""


class CellWork:
    """Trains generators and scores their samples; each thread works on one training (a cell) at a time.

    Args:
        run: the run.
        engine: engine that runs the code of plugins.
        announce: function that takes the name and the arguments of a hook, and calls this hook of all observers
            (plugins that follow a run).
        stopping: event that is set when the run must stop.
    """

    def __init__(self, run: Run, engine: Engine, *, announce: Announce, stopping: threading.Event) -> None:
        self.run, self.store, self.options = run, run.store, run.options
        self.engine, self.announce, self.stopping = engine, announce, stopping
        self.device = "cpu" if run.options.device == "cpu" else "cuda:0"  # a task sees only the GPU of its slot
        options = run.options
        self.limits = Limits(threads=options.threads, timeout=options.timeout, memory=options.memory)

    def do(self, cell: Cell) -> CellRecord | None:
        """Train the generator and compute its metrics, unless the results exist; return the record of the training.

        Raises:
            Stopped: the run was stopped during the work.
        """
        record = self._fit(cell) if needs_fit(self.run, cell) else self.store.read_cell(cell.key)
        if record is not None and record.status == "ok":
            self._score(cell, missing_metrics(self.run, cell))
        return record

    def _fit(self, cell: Cell) -> CellRecord:
        earlier = self.store.read_cell(cell.key)
        if earlier is not None:
            self.store.quarantine_corrupt_draws(earlier)
        folder = self.store.new_folder()
        try:
            (folder / "synthetic").mkdir()
            payload = FitPayload(
                target=cell.generator.target,
                options=cell.generator.config,
                split_folder=self.store.split_folder(cell.identity.split_fingerprint).absolute(),
                out_folder=(folder / "synthetic").absolute(),
                draws=cell.identity.draws,
                seed=cell.identity.seed,
                device=self.device,
                timeout=self.options.timeout,
                model_bytes=self.options.model_bytes,
            )
            task = Task(
                function=fit_cell,
                payload=payload,
                limits=self.limits,
                log=(folder / "log").absolute(),
                reads=(payload.split_folder,),
                writes=payload.out_folder,
                uses_gpu=self.device != "cpu",
                preload=preload_for(cell.generator.target),
                distributions=(cell.generator.distribution,),
            )
            started = time.monotonic()
            outcome = self._run(task, lambda message: self._show(cell, message, time.monotonic() - started))
            record = self._cell_record(cell, _with_tables(outcome, folder / "synthetic", cell.identity.draws))
            if record.status == "ok":
                model = folder / "synthetic" / MODEL_FOLDER
                self.store.publish_model(model if model.is_dir() else None, record)
                self.store.publish_draws(folder / "synthetic", record)
            elif earlier is not None and earlier.status == "ok":
                record.reason += KEPT
                self.run.not_kept[cell.key] = record
                return record
            self.store.write_cell(record)
            return record
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _show(self, cell: Cell, message: Any, seconds: float) -> None:
        if isinstance(message, Progress):
            run = self.run
            if run.estimate is not None and run.estimator.watch(cell, message, seconds):
                run.timed.append(cell.identity.label)
            self.announce("cell_progress", {"cell": cell, "progress": message})

    def _run(self, task: Task, on_message: Callable[[Any], None]) -> Outcome:
        if self.stopping.is_set():
            raise Stopped
        outcome = self.engine.submit(task, on_message).result()
        if self.stopping.is_set() and outcome.status != "ok":
            raise Stopped
        return outcome

    def _cell_record(self, cell: Cell, outcome: Outcome) -> CellRecord:
        try:
            return _writable(self._record_of(cell, outcome))
        except Exception as error:  # nothing is written here, so the reported values are the cause
            return self._record_of(cell, _unfit(outcome, error))

    def _record_of(self, cell: Cell, outcome: Outcome) -> CellRecord:
        found: dict[str, Any] = outcome.value or {}
        return CellRecord(
            key=cell.key,
            cell=cell.identity,
            status=outcome.status,
            reason=outcome.reason,
            traceback=outcome.traceback,
            output="" if outcome.status == "ok" else outcome.output,
            phases=_phases(outcome, found),
            losses=found.get("losses", {}),
            fallbacks=found.get("fallbacks", []),
            notes=found.get("notes", []),
            no_model=found.get("no_model", ""),
            environment=self._environment(outcome),
        )

    def _score(self, cell: Cell, labels: Iterable[str]) -> None:
        groups: dict[str, list[str]] = {}
        for label in labels:
            groups.setdefault(self.run.plan.metrics[label].distribution, []).append(label)
        for group in groups.values():
            self._score_group(cell, group)

    def _score_group(self, cell: Cell, left: list[str]) -> None:
        """Compute metrics in one process; after a crash, a new process computes the metrics without a result."""
        while left:
            found: dict[str, dict[str, Any]] = {}

            def on_message(message: Any, found: dict[str, dict[str, Any]] = found) -> None:
                if isinstance(message, tuple):
                    found[message[1]] = message[2]

            folder = self.store.new_folder()
            try:
                payload = self._score_payload(cell, left)
                task = Task(
                    function=score_cell,
                    payload=payload,
                    limits=self.limits,
                    log=(folder / "log").absolute(),
                    reads=(payload.split_folder, *payload.draws, *filter(None, [payload.embedding])),
                    uses_gpu=self.device != "cpu",
                    preload=preload_for(*(job.target for job in payload.metrics)),
                    distributions=(self.run.plan.metrics[left[0]].distribution,),
                )
                outcome = self._run(task, on_message)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            if outcome.status != "ok":
                culprits = [label for label in left if metric_phase(label) == outcome.phase] or left
                found = {label: _no_score(outcome, label) for label in culprits}
            for label, result in found.items():
                self._keep_score(cell, label, result, outcome)
            left = [label for label in left if label not in found]

    def _score_payload(self, cell: Cell, labels: list[str]) -> ScorePayload:
        metrics = self.run.plan.metrics
        return ScorePayload(
            split_folder=self.store.split_folder(cell.identity.split_fingerprint).absolute(),
            draws=tuple(self.store.draw_path(cell.key, draw).absolute() for draw in range(cell.identity.draws)),
            metrics=tuple(
                MetricJob(label=label, target=metrics[label].target, options=metrics[label].config) for label in labels
            ),
            seed=seed_of(cell.identity.split, "metric"),  # equal for all generators on the split
            device=self.device,
            memory=self.options.memory,
            embedding=self._embedding(cell.key),
        )

    def _embedding(self, key: str) -> Path | None:
        path = self.store.embedding_path(key)
        return path.absolute() if path.is_file() else None

    def _keep_score(self, cell: Cell, label: str, found: dict[str, Any], outcome: Outcome) -> None:
        try:
            record, info, artifacts = self._score_records(cell, label, found, outcome)
        except Exception as error:  # nothing is written here, so the reported values are the cause
            found = _no_score(_unfit(outcome, error), label)
            record, info, artifacts = self._score_records(cell, label, found, outcome)
        for name, text in artifacts.items():
            self.store.write_text(self.store.cell_folder(cell.key) / "scores" / f"{record.key}.{name}.csv", text)
        self.store.write_score(record, info)

    def _score_records(
        self, cell: Cell, label: str, found: dict[str, Any], outcome: Outcome
    ) -> tuple[ScoreRecord, RunInfo, dict[str, str]]:
        metric, ok = self.run.plan.metrics[label], found["status"] == "ok"
        record = ScoreRecord(
            key=cell.metric_keys[label],
            cell_key=cell.key,
            metric=metric.name,
            config=metric.config,
            specs=list(metric.specs),
            status=found["status"],
            reason=found.get("reason", ""),
            traceback=found.get("traceback", ""),
            draws=[DrawScores(**draw) for draw in found["draws"]] if ok else [],
        )
        info = RunInfo(
            metric=label,
            code=metric.code,
            seconds=found["seconds"],
            peak_memory_bytes=found.get("peak_memory"),
            output="" if ok else outcome.output,
            environment=self._environment(outcome),
        )
        return _writable(record), _writable(info), found["artifacts"]

    def _environment(self, outcome: Outcome) -> Environment:
        options = self.options
        changes = {"workers": options.workers, "timing": options.timing, "device": options.device}
        return outcome.environment.model_copy(update=changes)


def _phases(outcome: Outcome, found: dict[str, Any]) -> dict[str, Phase]:
    """Return time, memory and status of each phase (such as fit) that the task has started.

    The seconds of fit and sample exclude the time in which tables are written.
    """
    phases = {}
    for name in PHASES:
        usage = outcome.phases.get(name)
        if usage is not None:
            status = outcome.status if name == outcome.phase else "ok"
            seconds = found.get(f"{name}_seconds", usage.seconds)
            phases[name] = Phase(status=status, seconds=seconds, peak_memory_bytes=usage.peak_memory)
    if "fit" in phases:
        phases["fit"].peak_gpu_bytes = found.get("peak_gpu_bytes")
    return phases


def _writable(record: RecordT) -> RecordT:
    record.model_dump_json()
    return record


def _with_tables(outcome: Outcome, folder: Path, draws: int) -> Outcome:
    gone = [name for name in (f"draw-{draw}.h5ad" for draw in range(draws)) if not (folder / name).is_file()]
    if outcome.status != "ok" or not gone:
        return outcome
    return replace(outcome, status="failed", value=None, reason=f"{gone[0]} was written, then removed by the task")


def _unfit(outcome: Outcome, error: Exception) -> Outcome:
    reason = f"its values cannot be recorded ({text_of(error)[:500]})"
    return replace(outcome, status="failed", value=None, reason=reason)


def _no_score(outcome: Outcome, label: str) -> dict[str, Any]:
    usage = outcome.phases.get(metric_phase(label))
    return {
        "status": outcome.status,
        "reason": outcome.reason,
        "traceback": outcome.traceback,
        "draws": [],
        "artifacts": {},
        "seconds": usage.seconds if usage is not None else None,
        "peak_memory": usage.peak_memory if usage is not None else None,
    }
