"""The interface between the runner, which plans a run, and the engines, which run the tasks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from tabgenbench.records import Environment, Status

__all__ = ["PREPARE", "Engine", "EngineOptions", "Limits", "Mark", "Outcome", "Send", "Task", "Usage"]

PREPARE = "prepare"  # the phase that a task is in before its first mark
Send = Callable[[Any], None]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The resources that a task may use.

    Attributes:
        threads: number of threads of every numerical library.
        timeout: wall-clock limit of every phase in seconds, or None; if a phase occurs twice, the limit applies to the
            total time.
        memory: limit of the proportional set size of the process tree in bytes, or None.
    """

    threads: int = 1
    timeout: float | None = None
    memory: int | None = None


@dataclass(frozen=True, kw_only=True)
class Task:
    """Work for one process: a function that takes a payload and a callback that sends messages.

    Paths are absolute. An engine that copies files to another place replaces the paths of these files with the method
    `moved`.

    Attributes:
        function: an importable function ``(payload, send) -> value``; sending a `Mark` begins a phase.
        payload: the argument of the function; it must be picklable.
        limits: the resources that the task may use.
        log: file for the standard output and standard error of the process.
        reads: files and folders that the task reads. A listed folder must not change during the run.
        writes: an existing, empty folder for results, or None. The content of this folder is valid only if the task
            succeeds.
        uses_gpu: whether the task computes on a GPU.
        preload: name of the entry of `EngineOptions.preloads` whose modules the process has imported at its start; an
            empty name selects the last entry.
        environment: environment variables of the process, set before the task is loaded.
        distributions: distributions of the plugins that the task uses; the outcome records their versions.
    """

    function: Callable[[Any, Send], Any]
    payload: Any
    limits: Limits
    log: Path
    reads: tuple[Path, ...] = ()
    writes: Path | None = None
    uses_gpu: bool = False
    preload: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    distributions: tuple[str, ...] = ()

    def moved(self, places: Mapping[Path, Path]) -> Task:
        """Return a copy of the task with other paths: ``places`` maps each moved folder to its new path."""
        return replace(
            self,
            payload=_moved(self.payload, places),
            reads=_moved(self.reads, places),
            writes=_moved(self.writes, places),
            log=_moved(self.log, places),
        )


def _moved(value: Any, places: Mapping[Path, Path]) -> Any:
    """Return a copy of a value with its paths replaced; searches dataclasses, tuples, lists and dictionaries."""
    if isinstance(value, Path):
        found = next((old for old in (value, *value.parents) if old in places), None)
        return value if found is None else places[found] / value.relative_to(found)
    if isinstance(value, tuple | list):
        return type(value)(_moved(one, places) for one in value)
    if isinstance(value, dict):
        return {key: _moved(one, places) for key, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value, **{one.name: _moved(getattr(value, one.name), places) for one in fields(value) if one.init}
        )
    return value


@dataclass(frozen=True)
class Mark:
    """A message that announces the start of a phase.

    Each phase, such as ``fit``, has its own time limit and measurements.

    Attributes:
        phase: name of the phase.
        peak: peak memory of the process during the previous phase minus ``level`` of that phase, in bytes.
        level: proportional set size of the process at the start of the phase, in bytes; with None, memory is still
            measured relative to the previous ``level``.
    """

    phase: str
    peak: int = 0
    level: int | None = None


@dataclass
class Usage:
    """Cost of a phase: wall-clock seconds measured by the supervisor, and peak memory in bytes.

    The peak is the largest proportional set size of the process tree minus the last `Mark.level`.
    """

    seconds: float = 0.0
    peak_memory: int = 0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Result of a task.

    Attributes:
        status: ``ok`` if the function returned; ``value`` is then its return value.
        reason: why the task did not succeed, in one sentence; empty if the status is ``ok``.
        traceback: tail of the traceback, or an empty string.
        output: tail of the output of the process.
        phase: the phase in which the task ended.
        phases: seconds and memory of each phase.
        environment: machine and software that ran the task.
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
        """The largest peak memory of all phases, in bytes."""
        return max((usage.peak_memory for usage in self.phases.values()), default=0)


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """Options of an engine. `Engine.settle` replaces options that are None by defaults.

    Attributes:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:INDEX``; after `Engine.settle`, a device that exists.
        workers: number of tasks that run at the same time.
        threads: threads of each task.
        timeout: limit of each phase in seconds, or None.
        memory: limit of a task's memory in bytes, or None.
        slots_per_gpu: number of tasks that share a GPU.
        address: address of the cluster in the engine's own notation, or None.
        probe: an unused path in the store. An engine can write to the path ``probe`` to check that other machines see
            the store.
        preloads: by name, the modules that a task process has imported at its start; `Task.preload` selects an entry.
    """

    device: str = "auto"
    workers: int | None = None
    threads: int | None = None
    timeout: float | None = None
    memory: int | None = None
    slots_per_gpu: int = 1
    address: str | None = None
    probe: Path | None = None
    preloads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def n_workers(self) -> int:
        """Number of tasks that run at the same time; 1 by default."""
        return self.workers or 1

    @property
    def n_threads(self) -> int:
        """Threads of each task; 1 by default."""
        return self.threads or 1


class Engine(ABC):
    """Runs tasks, such as a training, and enforces their limits of time and memory.

    ``--executor`` selects an engine by name.

    Attributes:
        name: name of the engine on the command line.
        summary: one line for ``tabgenbench list``.
        in_caller: whether `submit` runs the task in the calling thread before it returns. If so, the runner calls
            `submit` from its main thread, because only the main thread receives KeyboardInterrupt.
    """

    name: ClassVar[str]
    summary: ClassVar[str] = ""
    in_caller: ClassVar[bool] = False

    def __init__(self, options: EngineOptions) -> None:
        self.options = options

    @classmethod
    @abstractmethod
    def settle(cls, options: EngineOptions) -> EngineOptions:
        """Return the options with defaults filled in for device, workers and threads; leave no process running.

        Raises:
            ConfigError: the engine does not support one of the options.
            DeviceError: the device does not exist.
        """

    @classmethod  # noqa: B027 - an engine may have nothing to start early
    def warm(cls, options: EngineOptions, preload: str) -> None:
        """Start imports and other slow preparations for tasks with a preload (set of modules), without waiting."""

    @abstractmethod
    def submit(self, task: Task, on_message: Callable[[Any], None]) -> Future[Outcome]:
        """Start a task as soon as a slot is free, and return a future of its outcome.

        ``on_message`` is called for each message except a `Mark`, possibly in another thread. All calls of
        ``on_message`` happen before the future is done.
        """

    @abstractmethod
    def close(self) -> None:
        """Terminate every running task and all its child processes. `close` may be called more than once."""
