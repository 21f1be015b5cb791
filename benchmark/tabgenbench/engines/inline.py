"""The engine ``inline``, which runs tasks one after the other in this process."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from threadpoolctl import threadpool_limits

from tabgenbench.engines.base import Engine, EngineOptions, Mark, Outcome, Task
from tabgenbench.engines.devices import resolve_device
from tabgenbench.engines.environment import describe_environment, visible_gpus
from tabgenbench.engines.isolate import unchanged_process
from tabgenbench.engines.memory import reset_own_peak
from tabgenbench.engines.numerics import float_environment, flush_denormals, limit_threads, set_float_environment
from tabgenbench.engines.watch import Watch
from tabgenbench.engines.worker import end_content
from tabgenbench.errors import ConfigError, text_of, trace_of

__all__ = ["InlineEngine", "run_here"]


class InlineEngine(Engine):
    """Runs every task in the calling thread, then restores the process's state (see `unchanged_process`).

    The engine is meant for debuggers and fast tests. The engine has no limits of time and memory. If a task hangs or
    ends its process, the whole run hangs or ends. The output of a task is not captured. The measured time of the first
    training includes imports and warm-up, which the engine ``local`` excludes.
    """

    name = "inline"
    summary = "this process, one cell at a time and without limits: for debuggers and fast tests"
    in_caller = True

    @classmethod
    def settle(cls, options: EngineOptions) -> EngineOptions:
        """Return the options with a device in place of ``auto``, one worker and, by default, one thread."""
        for option, given in (
            ("--timeout", options.timeout is not None),
            ("--memory", options.memory is not None),
            ("--workers above 1", options.n_workers > 1),
            ("--address", options.address is not None),
        ):
            if given:
                raise ConfigError(
                    f"--executor {cls.name}: runs one cell at a time in this process, without {option}; "
                    "leave that out, or use --executor local"
                )
        return replace(options, device=resolve_device(options.device), workers=1, threads=options.n_threads)

    def submit(self, task: Task, on_message: Callable[[Any], None]) -> Future[Outcome]:
        """Run a task in this thread, and return a completed future; KeyboardInterrupt is not caught."""
        gpus = visible_gpus(self.options.device) if self.options.device.startswith("cuda") else ()
        variables = {**task.environment, **({"CUDA_VISIBLE_DEVICES": gpus[0]} if gpus else {})}
        future: Future[Outcome] = Future()
        future.set_result(run_here(replace(task, environment=variables), on_message))
        return future

    def close(self) -> None:
        """Do nothing, because tasks run only during `submit`."""


def run_here(task: Task, on_message: Callable[[Any], None]) -> Outcome:
    """Run a task in the calling thread, restore the process's state (see `unchanged_process`), and return the outcome.

    Time and memory are measured, but not limited. An engine that starts its own processes can call this function in
    each of them.
    """
    started = datetime.now(UTC).isoformat(timespec="seconds")
    watch, floats = Watch(os.getpid(), task), float_environment()

    def send(message: Any) -> None:
        if isinstance(message, Mark):
            watch.enter(message)
        else:
            on_message(message)

    try:
        with unchanged_process(), threadpool_limits(limits=task.limits.threads):
            os.environ.update(task.environment)
            limit_threads(task.limits.threads)
            flush_denormals()
            reset_own_peak(level=True)
            outcome = watch.finished(end_content(task, send))
    except SystemExit as error:
        reason = f"the task tried to end its process ({text_of(error)})"
        outcome = watch.ended("crashed", reason, traceback=trace_of(error))
    finally:
        set_float_environment(floats)
    found = describe_environment(threads=task.limits.threads, started=started, distributions=task.distributions)
    changes = {"gpu": watch.gpu, "packages": {**found.packages, **watch.packages}}
    return replace(outcome, environment=found.model_copy(update=changes))
