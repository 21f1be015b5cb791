"""The seam between the runner and the engines that run its tasks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tabgenbench.record import Status

__all__ = ["Executor", "Limits", "Outcome", "Send", "Task"]

Send = Callable[[Any], None]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a task may use.

    Attributes:
        threads: number of threads of every numerical library.
        timeout: wall-clock limit in seconds, or None.
        memory: limit of the process tree's proportional set size in bytes, or None.
    """

    threads: int = 1
    timeout: float | None = None
    memory: int | None = None


@dataclass(frozen=True, kw_only=True)
class Task:
    """Work for one process: a function of the payload and of a way to send messages while it runs.

    Attributes:
        function: an importable function ``(payload, send) -> value``.
        payload: what it is given; pickled.
        limits: what it may use.
        log: file that takes the process's standard output and error.
    """

    function: Callable[[Any, Send], Any]
    payload: Any
    limits: Limits
    log: Path


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a task ended.

    Attributes:
        status: ``ok`` when the function returned; then ``value`` is what it returned.
        reason: one sentence when it is not ok.
        traceback: tail of the traceback, or of the captured output.
        peak_memory: peak of the process tree's proportional set size, in bytes, above its level when the task began.
    """

    status: Status
    value: Any = None
    reason: str = ""
    traceback: str = ""
    peak_memory: int = 0


class Executor(Protocol):
    """An engine: runs every task in a process of its own, and ends it when it passes a limit."""

    def submit(self, task: Task, on_message: Callable[[Any], None]) -> Future[Outcome]:
        """Start a task as soon as a slot is free; ``on_message`` is called in another thread for each message."""

    def close(self) -> None:
        """End every task that still runs, with all its children."""
