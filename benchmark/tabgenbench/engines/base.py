"""The interface between the runner and the engines that run its tasks."""

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

    Paths are absolute. An engine may move files: it then runs ``task.moved({old: new})``.

    Attributes:
        function: an importable function ``(payload, send) -> value``; a `Mark` that it sends begins a phase.
        payload: what it is given; pickled.
        limits: what it may use.
        log: file that takes the process's standard output and error.
        reads: files and folders that it reads; a folder does not change while the run lasts.
        writes: an existing, empty folder that it writes to, or None; its content counts only where the task ends well.
        uses_gpu: whether it computes on a GPU.
        preload: which of `EngineOptions.preloads` its process should begin with; empty for the last of them.
        environment: environment variables of the process, set before anything else is done in it.
        distributions: those of the plugins that it uses, whose versions the outcome's environment names.
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
        """Return the task with other files: each path that is a key of ``places``, or lies below one, is replaced."""
        return replace(
            self,
            payload=_moved(self.payload, places),
            reads=_moved(self.reads, places),
            writes=_moved(self.writes, places),
            log=_moved(self.log, places),
        )


def _moved(value: Any, places: Mapping[Path, Path]) -> Any:
    """Return a value with the paths in it replaced; looks into dataclasses, tuples, lists and dictionaries."""
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


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """How an engine works. `Engine.settle` decides what is None.

    Attributes:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:INDEX``; settled, one that exists.
        workers: tasks at a time.
        threads: threads of each.
        timeout: limit of each phase in seconds, or None.
        memory: limit of a task's memory in bytes, or None.
        slots_per_gpu: tasks that share a GPU.
        address: where the cluster is, as the engine writes it, or None.
        probe: a path in the store that nothing has, for an engine that checks whether other machines see the store.
        preloads: modules that the processes of tasks should find imported, by the name that `Task.preload` gives.
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
        """Tasks at a time: 1 where nothing else was decided."""
        return self.workers or 1

    @property
    def n_threads(self) -> int:
        """Threads of each task: 1 where nothing else was decided."""
        return self.threads or 1


class Engine(ABC):
    """Runs tasks and enforces their limits. ``--executor`` chooses one by its name.

    Attributes:
        name: its name on the command line.
        summary: one line for ``tabgenbench list``.
        in_caller: whether `submit` runs the task in the calling thread before it returns. The runner then calls it from
            its main thread, which an interrupt reaches.
    """

    name: ClassVar[str]
    summary: ClassVar[str] = ""
    in_caller: ClassVar[bool] = False

    def __init__(self, options: EngineOptions) -> None:
        self.options = options

    @classmethod
    @abstractmethod
    def settle(cls, options: EngineOptions) -> EngineOptions:
        """Return the options with device, workers and threads decided; starts nothing that lasts.

        Raises:
            ConfigError: the engine does not have one of the options.
            DeviceError: the device does not exist.
        """

    @classmethod  # noqa: B027 - an engine may have nothing to begin
    def warm(cls, options: EngineOptions, preload: str) -> None:
        """Begin what takes a while and tasks with this preload will need, without waiting for it."""

    @abstractmethod
    def submit(self, task: Task, on_message: Callable[[Any], None]) -> Future[Outcome]:
        """Start a task as soon as a slot is free; ``on_message`` may be called in another thread for each message.

        Every message but a `Mark` is passed on, all of them before the future is done.
        """

    @abstractmethod
    def close(self) -> None:
        """End every task that still runs, with all its children. Called more than once."""
