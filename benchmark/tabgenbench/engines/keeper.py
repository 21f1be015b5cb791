"""The keeper: a process above the workers of one slot that lets nothing of a task escape.

The keeper is forked from the fork server and forks a worker for each task. It is a child subreaper: whatever a worker's
descendants detach becomes the keeper's child in the end, so that the whole tree can be found, killed and counted. It
runs no code of a plugin, not even to read a task, so that one worker begins like another.
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
TRACKER_SECONDS = 1.0  # for what multiprocessing has for it, to remove the shared memory that a task has left
TRACKER = "resource_tracker import main"  # in its command line; joblib's is of the same make
KILL_SECONDS = 3.0  # a process that outlives SIGKILL this long hangs in the kernel, and nobody can end it


def kill_tree(pid: int, *, seconds: float = KILL_SECONDS) -> None:
    """Kill all descendants of a process that stays: until there are none, or the time is over."""
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
    """Be a keeper: for each task that comes through ``control``, start its worker and end whatever it leaves.

    Answers with the worker's wait status when nothing is left. SIGTERM has everything killed and ends the keeper; so
    does the end of the process that started it.
    """
    become_subreaper()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, KEEPER_SIGNALS)
    os.setsid()  # a Ctrl-C in the terminal is the runner's to answer
    runner = multiprocessing.parent_process()
    sources: list[Any] = [control] if runner is None else [control, runner.sentinel]
    status: int | None = 0
    with contextlib.suppress(EOFError, OSError):  # of a runner that has ended
        while status is not None:
            pid, orders = _stand_by(mask)  # the next worker is there before its task is
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
    os._exit(0)  # nothing of this process needs tidying


def _stand_by(mask: Collection[int]) -> tuple[int, Connection]:
    """Fork a process that does the task which comes through the connection; return its number, and the connection."""
    orders, other = multiprocessing.Pipe(duplex=True)
    keeper = os.getpid()
    pid = os.fork()
    if pid:
        other.close()
        return pid, orders
    end_with_parent()
    if os.getppid() == keeper:  # else it was gone before this process could ask to go with it
        orders.close()
        with contextlib.suppress(EOFError, OSError):
            given = other.recv()
            work(given, recv_handle(other), mask)
    os._exit(1)


def _wait_for(pid: int, runner: Any) -> int | None:
    """Return the wait status of a child, or None when this process is to end before it; reaps orphans meanwhile."""
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
    """Kill and reap every child; all descendants become children as their parents die.

    Trackers of resources come last: they end by themselves once all that used them are gone.
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
