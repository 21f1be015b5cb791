"""The runner: does the trainings and computes the scores that the store lacks.

Several runners can work on the same store.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tabgenbench.engines.base import Engine
from tabgenbench.engines.environment import describe_environment
from tabgenbench.engines.scratch import new_scratch
from tabgenbench.records import Problem
from tabgenbench.registry.manager import Plugins
from tabgenbench.run.cell_queue import CellQueue
from tabgenbench.run.cell_work import CellWork, Stopped
from tabgenbench.run.pending import find_work, is_unchanged, needs_fit
from tabgenbench.run.plan import Cell
from tabgenbench.run.preflight import Preflight, find_refusals, refused_record
from tabgenbench.run.state import Run
from tabgenbench.store.claims import EXPIRY_SECONDS, Claims
from tabgenbench.store.snapshot import CellSnapshot

__all__ = ["execute", "preflight", "run_command"]

PREFLIGHT_SECONDS = 60.0
REFRESH_SECONDS = 30.0
GIVE_UP_SECONDS = EXPIRY_SECONDS / 2  # longest time without a refresh; until then, other machines respect the claims


def execute(run: Run, plugins: Plugins, make_engine: Callable[[], Engine]) -> None:
    """Compute the results of a run that the store lacks; ``make_engine`` is called only if results are missing.

    Observers (plugins) are called in this thread. An interrupt, such as Ctrl-C, ends every process of the run and
    leaves the store intact.

    Raises:
        StoreError: the file system of the store failed; no process of the run is left running.
    """
    with run.store.checked():
        run.store.write_suite(run.plan.to_record(run.command or run_command()))
        run.todo = find_work(run)
        if run.todo:
            _work(run, plugins, make_engine())
        else:
            plugins.notify("run_started", run=run)
        _collect_problems(run)
    plugins.notify("run_finished", run=run)


def _work(run: Run, plugins: Plugins, engine: Engine) -> None:
    try:
        CellLoop(run, plugins, engine).work()
    finally:
        engine.close()


def preflight(run: Run, engine: Engine, accept: Callable[[Sequence[Cell]], None] = lambda cells: None) -> Preflight:
    """Check the generators to be trained; return refused trainings with reasons, memory estimates and warnings.

    Args:
        run: the run.
        engine: runs the generators' code.
        accept: see `find_refusals`.
    """
    import shutil

    folder = new_scratch()
    try:
        cells = [cell for cell in run.todo if needs_fit(run, cell, first=True)]
        options = run.options
        memory = options.memory if options.device == "cpu" else None  # on a GPU, the estimate includes GPU memory
        return find_refusals(
            cells,
            run.plan.schemas,
            engine,
            memory=memory,
            folder=folder,
            seconds=min(PREFLIGHT_SECONDS, options.timeout or PREFLIGHT_SECONDS),
            at_once=max(1, options.workers - 1),  # one slot is left for cells that can start
            accept=accept,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_command() -> str:
    """Return the command line of this process as a user would type it."""
    import shlex
    import sys

    program = Path(sys.argv[0])
    words = ["python", "-m", program.parent.name] if program.name == "__main__.py" else [program.name]
    return shlex.join([*words, *sys.argv[1:]])


def _keep_refusals(run: Run) -> list[Cell]:
    refusals = run.preflight.refusals
    if refusals:
        _write_refusals(run, [cell for cell in run.todo if cell.key in refusals])
    return [cell for cell in run.todo if cell.key not in refusals]


def _write_refusals(run: Run, cells: list[Cell]) -> None:
    options, claims = run.options, Claims(run.store)
    environment = describe_environment(threads=options.threads, device=options.device, workers=options.workers)
    try:
        for cell in cells:
            if claims.acquire(cell.key):
                record = run.store.read_cell(cell.key)
                if (record is None or record.status != "ok") and is_unchanged(run, cell):
                    run.store.write_cell(refused_record(cell, run.preflight.refusals[cell.key], environment))
                claims.release(cell.key)
    finally:
        claims.close()


def _collect_problems(run: Run) -> None:
    run.problems.clear()
    run.skipped.clear()
    left = {cell.key for cell in run.not_started}
    for cell in run.plan.cells:
        kept = run.not_kept.get(cell.key)
        found = run.snapshot(cell) if kept is None else CellSnapshot(kept)
        not_ok = found.not_ok(cell.title)
        if found.record is None and cell.key in run.preflight.refusals:  # another runner is working on it
            not_ok = [Problem(cell.title, None, "skipped", run.preflight.refusals[cell.key].reason)]
        elif found.record is None and cell.key not in left:
            not_ok = [Problem(cell.title, None, "failed", "has no record yet")]
        for problem in not_ok:
            (run.skipped if problem.status == "skipped" else run.problems).append(problem)


class CellLoop:
    """Checks whether the generators of a run can be trained, then trains and scores them.

    Observers are called in the thread that calls `work`. Each worker of the engine has its own thread. An engine
    without workers trains in the thread that calls `work`, so that Ctrl-C interrupts the training.
    """

    def __init__(self, run: Run, plugins: Plugins, engine: Engine) -> None:
        self.run, self.plugins, self.engine = run, plugins, engine
        self.events: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        self.stopping = threading.Event()
        self.claims = Claims(run.store)
        if run.budget is not None:
            run.load_earlier()  # the order of the cells depends on their estimates
        self.queue = CellQueue(run, self.claims, self.stopping)
        self.announce = self._notify if engine.in_caller else self._queue
        self.cell_work = CellWork(run, engine, announce=self.announce, stopping=self.stopping)

    def work(self) -> None:
        """Train and score all pending cells (trainings); wait for cells on which other runners are working."""
        workers = 0 if self.engine.in_caller else self.run.options.workers
        pool = ThreadPoolExecutor(workers + 1, thread_name_prefix="tabgenbench-cell")
        try:  # an interrupt may come at any line from here on, and threads that are not stopped run for ever
            heart = pool.submit(self._refresh_claims)
            futures = [pool.submit(self._do_cells) for _ in range(workers)]
            self._ask_generators()
            if self.engine.in_caller:
                self._do_cells()
            while not all(future.done() for future in futures) and not _first_failure([heart, *futures]):
                self._tell(wait=0.2)
            self._tell(wait=0.0)
            self.run.not_started = self.queue.waiting
            if failure := _first_failure([heart, *futures]):  # cells in other threads are stopped, not awaited
                raise failure
        finally:
            self.stopping.set()
            self.engine.close()
            pool.shutdown(wait=True, cancel_futures=True)
            self.claims.close()

    def _ask_generators(self) -> None:
        """Check which generators can be trained, and announce the run to observers.

        Workers start a training as soon as its generator is accepted.
        """
        trained = [cell for cell in self.run.todo if not needs_fit(self.run, cell, first=True)]
        self.queue.offer(trained)
        self.run.preflight = preflight(self.run, self.engine, self.queue.offer)
        self.run.todo = _keep_refusals(self.run)
        self.queue.end_offers()
        if self.run.budget is None:  # else earlier cells were read at the start
            self.run.load_earlier()
        self.run.estimate = self.run.make_estimate() if self.run.todo else None
        self.plugins.notify("run_started", run=self.run)

    def _queue(self, hook: str, arguments: dict[str, Any]) -> None:
        self.events.put((hook, arguments))

    def _tell(self, *, wait: float) -> None:
        while True:
            try:
                hook, arguments = self.events.get(timeout=wait) if wait else self.events.get_nowait()
            except queue.Empty:
                return
            self._notify(hook, arguments)
            wait = 0.0

    def _notify(self, hook: str, arguments: dict[str, Any]) -> None:
        if hook == "cell_finished":
            self.run.finished += 1
            if self.run.budget is not None:
                self.run.learn(arguments["record"])
        self.plugins.notify(hook, **arguments)

    def _refresh_claims(self) -> None:
        refreshed = time.monotonic()
        while not self.stopping.wait(REFRESH_SECONDS):
            try:
                self.claims.refresh()
                refreshed = time.monotonic()
            except OSError:
                if time.monotonic() - refreshed > GIVE_UP_SECONDS:
                    raise

    def _do_cells(self) -> None:
        while (cell := self.queue.next()) is not None:
            self.announce("cell_started", {"cell": cell})
            try:
                record = self.cell_work.do(cell)
            except Stopped:
                return
            finally:
                self.claims.release(cell.key)
            self.announce("cell_finished", {"record": record})


def _first_failure(futures: Iterable[Future[None]]) -> BaseException | None:
    return next((error for future in futures if future.done() and (error := future.exception())), None)
