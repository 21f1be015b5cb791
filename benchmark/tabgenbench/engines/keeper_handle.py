"""The supervisor's side of a keeper."""

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

EXIT_SECONDS = 0.5  # how long a process that has given its result may take to end by itself
KEEPER_SECONDS = 5.0
STRAY_SECONDS = 1.0


class Keeper:
    """Starts a keeper, and gives it one task after another; of one thread at a time.

    Args:
        server: the fork server that starts it.
    """

    def __init__(self, server: ForkServer) -> None:
        self.server = server
        self.control, other = multiprocessing.Pipe(duplex=True)
        self._process = server.start(keep, other)
        other.close()
        self._busy = False  # whether a task was given whose end has not been told
        self._status: int | None = None

    @property
    def pid(self) -> int:
        """The number of the process."""
        return int(self._process.pid or 0)

    def begin(self, task: Task, sender: Connection, folder: Path) -> None:
        """Have a task begun that sends its messages into ``sender`` and has ``folder`` for temporary files."""
        given = Given(
            task=pickle.dumps(task),
            log=task.log.absolute(),
            scratch=folder,
            environment=dict(task.environment),
            path=list(sys.path),
            folder=_working_folder(),
        )
        self._busy, self._status = True, None
        with contextlib.suppress(OSError):  # of one that has ended: nobody sends then, and that is seen
            self.control.send(given)
            send_handle(self.control, sender.fileno(), self.pid)

    def wait_status(self, seconds: float = KEEPER_SECONDS) -> int | None:
        """Return how the worker ended, once nothing of it is left, or None where the keeper cannot say."""
        if self._busy:
            with contextlib.suppress(EOFError, OSError):
                if self.control.poll(seconds):
                    self._status = self.control.recv()
                    self._busy = False
        return self._status

    def waits(self) -> bool:
        """Whether it is there for another task."""
        return not self._busy and not self.control.poll() and self._process.is_alive()

    def end(self) -> bool:
        """Have the task ended and all that is left of it; return whether the keeper can be given another."""
        if self.wait_status(EXIT_SECONDS) is not None:
            return True
        if self._process.exitcode is None:  # else its number may be another process's by now
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
        """Let it end, where no task runs."""
        self.control.close()
        self._process.join(KEEPER_SECONDS)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join(KEEPER_SECONDS)
        self._close()

    def _close(self) -> None:
        self.control.close()
        with contextlib.suppress(ValueError):  # of a process that even SIGKILL has not ended
            self._process.close()


def _working_folder() -> str:
    with contextlib.suppress(FileNotFoundError):  # somebody has removed it
        return os.getcwd()
    return "/"


def _kill_strays() -> None:
    """Kill what a keeper that was itself killed has left, and what became this process's child by that."""
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
    """Whether a child was not started by this process: the processes of a task have a session of their own."""
    with contextlib.suppress(ProcessLookupError):
        return os.getsid(process.pid) != os.getsid(0)
    return False
