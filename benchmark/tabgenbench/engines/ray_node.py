"""The part of the Ray engine that runs in Ray's worker processes on each node.

The functions check the store, copy the data of splits to the local disk and run tasks.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import queue
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from tabgenbench.engines.base import Task
from tabgenbench.engines.environment import describe_environment
from tabgenbench.engines.memory import machine_memory
from tabgenbench.engines.scratch import remove_folder, short_scratch
from tabgenbench.errors import StoreError

__all__ = ["Job", "Report", "leave_node", "look_around", "near_copy", "run_task"]

PREFIX, SOCKETS = "tgb-ray", "sockets-"
MEMORY_SHARE = 0.9  # default memory limit of a cell, as a share of the node's memory
SIGHT_SECONDS = 5.0  # a network file system may take some time to show a new file
IDLE_SECONDS = 60.0
STOP_SECONDS = 15.0


@dataclass(frozen=True)
class Job:
    """Settings of a run, which the engine sends to each node.

    Attributes:
        token: a random name of the run.
        probe: folder in the store with a file named ``token``, which contains the random name. A node reads the file to
            check that it sees the same store. With None, the store is not checked.
        host: name of the machine that started the run.
        threads: number of threads of each task.
        folder: working folder of the process that started the run.
        paths: import paths (``sys.path``) of the process that started the run.
        preloads: `EngineOptions.preloads`, as pairs of the name of a list and the modules in the list.
    """

    token: str
    probe: Path | None
    host: str
    threads: int
    folder: str
    paths: tuple[str, ...]
    preloads: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class Report:
    """Description of a node: host name, Python version, package versions, and a problem of the node, if any."""

    host: str
    python: str
    packages: tuple[tuple[str, str], ...]
    problem: str = ""


def look_around(job: Job) -> Report:
    """Check whether this node can read and write the store, and return a description of the node."""
    environment = describe_environment(threads=job.threads)
    problem = ""
    try:
        _check_store(job)
    except StoreError as error:
        problem = str(error)
    return Report(environment.host, environment.python, tuple(sorted(environment.packages.items())), problem)


def run_task(task: Task, job: Job) -> Iterator[tuple[str, Any]]:
    """Run a task; yield ``("message", m)`` for each message of the task, then ``("outcome", o)``.

    If Ray cancels the task, all processes of the task are killed.

    Raises:
        StoreError: this node cannot read the store.
    """
    supervisor, raylet = _enter(job), os.getppid()
    said: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
    stopping = threading.Event()
    with _placed(task, job) as placed:

        def work() -> None:
            try:
                said.put(("outcome", supervisor.run(placed, lambda message: said.put(("message", message)), stopping)))
            except BaseException as error:  # raised again below, in the thread that Ray watches
                said.put(("error", error))

        thread = threading.Thread(target=work, name="tabgenbench-task", daemon=True)
        thread.start()
        try:
            kind = ""
            while kind != "outcome":
                kind, content = _next(said, raylet)
                if kind == "error":
                    raise content
                yield kind, content
        finally:
            stopping.set()
            thread.join(STOP_SECONDS)
            if os.getppid() != raylet:
                os._exit(1)


def near_copy(folder: Path, scratch: Path) -> Path:
    """Copy a folder to a place below ``scratch``, and return the path of the copy; if copying fails, return ``folder``.

    The processes of a node share one copy.
    """
    copies = scratch / "splits"
    final = copies / folder.name
    try:
        copies.mkdir(parents=True, exist_ok=True)
        with (copies / f"{folder.name}.lock").open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if not final.exists():
                unfinished = Path(tempfile.mkdtemp(dir=copies))
                try:
                    shutil.copytree(folder, unfinished / folder.name)
                    os.rename(unfinished / folder.name, final)
                finally:
                    shutil.rmtree(unfinished, ignore_errors=True)
    except OSError:
        return folder
    return final


def leave_node(token: str) -> None:
    """Remove all files of a run on this node that are not in the store."""
    _remove(_folder(token))


@lru_cache(maxsize=1)
def _enter(job: Job) -> Any:
    from tabgenbench.engines.local import Supervisor

    _check_store(job)
    # Otherwise, every task process would run Ray's worker script, which imports Ray, as its __main__.
    vars(sys.modules["__main__"]).pop("__file__", None)
    known = [path for path in job.paths if os.path.exists(path)]
    sys.path[:] = [*known, *(path for path in sys.path if path not in known)]
    with contextlib.suppress(OSError):
        os.chdir(job.folder)
    _hold(_folder(job.token))
    tempfile.tempdir = str(_folder(job.token))
    supervisor = Supervisor(threads=job.threads, preloads=dict(job.preloads))
    # If TMPDIR is too long for sockets, the sockets are in another folder. Keep a link to that folder, because Ray's
    # workers end without removing it.
    with contextlib.suppress(OSError):
        (_folder(job.token) / f"{SOCKETS}{os.getpid()}").symlink_to(short_scratch())
    return supervisor


@contextlib.contextmanager
def _placed(task: Task, job: Job) -> Iterator[Task]:
    changes: dict[str, Any] = {}
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES")
    if gpus is not None:
        changes["environment"] = {**task.environment, "CUDA_VISIBLE_DEVICES": gpus}
    if task.limits.memory is None:
        changes["limits"] = replace(task.limits, memory=int(machine_memory() * MEMORY_SHARE))
    if os.uname().nodename != job.host:  # many tasks read the same folder, but only one reads a single file
        task = task.moved({one: near_copy(one, _folder(job.token)) for one in task.reads if one.is_dir()})
    own_log = None
    if not task.log.parent.is_dir():
        handle, own_log = tempfile.mkstemp(suffix=".log", dir=_folder(job.token))
        os.close(handle)
        changes["log"] = Path(own_log)
    try:
        yield replace(task, **changes)
    finally:
        if own_log is not None:
            Path(own_log).unlink(missing_ok=True)


def _next(said: queue.SimpleQueue[tuple[str, Any]], raylet: int) -> tuple[str, Any]:
    """Return the next message of a task.

    Raises:
        InterruptedError: Ray on this node has ended, so this process has another parent. Ray itself ends the process
            only if the new parent has the process id 1, which is not the case under Slurm, systemd or in a container.
    """
    while os.getppid() == raylet:
        with contextlib.suppress(queue.Empty):
            return said.get(timeout=1.0)  # a call without timeout cannot be interrupted on every platform
    raise InterruptedError("the Ray of this node has ended")


def _check_store(job: Job) -> None:
    if job.probe is None:
        return
    host, store = os.uname().nodename, job.probe.parent.parent
    deadline = time.monotonic() + SIGHT_SECONDS
    while True:
        try:
            seen = (job.probe / "token").read_text(encoding="ascii") == job.token
        except OSError:
            seen = False
        if seen or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    if not seen:
        raise StoreError(
            f"--store: node {host} of the Ray cluster does not see the content of {store}; "
            "put the store on a file system that all nodes share, or leave that node out"
        )
    try:
        (job.probe / f"{host}-{os.getpid()}").touch()
    except OSError as error:
        raise StoreError(
            f"--store: node {host} of the Ray cluster cannot write to {store} ({error.strerror}); "
            "mount it writable there, or leave that node out"
        ) from None


def _folder(token: str) -> Path:
    root = os.environ.get("TMPDIR", "/tmp")
    return Path(root if os.path.isdir(root) else "/tmp") / f"{PREFIX}-{os.getuid()}-{token}"


_held: list[IO[str]] = []


def _hold(folder: Path) -> None:
    """Create a run's folder on this node, and lock the folder so that other runs do not remove it."""
    for other in folder.parent.glob(f"{PREFIX}-{os.getuid()}-*"):
        _sweep(other)
    folder.mkdir(mode=0o700, exist_ok=True)
    handle = (folder / ".lock").open("a")
    fcntl.flock(handle, fcntl.LOCK_SH)
    _held.append(handle)


def _sweep(folder: Path) -> None:
    with contextlib.suppress(OSError):
        if time.time() - folder.stat().st_mtime < IDLE_SECONDS:  # another process may be about to lock it
            return
        with (folder / ".lock").open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(folder)


def _remove(folder: Path) -> None:
    for link in folder.glob(f"{SOCKETS}*"):
        remove_folder(link.resolve())
    remove_folder(folder)
