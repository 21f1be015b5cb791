"""Base class of engines, which run tasks such as trainings, and the types of its methods."""

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
        threads: maximum number of threads of each numerical library.
        timeout: longest wall-clock time of each phase in seconds, or None. If a task enters a phase twice, the sum of
            both times is limited.
        memory: largest total memory of the task's processes in bytes, or None. Memory is the proportional set size, in
            which a page that n processes share counts as 1/n.
    """

    threads: int = 1
    timeout: float | None = None
    memory: int | None = None


@dataclass(frozen=True, kw_only=True)
class Task:
    """Work for one process: a function that takes a payload and a callback that sends messages.

    Paths are absolute. An engine that copies files elsewhere calls `moved` to change their paths in the task.

    Attributes:
        function: an importable function ``(payload, send) -> value``, which sends a `Mark` when a phase begins.
        payload: the argument of the function; it must be picklable.
        limits: the resources that the task may use.
        log: file for the standard output and standard error of the process.
        reads: files and folders that the task reads. The folders must not change during the run, because an engine may
            use copies of them.
        writes: an existing, empty folder for results, or None. The content of this folder is valid only if the task
            succeeds.
        uses_gpu: whether the task computes on a GPU.
        preload: name of the list in `EngineOptions.preloads` whose modules are imported before the task starts. If
            there is no such list, the last list is used.
        environment: environment variables of the process, set before the task is loaded.
        distributions: names of the Python distributions that contain the task's plugins. The outcome records their
            versions.
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
        """Return a copy of the task with new paths; ``places`` maps each moved folder to its new path."""
        return replace(
            self,
            payload=_moved(self.payload, places),
            reads=_moved(self.reads, places),
            writes=_moved(self.writes, places),
            log=_moved(self.log, places),
        )


def _moved(value: Any, places: Mapping[Path, Path]) -> Any:
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
        peak: peak memory of the previous phase in bytes, from `tabgenbench.engines.memory.own_peak`.
        level: proportional set size of the process at the start of the phase, in bytes. It is subtracted from the
            memory of this phase and the following phases. If it is None, the ``level`` of the previous mark is used.
    """

    phase: str
    peak: int = 0
    level: int | None = None


@dataclass
class Usage:
    """Wall-clock seconds and peak memory (bytes) of one phase of a task.

    The peak is the largest total memory of the task's processes during the phase, minus the last `Mark.level` that is
    not None.
    """

    seconds: float = 0.0
    peak_memory: int = 0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Result of a task.

    Attributes:
        status: ``ok`` if the task's function returned, otherwise the kind of failure.
        value: the return value of the function, if the status is ``ok``.
        reason: why the task did not succeed, in one sentence; empty if the status is ``ok``.
        traceback: end of the traceback, or an empty string.
        output: end of the output of the process.
        phase: the phase in which the task ended.
        phases: time and memory of each phase, by name.
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
    """Options of an engine.

    Attributes:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:INDEX``. `Engine.settle` replaces ``auto``.
        workers: number of tasks that run at the same time; `Engine.settle` replaces None.
        threads: number of threads of each task; `Engine.settle` replaces None.
        timeout: longest time of each phase in seconds, or None.
        memory: limit of a task's memory in bytes, or None.
        slots_per_gpu: number of tasks that share a GPU.
        address: address of the cluster, in a format that the engine defines, or None.
        probe: an unused path in the folder of results (the store). An engine can write a file at this path to
            check that other machines see the store.
        preloads: the modules of each list, by the name of the list. `Task.preload` names the list of a task.
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
        """Number of threads of each task; 1 by default."""
        return self.threads or 1


class Engine(ABC):
    """Base class of engines, which run tasks and enforce limits of time and memory.

    Attributes:
        name: name of the engine for ``--executor``.
        summary: description in one line for ``tabgenbench list``.
        in_caller: whether `submit` runs the task in the calling thread before it returns. If so, TabGenBench calls
            `submit` from the main thread, because only the main thread receives KeyboardInterrupt.
    """

    name: ClassVar[str]
    summary: ClassVar[str] = ""
    in_caller: ClassVar[bool] = False

    def __init__(self, options: EngineOptions) -> None:
        self.options = options

    @classmethod
    @abstractmethod
    def settle(cls, options: EngineOptions) -> EngineOptions:
        """Check that the device exists; return the options with a device and numbers of workers and threads.

        The method must not leave a process running.

        Raises:
            ConfigError: the engine does not support an option.
            DeviceError: the device does not exist.
        """

    @classmethod  # noqa: B027 - an engine may have nothing to start early
    def warm(cls, options: EngineOptions, preload: str) -> None:
        """Start to import the modules ``options.preloads[preload]`` for later tasks; do not wait for the import."""

    @abstractmethod
    def submit(self, task: Task, on_message: Callable[[Any], None]) -> Future[Outcome]:
        """Queue a task, and return a future with its outcome.

        The task starts when fewer than ``workers`` tasks run. The engine calls ``on_message`` for each message of the
        task except a `Mark`, possibly in another thread. The future gets its result after the last message.
        """

    @abstractmethod
    def close(self) -> None:
        """Terminate every running task and all its child processes. `close` may be called more than once."""
