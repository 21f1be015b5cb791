"""The engine ``ray``, which runs tasks on this machine or on the nodes of a cluster."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from tabgenbench.engines.base import Engine, EngineOptions, Limits, Outcome, Task
from tabgenbench.engines.environment import describe_environment, visible_gpus
from tabgenbench.engines.ray_cluster import Cluster, Node, last_line, survey, usable
from tabgenbench.engines.ray_node import Job, Report, leave_node, look_around, run_task
from tabgenbench.errors import TAIL_CHARACTERS, ConfigError, StoreError, TabGenBenchError

__all__ = ["RayEngine", "to_reserve"]

RETRIES = 3  # maximum number of retries of a task whose worker process or node was lost
POLL_SECONDS = 0.2
STOP_SECONDS = 20.0
LOOK_SECONDS = 120.0  # a node may first have to import the modules for its report
LEAVE_SECONDS = 10.0


class RayEngine(Engine):
    """Runs tasks as Ray tasks, on this machine or on the nodes of a cluster.

    In every Ray worker process, one `Supervisor` (as in the engine ``local``) starts the processes of tasks and
    enforces the limits. Retries by Ray are disabled, because Ray would mix the messages of two attempts. If a worker
    process or a node is lost, this engine submits the task again. Without the option ``address``, the engine starts Ray
    on this machine, and `close` stops Ray.

    Raises:
        ConfigError: Ray is not installed or does not answer, no node can run a task, or the versions of Python or
            packages on a node differ from those here.
        DeviceError: the device is a GPU, and no node has one.
        StoreError: a node cannot read or write the store.
    """

    name = "ray"
    summary = "Ray, here or on a cluster"

    def __init__(self, options: EngineOptions) -> None:
        super().__init__(options)
        paths = tuple(dict.fromkeys(os.path.abspath(path) for path in sys.path if os.path.exists(path or ".")))
        device, address, threads = options.device, options.address, options.n_threads
        self._closing, self._closed = threading.Event(), False
        self._folder: Path | None = None
        self._pool = ThreadPoolExecutor(options.n_workers, thread_name_prefix="tabgenbench-ray")
        gpus = visible_gpus(device) if address is None else ()
        self._cluster = Cluster(address, cpus=options.n_workers * threads, gpus=gpus)
        self._ray = self._cluster.ray
        host, token, folder = os.uname().nodename, secrets.token_hex(4), str(Path.cwd())
        self._job = Job(token, None, host, threads, folder, paths, tuple(options.preloads.items()))
        try:
            nodes = self._cluster.nodes()
            usable_nodes = usable(nodes, threads=threads, device=device, slots_per_gpu=options.slots_per_gpu)
            if not self._cluster.is_local:
                if options.probe is not None:
                    self._job = replace(self._job, probe=self._write_probe(options.probe.absolute()))
                self._check([node for node in nodes if node.id in usable_nodes])
        except BaseException:
            self.close()
            raise
        # By default Ray ends a worker process after each GPU task. This process itself never uses the GPU.
        self._remote = self._ray.remote(max_retries=0, max_calls=0, num_returns="streaming")(run_task)

    @classmethod
    def settle(cls, options: EngineOptions) -> EngineOptions:
        """Return the options with a device in place of ``auto``, and with numbers of workers and threads.

        By default, each worker has one thread, and there are as many workers as tasks that the nodes can run at once.
        """
        threads = options.n_threads
        slots = options.slots_per_gpu
        offer = survey(options.address, threads=threads, device=options.device, slots_per_gpu=slots)
        return replace(options, device=offer.device, threads=threads, workers=options.workers or offer.slots)

    def submit(self, task: Task, on_message: Callable[[Any], None]) -> Future[Outcome]:
        """Queue a task, which a node will run, and return a future of its outcome."""
        return self._pool.submit(self._supervise, task, on_message)

    def close(self) -> None:
        """Terminate running tasks, remove the run's files from the nodes, and stop Ray if this engine started it."""
        if self._closed:
            return
        self._closed = True
        self._closing.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        try:
            with contextlib.suppress(Exception):  # a cluster that has ended has nothing to clean up
                self._on_nodes(leave_node, self._job.token, self._cluster.nodes(), seconds=LEAVE_SECONDS)
        finally:
            self._cluster.close()
            leave_node(self._job.token)
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)

    def _supervise(self, task: Task, on_message: Callable[[Any], None]) -> Outcome:
        lost: list[str] = []
        while len(lost) <= RETRIES:
            attempt = _own_attempt(task, number=len(lost))
            try:
                outcome = self._attempt(attempt, on_message)
            except self._losses() as error:
                lost.append(" ".join(str(error).split())[:300])
                continue
            if outcome.status == "ok" and task.writes is not None and attempt.writes is not None:
                os.replace(attempt.writes, task.writes)
            return outcome
        reason = f"its Ray worker or node was lost {len(lost)} times; last error: {lost[-1]}"
        return Outcome(status="crashed", reason=reason)

    def _attempt(self, task: Task, on_message: Callable[[Any], None]) -> Outcome:
        errors = self._ray.exceptions
        stream = self._remote.options(**self._resources(task)).remote(task, self._job)
        try:
            return self._listen(stream, on_message)
        except errors.TaskCancelledError:
            return _ended()
        except errors.OutOfMemoryError as error:
            reason = "Ray ended the task because its node's memory was exhausted; set --memory or use fewer --workers"
            return Outcome(status="out_of_memory", reason=reason, traceback=str(error)[-TAIL_CHARACTERS:])
        except errors.RayTaskError as error:
            if isinstance(error.cause, TabGenBenchError):
                raise error.cause from None
            reason = f"its node could not run the task ({type(error.cause).__name__}: {error.cause})"
            return Outcome(status="crashed", reason=reason, traceback=str(error)[-TAIL_CHARACTERS:])
        except self._losses():
            if self._closing.is_set():
                return _ended()
            raise

    def _listen(self, stream: Any, on_message: Callable[[Any], None]) -> Outcome:
        while not self._closing.is_set():
            ready, _ = self._ray.wait([stream], timeout=POLL_SECONDS)
            if ready:
                kind, content = self._ray.get(next(stream))
                if kind == "outcome":
                    outcome: Outcome = content
                    return outcome
                on_message(content)
        # Ray marks a stream as ended when it is cancelled, and reading the stream then waits for the end of the task
        # without a limit. The interrupt that Ray sends to the task can get lost, so the second call kills the process.
        for force in (False, True):
            self._ray.cancel(stream, force=force)
            ended, _ = self._ray.wait([stream.completed()], timeout=STOP_SECONDS)
            if ended:
                break
        return _ended()

    def _losses(self) -> tuple[type[Exception], ...]:
        errors = self._ray.exceptions
        return (errors.WorkerCrashedError, errors.NodeDiedError, errors.LocalRayletDiedError, errors.ObjectLostError)

    def _resources(self, task: Task) -> dict[str, Any]:
        resources: dict[str, Any] = {"num_cpus": task.limits.threads}
        if self.options.device != "cpu" and task.uses_gpu:
            resources["num_gpus"] = 1 / self.options.slots_per_gpu
        nodes = [node for node in self._cluster.nodes() if node.gpus >= resources.get("num_gpus", 0)]
        reserved = to_reserve(task.limits, memory=self.options.memory, nodes=nodes)
        if reserved is not None:
            resources["memory"] = reserved
        return resources

    def _write_probe(self, folder: Path) -> Path:
        try:
            folder.mkdir(parents=True)
            self._folder = folder
            (folder / "token").write_text(self._job.token, encoding="ascii")
        except OSError as error:
            raise StoreError(
                f"--store: cannot write to {folder.parent} ({error.strerror}); name a folder that you may write to"
            ) from None
        return folder

    def _check(self, nodes: Sequence[Node]) -> None:
        here = describe_environment(threads=self._job.threads)
        for node, report in self._on_nodes(look_around, self._job, nodes, seconds=LOOK_SECONDS):
            if not isinstance(report, Report):
                raise ConfigError(
                    f"--executor ray: node {node.host} cannot be used ({last_line(report)}); "
                    "install the same environment there, or leave that node out"
                )
            if report.problem:
                raise StoreError(report.problem)
            there = {**dict(report.packages), "python": report.python}
            for name, version in {**here.packages, "python": here.python}.items():
                if there.get(name) != version:
                    raise ConfigError(
                        f"--executor ray: node {node.host} has {name} {there.get(name, 'not installed')}, this machine "
                        f"{version}; install the same environment there, or leave that node out"
                    )

    def _on_nodes(
        self, function: Callable[[Any], Any], argument: Any, nodes: Sequence[Node], *, seconds: float
    ) -> list[tuple[Node, Any]]:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        remote = self._ray.remote(num_cpus=0, max_retries=1)(function)
        calls = [
            (node, remote.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False)))
            for node in nodes
        ]
        pending = [(node, call.remote(argument)) for node, call in calls]
        deadline = time.monotonic() + seconds
        found: list[tuple[Node, Any]] = []
        for node, reference in pending:
            try:
                found.append((node, self._ray.get(reference, timeout=max(0.1, deadline - time.monotonic()))))
            except Exception as error:  # the node died, does not answer, or has no such package
                found.append((node, error))
        return found


def to_reserve(limits: Limits, *, memory: int | None, nodes: Sequence[Node]) -> int | None:
    """Return the memory in bytes that Ray reserves for a task, or None if the task has no limit.

    Args:
        limits: limits of the task. If the memory limit of the task exceeds ``memory``, only ``memory`` is reserved.
        memory: value of the option ``memory`` of the engine, in bytes, or None.
        nodes: nodes of the cluster. Nodes with too few cores are ignored.

    Raises:
        ConfigError: no node has enough memory. Ray itself would wait forever for a node with enough memory.
    """
    if limits.memory is None:
        return None
    reserved = limits.memory if memory is None else min(limits.memory, memory)
    most = max((node.memory for node in nodes if node.cpus >= limits.threads), default=0)
    if most and reserved > most:
        raise ConfigError(
            f"--memory: got {reserved / 2**30:.1f} GiB, but no node of the Ray cluster has more than "
            f"{most / 2**30:.1f} GiB; use a lower limit"
        )
    return reserved


def _own_attempt(task: Task, *, number: int) -> Task:
    # A node that seems lost may still write, and its files must not mix with the files of the next attempt.
    if task.writes is None:
        return task
    folder = task.writes.with_name(f"{task.writes.name}-{number}")
    folder.mkdir()
    return task.moved({task.writes: folder})


def _ended() -> Outcome:
    return Outcome(status="crashed", reason="the run ended before this task finished")
