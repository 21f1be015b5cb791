"""The keeper: a process that starts a worker process for each task, and kills processes that a task leaves running.

The fork server (a process that has imported the libraries, see `multiprocessing`) forks the keeper, and the keeper
forks a worker for each task. A task may start processes that outlive their parent. The keeper is a "child subreaper":
the kernel makes it the new parent of these orphans. The keeper can therefore find, measure and kill all processes of a
task. The keeper neither runs plugin code nor unpickles tasks, so every worker starts from the same state.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Collection
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import recv_handle, send_handle
from typing import Any

import psutil

from tabgenbench.engines.prctl import become_subreaper, end_with_parent
from tabgenbench.engines.worker import work

__all__ = ["keep", "kill_tree"]

KEEPER_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
LOOK_SECONDS = 1.0
TRACKER_SECONDS = 1.0  # time for multiprocessing's resource tracker to remove shared memory that a task has left
TRACKER = "resource_tracker import main"  # part of the tracker's command line; joblib's tracker has it too
KILL_SECONDS = 3.0  # a process that survives SIGKILL this long hangs in the kernel and cannot be killed


def kill_tree(pid: int, *, seconds: float = KILL_SECONDS) -> None:
    """Kill all descendants of a process, but not the process itself.

    New descendants are killed too, until none is left or ``seconds`` have passed.
    """
    deadline = time.monotonic() + seconds
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        while time.monotonic() < deadline:
            tree = [one for one in process.children(recursive=True) if _lives(one)]
            if not tree:
                return
            for one in tree:
                with contextlib.suppress(psutil.Error):
                    one.kill()
            time.sleep(0.01)


def keep(control: Connection) -> None:
    """Run a keeper, which starts a worker process for each task that it receives through ``control``.

    When the worker ends, the keeper kills all other processes of the task. The keeper then sends the status of the
    worker (see `os.waitpid`) through ``control``. When the process that started the run ends, or after SIGTERM, the
    keeper kills all its descendants and ends.
    """
    become_subreaper()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, KEEPER_SIGNALS)
    os.setsid()  # only the runner handles Ctrl-C in the terminal
    runner = multiprocessing.parent_process()
    sources: list[Any] = [control] if runner is None else [control, runner.sentinel]
    status: int | None = 0
    with contextlib.suppress(EOFError, OSError):  # the runner has ended
        while status is not None:
            pid, orders = _stand_by(mask)  # the next worker is forked before its task arrives
            if control not in wait(sources):
                break
            given = control.recv()
            messages = recv_handle(control)
            orders.send(given)
            send_handle(orders, messages, pid)
            os.close(messages)
            orders.close()
            status = _wait_for(pid, runner)
            _end_all()
            control.send(status)
    _end_all()
    os._exit(0)  # this process has nothing to clean up


def _stand_by(mask: Collection[int]) -> tuple[int, Connection]:
    orders, other = multiprocessing.Pipe(duplex=True)
    keeper = os.getpid()
    pid = os.fork()
    if pid:
        other.close()
        return pid, orders
    end_with_parent()
    if os.getppid() == keeper:  # else the keeper ended before end_with_parent() took effect
        orders.close()
        with contextlib.suppress(EOFError, OSError):
            given = other.recv()
            work(given, recv_handle(other), mask)
    os._exit(1)


def _wait_for(pid: int, runner: Any) -> int | None:
    while True:
        while True:
            try:
                ended, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return None
            if ended == pid:
                return status
            if ended == 0:
                break
        found = signal.sigtimedwait(KEEPER_SIGNALS, LOOK_SECONDS)
        if found is not None and found.si_signo == signal.SIGTERM:
            return None
        if runner is not None and not runner.is_alive():
            return None


def _end_all() -> None:
    """Kill all descendants and wait for them.

    Resource trackers of `multiprocessing` get a second to remove the shared memory that a task has left.
    """
    started = time.monotonic()
    while (passed := time.monotonic() - started) < KILL_SECONDS:
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if ended == 0:
            for one in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    if passed > TRACKER_SECONDS or not _is_tracker(one):
                        one.kill()
            time.sleep(0.005)


def _is_tracker(process: psutil.Process) -> bool:
    return any(TRACKER in argument for argument in process.cmdline())


def _lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False
