"""The runner: trains and scores what a store does not have yet, and keeps every outcome."""

from __future__ import annotations

import queue
import shutil
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tabgenbench.environment import describe_environment
from tabgenbench.executor import Executor, Limits, Outcome, Task
from tabgenbench.generator import Progress
from tabgenbench.keys import seed_of
from tabgenbench.manager import Plugins
from tabgenbench.plan import Cell, Plan
from tabgenbench.record import (
    CellRecord,
    DrawScores,
    Environment,
    FallbackRecord,
    Phase,
    RunInfo,
    ScoreRecord,
    Status,
)
from tabgenbench.store import DONE, Store
from tabgenbench.tasks import FitPayload, MetricJob, ScorePayload, fit_cell, score_cell

__all__ = ["Problem", "Run", "RunOptions", "execute", "find_work"]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a run goes about its work; of these only device kind and threads can change a result."""

    device: str = "cpu"
    workers: int = 1
    threads: int = 1
    timeout: float | None = None
    memory: int | None = None
    retry_failed: bool = False


@dataclass(frozen=True)
class Problem:
    """Something that is not ok: a cell, or a metric on a cell."""

    cell: str
    metric: str | None
    status: Status
    reason: str

    @property
    def title(self) -> str:
        """What is not ok, as a person calls it."""
        return self.cell + (f" · metric {self.metric}" if self.metric is not None else "")


@dataclass
class Run:
    """One run of a plan: what it is asked to do, and how far it is."""

    plan: Plan
    store: Store
    options: RunOptions
    todo: list[Cell] = field(default_factory=list)
    finished: int = 0
    problems: list[Problem] = field(default_factory=list)
    skipped: list[Problem] = field(default_factory=list)

    @property
    def n_cells(self) -> int:
        """Number of cells of the plan."""
        return len(self.plan.cells)


class _Stopped(Exception):
    """The run was ended; what was under way leaves no record."""


def find_work(run: Run) -> list[Cell]:
    """Return the cells that have to be trained or scored."""
    return [cell for cell in run.plan.cells if _needs_fit(run, cell) or _missing_metrics(run, cell)]


def execute(run: Run, plugins: Plugins, make_executor: Any) -> None:
    """Do the work of a run; ``make_executor(workers=..., threads=...)`` is called only where there is some.

    Observers are called in this thread. An interrupt ends every process and leaves the store clean.
    """
    run.store.write_suite(run.plan.to_record(run_command()))
    run.todo = find_work(run)
    plugins.notify("run_started", run=run)
    if run.todo:
        _Engine(run, plugins, make_executor(workers=run.options.workers, threads=run.options.threads)).work()
    _collect_problems(run)
    plugins.notify("run_finished", run=run)


def run_command() -> str:
    """Return the command line of this process, as one would type it."""
    import shlex
    import sys

    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])


def _needs_fit(run: Run, cell: Cell) -> bool:
    record = run.store.read_cell(cell.key)
    if record is None or (record.status not in DONE and run.options.retry_failed):
        return True
    if record.status != "ok" or not _missing_metrics(run, cell):
        return False
    draws = (run.store.draw_path(cell.key, draw) for draw in range(cell.identity.draws))
    return not all(path.exists() for path in draws)  # tables that were removed since are sampled again


def _missing_metrics(run: Run, cell: Cell) -> list[str]:
    record = run.store.read_cell(cell.key)
    if record is None or record.status != "ok":
        return []
    missing = []
    for label, key in cell.metric_keys.items():
        score = run.store.read_score(cell.key, key)
        if score is None or (score.status not in DONE and run.options.retry_failed):
            missing.append(label)
    return missing


def _collect_problems(run: Run) -> None:
    run.problems.clear()
    run.skipped.clear()
    for cell in run.plan.cells:
        record = run.store.read_cell(cell.key)
        if record is None:
            run.problems.append(Problem(cell.title, None, "failed", "has no record yet"))
        elif record.status != "ok":
            found = run.skipped if record.status == "skipped" else run.problems
            found.append(Problem(cell.title, None, record.status, record.reason))
        else:
            for label, key in cell.metric_keys.items():
                score = run.store.read_score(cell.key, key)
                if score is not None and score.status != "ok":
                    found = run.skipped if score.status == "skipped" else run.problems
                    found.append(Problem(cell.title, label, score.status, score.reason))


class _Engine:
    """Works through the cells of a run in as many threads as there are workers; observers hear of it in one thread."""

    def __init__(self, run: Run, plugins: Plugins, executor: Executor) -> None:
        self.run, self.plugins, self.executor = run, plugins, executor
        self.store, self.options = run.store, run.options
        self.events: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        self.stopping = threading.Event()
        self.limits = Limits(threads=run.options.threads, timeout=run.options.timeout, memory=run.options.memory)

    def work(self) -> None:
        pool = ThreadPoolExecutor(self.options.workers, thread_name_prefix="tabgenbench-cell")
        futures = [pool.submit(self._do_cell, cell) for cell in self.run.todo]
        try:
            while not all(future.done() for future in futures):
                self._tell(wait=0.2)
            self._tell(wait=0.0)
            for future in futures:
                future.result()
        finally:
            self.stopping.set()
            self.executor.close()
            pool.shutdown(wait=True, cancel_futures=True)

    def _tell(self, *, wait: float) -> None:
        while True:
            try:
                hook, arguments = self.events.get(timeout=wait) if wait else self.events.get_nowait()
            except queue.Empty:
                return
            if hook == "cell_finished":
                self.run.finished += 1
            self.plugins.notify(hook, **arguments)
            wait = 0.0

    def _do_cell(self, cell: Cell) -> None:
        if self.stopping.is_set():
            return
        self.events.put(("cell_started", {"cell": cell}))
        try:
            record = self._fit(cell) if _needs_fit(self.run, cell) else self.store.read_cell(cell.key)
            if record is not None and record.status == "ok":
                self._score(cell, _missing_metrics(self.run, cell))
        except _Stopped:
            return
        self.events.put(("cell_finished", {"record": record}))

    def _fit(self, cell: Cell) -> CellRecord:
        folder = self.store.new_folder()
        try:
            (folder / "synthetic").mkdir()
            payload = FitPayload(
                target=cell.generator.target,
                options=cell.generator.config,
                split_folder=self.store.split_folder(cell.identity.split_fingerprint),
                out_folder=folder / "synthetic",
                draws=cell.identity.draws,
                seed=cell.identity.seed,
                device=self.options.device,
                timeout=self.options.timeout,
            )
            phase = ["fit"]

            def on_message(message: Any) -> None:
                if isinstance(message, Progress):
                    self.events.put(("cell_progress", {"cell": cell, "progress": message}))
                else:
                    phase[0] = message[1]

            outcome = self._run(
                Task(function=fit_cell, payload=payload, limits=self.limits, log=folder / "log"), on_message
            )
            record = self._cell_record(cell, outcome, phase[0])
            if record.status == "ok":
                self.store.publish_folder(folder / "synthetic", self.store.cell_folder(cell.key) / "synthetic")
            self.store.write_cell(record)
            return record
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _run(self, task: Task, on_message: Any) -> Outcome:
        if self.stopping.is_set():
            raise _Stopped
        outcome = self.executor.submit(task, on_message).result()
        if self.stopping.is_set() and outcome.status != "ok":
            raise _Stopped
        return outcome

    def _cell_record(self, cell: Cell, outcome: Outcome, phase: str) -> CellRecord:
        found: dict[str, Any] = outcome.value or {}
        phases = {"fit": Phase(status="ok"), "sample": Phase(status="ok")}
        if outcome.status != "ok":
            phases[phase] = Phase(status=outcome.status)
            if phase == "fit":
                del phases["sample"]
        else:
            phases["fit"].seconds, phases["sample"].seconds = found["fit_seconds"], found["sample_seconds"]
        phases["fit"].peak_memory_bytes = outcome.peak_memory
        phases["fit"].peak_gpu_bytes = found.get("peak_gpu_bytes")
        return CellRecord(
            key=cell.key,
            cell=cell.identity,
            status=outcome.status,
            reason=outcome.reason,
            traceback=outcome.traceback,
            phases=phases,
            losses=found.get("losses", {}),
            fallbacks=[FallbackRecord(**one) for one in found.get("fallbacks", [])],
            notes=found.get("notes", []),
            environment=self._environment(),
        )

    def _score(self, cell: Cell, labels: Iterable[str]) -> None:
        """Compute metrics; one that takes its process down is recorded, and the others go on in a new process."""
        left = list(labels)
        while left:
            current: list[str] = []
            folder = self.store.new_folder()
            done: set[str] = set()

            def on_message(message: Any, current: list[str] = current, done: set[str] = done) -> None:
                if message[0] == "metric":
                    current[:] = [message[1]]
                else:
                    self._keep_score(cell, message[1], message[2])
                    done.add(message[1])

            try:
                task = Task(
                    function=score_cell, payload=self._score_payload(cell, left), limits=self.limits, log=folder / "log"
                )
                outcome = self._run(task, on_message)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            left = [label for label in left if label not in done]
            if outcome.status != "ok" and left:
                culprits = [label for label in current if label in left] or left
                for label in culprits:
                    failure = {"status": outcome.status, "reason": outcome.reason, "traceback": outcome.traceback}
                    self._keep_score(cell, label, {"draws": [], "artifacts": {}, "seconds": None, **failure})
                left = [label for label in left if label not in culprits]

    def _score_payload(self, cell: Cell, labels: list[str]) -> ScorePayload:
        metrics = self.run.plan.metrics
        return ScorePayload(
            split_folder=self.store.split_folder(cell.identity.split_fingerprint),
            draws=tuple(self.store.draw_path(cell.key, draw) for draw in range(cell.identity.draws)),
            metrics=tuple(
                MetricJob(label=label, target=metrics[label].target, options=metrics[label].config) for label in labels
            ),
            seed=seed_of(cell.identity.split, "metric"),  # the same for every generator on the split
            device=self.options.device,
            memory=self.options.memory,
        )

    def _keep_score(self, cell: Cell, label: str, found: dict[str, Any]) -> None:
        metric, key = self.run.plan.metrics[label], cell.metric_keys[label]
        record = ScoreRecord(
            key=key,
            cell_key=cell.key,
            metric=metric.name,
            config=metric.config,
            specs=list(metric.specs),
            status=found["status"],
            reason=found.get("reason", ""),
            traceback=found.get("traceback", ""),
            draws=[DrawScores(**draw) for draw in found["draws"]] if found["status"] == "ok" else [],
        )
        for name, frame in found["artifacts"].items():
            path = self.store.cell_folder(cell.key) / "scores" / f"{key}.{name}.csv"
            self.store.write_text(path, frame.to_csv(index=False))
        self.store.write_score(record, RunInfo(metric=label, seconds=found["seconds"], environment=self._environment()))

    def _environment(self) -> Environment:
        options = self.options
        return describe_environment(threads=options.threads, device=options.device, workers=options.workers)
