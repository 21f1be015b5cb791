"""The seam between the runner and the engines that run its tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tabgenbench.records import Environment, Status

__all__ = ["PREPARE", "Executor", "Limits", "Mark", "Outcome", "Send", "Task", "Usage"]

PREPARE = "prepare"  # the phase that a task is in before its first mark
Send = Callable[[Any], None]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a task may use.

    Attributes:
        threads: number of threads of every numerical library.
        timeout: wall-clock limit of every phase in seconds, or None; a phase entered again goes on where it was.
        memory: limit of the process tree's proportional set size in bytes, or None.
    """

    threads: int = 1
    timeout: float | None = None
    memory: int | None = None


@dataclass(frozen=True, kw_only=True)
class Task:
    """Work for one process: a function of the payload and of a way to send messages while it runs.

    Attributes:
        function: an importable function ``(payload, send) -> value``; a `Mark` that it sends begins a phase.
        payload: what it is given; pickled.
        limits: what it may use.
        log: file that takes the process's standard output and error.
        environment: environment variables of the process, set before anything else is done in it.
        distributions: those of the plugins that it uses, whose versions the outcome's environment is to name.
    """

    function: Callable[[Any, Send], Any]
    payload: Any
    limits: Limits
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    distributions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mark:
    """A message that says which phase of a task begins: its limit of time and its figures are its own.

    Attributes:
        phase: name of the phase.
        peak: how far the process rose above its level in the phase that ends, in bytes.
        level: proportional set size of the process when the phase began, in bytes, where memory is counted from here.
    """

    phase: str
    peak: int = 0
    level: int | None = None


@dataclass
class Usage:
    """What a phase took: wall-clock seconds as the supervisor saw them, and the peak of memory in bytes.

    The peak is the process tree's proportional set size above its level before the phase that last set a level.
    """

    seconds: float = 0.0
    peak_memory: int = 0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a task ended.

    Attributes:
        status: ``ok`` when the function returned; then ``value`` is what it returned.
        reason: one sentence when it is not ok.
        traceback: tail of the traceback, where there is one.
        output: tail of what the process wrote.
        phase: the phase that it ended in.
        phases: seconds and memory of each phase.
        environment: where it ran.
    """

    status: Status
    value: Any = None
    reason: str = ""
    traceback: str = ""
    output: str = ""
    phase: str = PREPARE
    phases: Mapping[str, Usage] = field(default_factory=dict)
    environment: Environment = field(default_factory=Environment)

    @property
    def peak_memory(self) -> int:
        """The largest peak of all phases, in bytes."""
        return max((usage.peak_memory for usage in self.phases.values()), default=0)


class Executor(Protocol):
    """An engine: runs every task in a process of its own, and ends it when it passes a limit."""

    def submit(self, task: Task, on_message: Callable[[Any], None]) -> Future[Outcome]:
        """Start a task as soon as a slot is free; ``on_message`` is called in another thread for each message."""

    def close(self) -> None:
        """End every task that still runs, with all its children."""
