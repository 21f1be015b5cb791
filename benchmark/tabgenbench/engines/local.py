"""The local engine: every task in a fresh process of a fork server that has torch imported."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from tabgenbench.engines import scratch
from tabgenbench.engines.base import Mark, Outcome, Task
from tabgenbench.engines.die_with_parent import BOUND
from tabgenbench.engines.environment import describe_environment
from tabgenbench.engines.keeper_handle import Keeper, new_process
from tabgenbench.engines.messages import Inbox, TornMessage
from tabgenbench.engines.prctl import become_subreaper
from tabgenbench.engines.watch import Watch
from tabgenbench.records import Environment

__all__ = ["LocalExecutor", "Supervisor", "start_fork_server"]

PRELOAD = [
    "tabgenbench.engines.die_with_parent",
    "torch",
    "torch._dynamo",  # torch imports it at the first step of an optimiser
    "anndata",
    "sklearn.covariance",
    "scipy.cluster.hierarchy",
    "tabgenbench.engines.worker",
    "tabgenbench.run.tasks",
    "tabgenbench.run.warm_up",
    "tabgenbench.engines.preload",  # last
]
POLL_SECONDS = 0.1
SMALL_BYTES = 2**30  # a process with more memory takes a while to end, and the next may need that memory
# Threads that spin for long while they wait starve other busy processes; threads that never spin pay for a wake-up at
# every step. A thousand turns, some microseconds, cost neither (tests/perf/bench_busy.py).
WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "1000"}
# glibc returns freed memory to the system early. A training step that frees its gradients and allocates them again then
# spends up to a tenth of its time in page faults (tests/perf/bench_small_table.py). Blocks below 32 MiB, glibc's own
# limit for this threshold, stay with the process, up to 64 MiB of them; larger ones are returned at once.
ALLOCATION = {"MALLOC_MMAP_THRESHOLD_": str(32 * 2**20), "MALLOC_TRIM_THRESHOLD_": str(64 * 2**20)}
COMPILED = "TORCHINDUCTOR_CACHE_DIR"
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Supervisor:
    """Runs tasks on this machine, each in a process tree of its own, and ends the tree when the task is over.

    One object serves many threads. The fork server of a process is started once, with the threads first asked for.

    Args:
        threads: number of threads that libraries find in their environment variables.
        overlap: whether the process of a small task that has given its result may end while the next one begins.
    """

    def __init__(self, *, threads: int, overlap: bool = False) -> None:
        self._context = multiprocessing.get_context("forkserver")
        become_subreaper()
        self._overlap = overlap
        # Methods of lists are of one step each, so that threads may share these.
        self._idle: list[Keeper] = []
        self._ending: list[tuple[Keeper, Path]] = []
        start_fork_server(threads)
        first = new_process(self._context, _nothing)
        first.start()  # the imports of the server are nobody's time
        first.join()

    def run(self, task: Task, on_message: Callable[[Any], None], stopping: threading.Event) -> Outcome:
        """Run a task to its end, or to that of its limits, or until ``stopping`` is set; nothing of it is left.

        ``on_message`` is called in this thread with each message of the task but its marks.
        """
        started = datetime.now(UTC).isoformat(timespec="seconds")
        folder = scratch.new_scratch()
        keeper = self._take_keeper()
        messages, sender = self._context.Pipe(duplex=False)
        can_wait = False
        try:
            watch = Watch(keeper.pid, task)
            keeper.begin(task, sender, folder)
            sender.close()
            self._settle()
            outcome = _listen(messages, keeper, watch, on_message, stopping)
            can_wait = self._overlap and outcome.status == "ok" and _is_small(outcome) and not watch.gpu
        finally:
            messages.close()
            sender.close()
            self._ending.append((keeper, folder))
            if not can_wait:
                self._settle()
        return replace(outcome, environment=_environment_of(task, watch, started))

    def close(self) -> None:
        """End what is left of the last tasks, and the processes that wait for the next."""
        self._settle()
        for keeper in self._idle:
            keeper.control.close()  # all of them end at the same time
        while self._idle:
            self._idle.pop().dismiss()

    def _settle(self) -> None:
        """Wait until nothing is left of the tasks that have given their result."""
        with contextlib.suppress(IndexError):  # another thread may take the last one
            while True:
                keeper, folder = self._ending.pop()
                try:
                    if keeper.end():
                        self._idle.append(keeper)
                finally:
                    scratch.remove_folder(folder)

    def _take_keeper(self) -> Keeper:
        with contextlib.suppress(IndexError):  # another thread may take the last one
            while True:
                keeper = self._idle.pop()
                if keeper.waits():
                    return keeper
                keeper.dismiss()
        return Keeper(self._context)


def start_fork_server(threads: int) -> None:
    """Have the fork server begin its imports, where it does not run yet, without waiting for them."""
    from multiprocessing import forkserver

    multiprocessing.get_context("forkserver").set_forkserver_preload(PRELOAD)
    is_main = threading.current_thread() is threading.main_thread()  # the kernel goes by threads
    variables = {**WAITING, **ALLOCATION, **dict.fromkeys(THREAD_VARIABLES, str(threads)), BOUND: str(int(is_main))}
    # The server keeps its socket in a temporary folder, which a killed run would leave behind; torch has one too.
    folder = scratch.short_scratch()
    variables[COMPILED] = os.environ.get(COMPILED, str(folder / "compiled"))
    with _environment(**variables), _temporary_files_in(str(folder)):
        forkserver.ensure_running()


class LocalExecutor:
    """Runs up to ``workers`` tasks at a time on this machine, each with ``threads`` threads.

    Args:
        workers: tasks at a time.
        threads: threads of each.
        gpus: names of GPUs, as CUDA_VISIBLE_DEVICES has them; a task gets one of them to itself.
        slots_per_gpu: how many tasks may share a GPU.
    """

    def __init__(self, *, workers: int, threads: int, gpus: Sequence[str] = (), slots_per_gpu: int = 1) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="tabgenbench-slot")
        self._closing = threading.Event()
        self._supervisor = Supervisor(threads=threads, overlap=True)
        self._gpus: queue.SimpleQueue[str] | None = None
        if gpus:
            self._gpus = queue.SimpleQueue()
            for gpu in list(gpus) * slots_per_gpu:  # in rounds: no GPU has two before each has one
                self._gpus.put(gpu)

    def submit(self, task: Task, on_message: Callable[[Any], None]) -> Future[Outcome]:
        """Run a task in its own process as soon as a slot is free."""
        return self._pool.submit(self._supervise, task, on_message)

    def close(self) -> None:
        """End every task that still runs, with all its children, and forget those that wait."""
        self._closing.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._supervisor.close()

    def _supervise(self, task: Task, on_message: Callable[[Any], None]) -> Outcome:
        if self._gpus is None:
            return self._supervisor.run(task, on_message, self._closing)
        gpu = self._gpus.get()
        try:
            task = replace(task, environment={**task.environment, "CUDA_VISIBLE_DEVICES": gpu})
            return self._supervisor.run(task, on_message, self._closing)
        finally:
            self._gpus.put(gpu)


def _nothing() -> None:
    """Do nothing."""


def _environment_of(task: Task, watch: Watch, started: str) -> Environment:
    found = describe_environment(threads=task.limits.threads, started=started, distributions=task.distributions)
    return found.model_copy(update={"gpu": watch.gpu, "packages": {**found.packages, **watch.packages}})


def _is_small(outcome: Outcome) -> bool:
    return max(usage.peak_memory for usage in outcome.phases.values()) < SMALL_BYTES


def _listen(
    messages: Connection,
    keeper: Keeper,
    watch: Watch,
    on_message: Callable[[Any], None],
    stopping: threading.Event,
) -> Outcome:
    inbox = Inbox(messages)
    while True:
        if stopping.is_set():
            return watch.ended("crashed", "the run was ended before this task had finished")
        ready = wait([messages, keeper.control], POLL_SECONDS)
        over = watch.look()
        try:
            if messages in ready or over is not None:
                end = _take(inbox, watch, on_message)
                over = watch.look() if over is not None else None  # another phase may have begun by then
                if over is not None:
                    return over
                if end is not None:
                    return watch.finished(end)
            elif keeper.control in ready:  # the worker has ended, and said nothing more
                return watch.crashed(keeper.wait_status())
        except TornMessage as error:
            return over or watch.ended("crashed", str(error))
        except (EOFError, OSError):
            return over or watch.crashed(keeper.wait_status())


def _take(inbox: Inbox, watch: Watch, on_message: Callable[[Any], None]) -> dict[str, Any] | None:
    """Pass on the messages that have arrived; return what the task said at its end, None where it has not ended."""
    for kind, content in inbox.read():
        if kind == "end":
            end: dict[str, Any] = content
            return end
        if isinstance(content, Mark):
            watch.enter(content)
        else:
            on_message(content)
    return None


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _temporary_files_in(folder: str) -> Iterator[None]:
    import tempfile

    before = tempfile.tempdir
    tempfile.tempdir = folder
    try:
        yield
    finally:
        tempfile.tempdir = before
