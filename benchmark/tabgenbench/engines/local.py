"""The engine ``local``, which runs each task in a new process, forked from one that has imported the libraries."""

from __future__ import annotations

import contextlib
import multiprocessing
import queue
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from tabgenbench.engines import scratch
from tabgenbench.engines.base import Engine, EngineOptions, Mark, Outcome, Task
from tabgenbench.engines.devices import resolve_device
from tabgenbench.engines.environment import available_cores, describe_environment, visible_gpus
from tabgenbench.engines.fork_server import ForkServer, server_of
from tabgenbench.engines.keeper_handle import Keeper
from tabgenbench.engines.memory import machine_memory
from tabgenbench.engines.messages import Inbox, TornMessage
from tabgenbench.engines.prctl import become_subreaper
from tabgenbench.engines.watch import Watch
from tabgenbench.errors import ConfigError
from tabgenbench.records import Environment

__all__ = ["LocalEngine", "Supervisor", "server_for"]

POLL_SECONDS = 0.1
SMALL_BYTES = 2**30  # a larger process takes time to end, and the next task may need its memory
MAX_WORKERS = 8  # default limit; each worker holds a copy of its model and rows
MEMORY_SHARE = 0.9  # default memory limit of one task, as a share of the machine's memory


class Supervisor:
    """Runs each task in its own process tree on this machine and kills the tree when the task ends.

    Many threads may share one `Supervisor`.

    Args:
        threads: number of threads of numerical libraries. A `ForkServer` that already exists keeps its number.
        preloads: the modules of each list, by the name of the list. Before a task starts, the list `Task.preload` is
            imported or, if there is no such list, the last list.
        overlap: whether a task may start while processes of an earlier task are still ending, if the earlier task
            succeeded without a GPU and used less than 1 GiB of memory.
    """

    def __init__(
        self, *, threads: int, preloads: Mapping[str, tuple[str, ...]] | None = None, overlap: bool = False
    ) -> None:
        become_subreaper()
        self._threads, self._preloads, self._overlap = threads, dict(preloads or {}), overlap
        # Methods of lists are atomic, so threads may share these two lists.
        self._idle: list[Keeper] = []
        self._ending: list[tuple[Keeper, Path]] = []

    def run(self, task: Task, on_message: Callable[[Any], None], stopping: threading.Event) -> Outcome:
        """Run a task until it ends, exceeds a limit or ``stopping`` is set; return its outcome.

        Processes that the task leaves running are killed, with ``overlap`` possibly after the return. The calling
        thread calls ``on_message`` for each message except a `Mark` (start of a phase).
        """
        keeper = self._take_keeper(server_for(task.preload, self._preloads, self._threads))
        started = datetime.now(UTC).isoformat(timespec="seconds")
        folder = scratch.new_scratch()
        messages, sender = multiprocessing.Pipe(duplex=False)
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
        """Kill the remaining processes of finished tasks and their parent processes (keepers)."""
        self._settle()
        for keeper in self._idle:
            keeper.control.close()  # all keepers end concurrently
        while self._idle:
            self._idle.pop().dismiss()

    def _settle(self) -> None:
        with contextlib.suppress(IndexError):  # another thread may pop the last item
            while True:
                keeper, folder = self._ending.pop()
                try:
                    if keeper.end():
                        self._idle.append(keeper)
                finally:
                    scratch.remove_folder(folder)

    def _take_keeper(self, server: ForkServer) -> Keeper:
        with contextlib.suppress(StopIteration, ValueError):  # another thread may take the keeper found here
            while True:
                keeper = next(one for one in self._idle if one.server is server)
                self._idle.remove(keeper)
                if keeper.waits():
                    return keeper
                keeper.dismiss()
        return Keeper(server)


def server_for(preload: str, preloads: Mapping[str, tuple[str, ...]], threads: int) -> ForkServer:
    """Return the fork server for the modules in ``preloads[preload]`` or, without this list, in the last list."""
    modules = preloads.get(preload) or next(reversed(list(preloads.values())), ())
    return server_of(modules, threads)


class LocalEngine(Engine):
    """Runs each task in its own process on this machine."""

    name = "local"
    summary = "processes on this machine, with time and memory limits"

    def __init__(self, options: EngineOptions) -> None:
        super().__init__(options)
        self._pool = ThreadPoolExecutor(options.n_workers, thread_name_prefix="tabgenbench-slot")
        self._closing = threading.Event()
        self._supervisor = Supervisor(threads=options.n_threads, preloads=options.preloads, overlap=True)
        self._gpus: queue.SimpleQueue[str] | None = None
        if options.device.startswith("cuda"):
            self._gpus = queue.SimpleQueue()
            for gpu in (
                visible_gpus(options.device) * options.slots_per_gpu
            ):  # round robin: every GPU gets a task before any gets two
                self._gpus.put(gpu)

    @classmethod
    def settle(cls, options: EngineOptions) -> EngineOptions:
        """Return the options with ``cpu`` or ``cuda`` for ``auto``, and with defaults of workers, threads and memory.

        The default number of workers is ``slots_per_gpu`` per GPU. Without a GPU, it is the number of cores, but at
        most 8. By default, the cores are divided equally among the workers, one thread per core, and the memory limit
        of each task is 90 % of the machine's memory.
        """
        if options.address:
            raise ConfigError(f"--address: --executor {cls.name} has no address; omit it, or use --executor ray")
        device = resolve_device(options.device)
        # Parallel tasks use cores better than threads within one task, because tasks do not wait for each other.
        by_default = len(visible_gpus(device)) * options.slots_per_gpu or min(available_cores(), MAX_WORKERS)
        workers = options.workers or by_default
        return replace(
            options,
            device=device,
            workers=workers,
            threads=options.threads or max(1, available_cores() // workers),
            memory=options.memory if options.memory is not None else int(machine_memory() * MEMORY_SHARE),
        )

    @classmethod
    def warm(cls, options: EngineOptions, preload: str) -> None:
        """Start the fork server that imports the modules in ``options.preloads[preload]``."""
        server_for(preload, options.preloads, options.n_threads).begin()

    def submit(self, task: Task, on_message: Callable[[Any], None]) -> Future[Outcome]:
        """Add a task to the queue, and return a future of the task's outcome."""
        return self._pool.submit(self._supervise, task, on_message)

    def close(self) -> None:
        """Terminate all processes of running tasks, and remove waiting tasks from the queue."""
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
            return watch.ended("crashed", "the run ended before this task finished")
        ready = wait([messages, keeper.control], POLL_SECONDS)
        over = watch.look()
        try:
            if messages in ready or over is not None:
                end = _take(inbox, watch, on_message)
                over = watch.look() if over is not None else None  # a message may have started another phase
                if over is not None:
                    return over
                if end is not None:
                    return watch.finished(end)
            elif keeper.control in ready and not messages.poll():  # the last messages may have arrived after wait()
                return watch.crashed(keeper.wait_status())
        except TornMessage as error:
            return over or watch.ended("crashed", str(error))
        except (EOFError, OSError):
            return over or watch.crashed(keeper.wait_status())


def _take(inbox: Inbox, watch: Watch, on_message: Callable[[Any], None]) -> dict[str, Any] | None:
    for kind, content in inbox.read():
        if kind == "end":
            end: dict[str, Any] = content
            return end
        if isinstance(content, Mark):
            watch.enter(content)
        else:
            on_message(content)
    return None
