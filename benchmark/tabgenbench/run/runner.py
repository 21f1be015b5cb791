"""The runner: trains and scores what a store does not have yet, beside other runners where there are some."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tabgenbench.engines.base import Engine
from tabgenbench.engines.environment import describe_environment
from tabgenbench.engines.scratch import new_scratch
from tabgenbench.registry.events import Problem
from tabgenbench.registry.manager import Plugins
from tabgenbench.run.cell_work import CellWork, Stopped
from tabgenbench.run.pending import find_work, is_unchanged, needs_fit
from tabgenbench.run.plan import Cell
from tabgenbench.run.preflight import Preflight, find_refusals, refused_record
from tabgenbench.run.state import Run
from tabgenbench.store.claims import EXPIRY_SECONDS, Claims

__all__ = ["execute", "preflight"]

PREFLIGHT_SECONDS = 60.0
REFRESH_SECONDS = 30.0
GIVE_UP_SECONDS = EXPIRY_SECONDS / 2  # without a refresh: other machines still see the claims as held
WAIT_SECONDS = 0.5  # between two looks at cells that another runner has


def execute(run: Run, plugins: Plugins, make_engine: Callable[[], Engine]) -> None:
    """Do the work of a run; ``make_engine`` is called only where there is some.

    Observers are called in this thread. An interrupt ends every process and leaves the store clean.

    Raises:
        StoreError: the file system of the store failed; nothing of the run is left running.
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
        run.preflight = preflight(run, engine)
        run.todo = _keep_refusals(run)
        plugins.notify("run_started", run=run)
        CellLoop(run, plugins, engine).work()
    finally:
        engine.close()


def preflight(run: Run, engine: Engine) -> Preflight:
    """Ask the generators whose cells are to be trained whether they can serve them."""
    import shutil

    folder = new_scratch()
    try:
        cells = [cell for cell in run.todo if needs_fit(run, cell, first=True)]
        options = run.options
        memory = options.memory if options.device == "cpu" else None  # an estimate counts the device's memory too
        seconds = min(PREFLIGHT_SECONDS, options.timeout or PREFLIGHT_SECONDS)
        return find_refusals(cells, run.plan.schemas, engine, memory=memory, folder=folder, seconds=seconds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_command() -> str:
    """Return the command line of this process, as one would type it."""
    import shlex
    import sys

    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])


def _keep_refusals(run: Run) -> list[Cell]:
    """Record the cells that are refused, and return the others."""
    refusals = run.preflight.refusals
    if refusals:
        _write_refusals(run, [cell for cell in run.todo if cell.key in refusals])
    return [cell for cell in run.todo if cell.key not in refusals]


def _write_refusals(run: Run, cells: list[Cell]) -> None:
    """Record refused cells but those that another runner is at work on, has trained or has written meanwhile."""
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
    for cell in run.plan.cells:
        record = run.not_kept.get(cell.key) or run.store.read_cell(cell.key)
        if record is None and cell.key in run.preflight.refusals:  # another runner is at work on it
            run.skipped.append(Problem(cell.title, None, "skipped", run.preflight.refusals[cell.key].reason))
        elif record is None:
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


class CellLoop:
    """Works through the cells of a run; observers are called in the thread that calls `work`.

    There are as many threads as workers. With an engine that runs tasks in the calling thread, cells are worked in the
    thread that calls `work`, so that an interrupt reaches them.
    """

    def __init__(self, run: Run, plugins: Plugins, engine: Engine) -> None:
        self.run, self.plugins, self.engine = run, plugins, engine
        self.events: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        self.stopping = threading.Event()
        self.claims = Claims(run.store)
        self.waiting = deque(run.todo)
        self.choosing = threading.Lock()
        self.announce = self._notify if engine.in_caller else self._queue
        self.cell_work = CellWork(run, engine, announce=self.announce, stopping=self.stopping)

    def work(self) -> None:
        """Do all cells; returns when each is done, here or by another runner."""
        workers = 0 if self.engine.in_caller else self.run.options.workers
        pool = ThreadPoolExecutor(workers + 1, thread_name_prefix="tabgenbench-cell")
        try:  # an interrupt may come at any line from here on, and threads that are not stopped run for ever
            heart = pool.submit(self._refresh_claims)
            futures = [pool.submit(self._do_cells) for _ in range(workers)]
            if self.engine.in_caller:
                self._do_cells()
            while not all(future.done() for future in futures) and not _first_failure([heart, *futures]):
                self._tell(wait=0.2)
            self._tell(wait=0.0)
            if failure := _first_failure([heart, *futures]):  # what the other threads train is ended, not waited for
                raise failure
        finally:
            self.stopping.set()
            self.engine.close()
            pool.shutdown(wait=True, cancel_futures=True)
            self.claims.close()

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
        while (cell := self._next_cell()) is not None:
            self.announce("cell_started", {"cell": cell})
            try:
                record = self.cell_work.do(cell)
            except Stopped:
                return
            finally:
                self.claims.release(cell.key)
            self.announce("cell_finished", {"record": record})

    def _next_cell(self) -> Cell | None:
        """Return a cell, claimed for this runner; wait while other runners have all that is left."""
        while not self.stopping.is_set():
            with self.choosing:
                if not self.waiting:
                    return None
                for cell in self.waiting:
                    if self.claims.acquire(cell.key):
                        self.waiting.remove(cell)
                        return cell
            self.stopping.wait(WAIT_SECONDS)
        return None


def _first_failure(futures: Iterable[Future[None]]) -> BaseException | None:
    """Return what the first of the threads that failed raised; None while they run or where they ended well."""
    return next((error for future in futures if future.done() and (error := future.exception())), None)
