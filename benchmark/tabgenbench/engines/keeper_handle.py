"""Class `Keeper`, which starts and controls a keeper process (the parent of the processes that run tasks)."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import time
from multiprocessing.connection import Connection
from multiprocessing.reduction import send_handle
from pathlib import Path
from typing import Any

import psutil

from tabgenbench.engines.base import Task
from tabgenbench.engines.fork_server import ForkServer
from tabgenbench.engines.keeper import keep, kill_tree
from tabgenbench.engines.worker import Given

__all__ = ["Keeper"]

EXIT_SECONDS = 0.5  # time for a process to end by itself after it has sent its result
KEEPER_SECONDS = 5.0
STRAY_SECONDS = 1.0


class Keeper:
    """Starts a keeper (the parent process of workers) and sends it one task at a time.

    Only one thread at a time may use a `Keeper`.

    Args:
        server: the process that starts the keeper by a fork.
    """

    def __init__(self, server: ForkServer) -> None:
        self.server = server
        self.control, other = multiprocessing.Pipe(duplex=True)
        self._process = server.start(keep, other)
        other.close()
        self._busy = False  # whether the keeper has a task and has not yet reported its end
        self._status: int | None = None

    @property
    def pid(self) -> int:
        """The process id of the keeper."""
        return int(self._process.pid or 0)

    def begin(self, task: Task, sender: Connection, folder: Path) -> None:
        """Start a task, which writes its messages to ``sender`` and its temporary files to ``folder``."""
        given = Given(
            task=pickle.dumps(task),
            log=task.log.absolute(),
            scratch=folder,
            environment=dict(task.environment),
            path=list(sys.path),
            folder=_working_folder(),
        )
        self._busy, self._status = True, None
        with contextlib.suppress(OSError):  # the keeper has ended; the supervisor then sees a closed pipe
            self.control.send(given)
            send_handle(self.control, sender.fileno(), self.pid)

    def wait_status(self, seconds: float = KEEPER_SECONDS) -> int | None:
        """Wait at most ``seconds`` for the task's end. Return the worker's status (`os.waitpid`) if known."""
        if self._busy:
            with contextlib.suppress(EOFError, OSError):
                if self.control.poll(seconds):
                    self._status = self.control.recv()
                    self._busy = False
        return self._status

    def waits(self) -> bool:
        """Return whether the keeper is alive and has no task."""
        return not self._busy and not self.control.poll() and self._process.is_alive()

    def end(self) -> bool:
        """Terminate all processes of the task; return whether the keeper can run another task."""
        if self.wait_status(EXIT_SECONDS) is not None:
            return True
        if self._process.exitcode is None:  # else another process may have the same id
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)
                os.kill(self.pid, signal.SIGCONT)  # a plugin may have stopped it
        self._process.join(KEEPER_SECONDS)
        if self._process.exitcode is None:
            kill_tree(self.pid)
            self._process.kill()
            self._process.join(KEEPER_SECONDS)
        if self._process.exitcode != 0:
            _kill_strays()
        self._close()
        return False

    def dismiss(self) -> None:
        """End the keeper process, which must not be running a task."""
        self.control.close()
        self._process.join(KEEPER_SECONDS)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join(KEEPER_SECONDS)
        self._close()

    def _close(self) -> None:
        self.control.close()
        with contextlib.suppress(ValueError):  # the process survived SIGKILL
            self._process.close()


def _working_folder() -> str:
    with contextlib.suppress(FileNotFoundError):  # the working folder was removed
        return os.getcwd()
    return "/"


def _kill_strays() -> None:
    """Kill the processes that a killed keeper has left, which are now children of this process."""
    deadline = time.monotonic() + STRAY_SECONDS
    while time.monotonic() < deadline:
        for one in filter(_is_orphan, psutil.Process().children()):
            kill_tree(one.pid)
            with contextlib.suppress(psutil.Error):
                one.kill()
            with contextlib.suppress(ChildProcessError):
                os.waitpid(one.pid, 0)
        time.sleep(0.05)


def _is_orphan(process: Any) -> bool:
    """Return whether a child process belongs to another POSIX session, as processes of a keeper do."""
    with contextlib.suppress(ProcessLookupError):
        return os.getsid(process.pid) != os.getsid(0)
    return False
