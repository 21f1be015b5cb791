"""The process that runs one task (the worker)."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from typing import Any, NoReturn

from tabgenbench.engines.base import PREPARE, Mark, Task
from tabgenbench.engines.environment import imported_versions
from tabgenbench.engines.memory import own_level, own_peak, reset_own_peak
from tabgenbench.engines.messages import Outbox
from tabgenbench.errors import TAIL_CHARACTERS, TabGenBenchError, Unsupported, is_out_of_memory, text_of, trace_of

__all__ = ["Given", "end_content", "failure_of", "flush_output", "mark", "work"]

Send = Callable[[str, Any], None]


@dataclass(frozen=True)
class Given:
    """Data that a keeper (parent process) sends to a worker (the process that runs one task).

    Attributes:
        task: the pickled task (a function and its input); unpickling may import a plugin.
        log: file for the output of the process.
        scratch: folder for temporary files of the process.
        environment: environment variables, which are set before the task is unpickled.
        path: import paths (``sys.path``).
        folder: working folder of the process.
    """

    task: bytes
    log: Path
    scratch: Path
    environment: dict[str, str]
    path: list[str]
    folder: str


def mark(phase: str, *, measure: bool = False) -> Mark:
    """Return the message that starts a phase (such as ``fit``) and contains the peak memory of the previous phase.

    If ``measure`` is true, the current memory of the process is subtracted from the memory of later phases.
    """
    peak = own_peak()
    reset_own_peak(level=measure)
    return Mark(phase, peak=peak, level=own_level() if measure else None)


def flush_output() -> None:
    """Flush the output streams. Errors are ignored, because a plugin may have closed the streams."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def work(given: Given, messages: int, mask: Collection[int]) -> NoReturn:
    """Run a task, then end the process. This function is the first code that a worker runs.

    Args:
        given: the pickled task and the settings of the process.
        messages: file descriptor of the pipe for the messages of the task.
        mask: signals that are blocked while the task runs.
    """
    code: Any = 1
    outbox, worker = Outbox(messages), os.getpid()
    try:
        _begin(given, messages, mask)
        _do(pickle.loads(given.task), outbox.send)
        code = 0
    except SystemExit as error:
        code = error.code if error.code is not None else 0
        if not isinstance(code, int):
            _say_last(text_of(error), outbox if os.getpid() == worker else None)
    except BaseException:
        with contextlib.suppress(Exception):
            traceback.print_exc()
    finally:
        flush_output()
        os._exit(code if isinstance(code, int) else 1)


def _say_last(words: str, outbox: Outbox | None) -> None:
    with contextlib.suppress(Exception):  # a plugin may have closed the streams
        print(words, file=sys.stderr)
    flush_output()
    if outbox is not None:
        with contextlib.suppress(OSError):
            reason = f"the process called sys.exit ({words[:TAIL_CHARACTERS]})"
            outbox.send("end", {"status": "crashed", "reason": reason, "peak_memory": own_peak()})


def _begin(given: Given, messages: int, mask: Collection[int]) -> None:
    os.setsid()
    for one in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(one, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    _redirect_streams(given.log)
    _leave_to_itself(messages)
    sys.path[:] = given.path
    with contextlib.suppress(OSError):  # the folder may have been removed
        os.chdir(given.folder)
    os.environ.update(given.environment)
    os.environ.update(dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(given.scratch)))
    tempfile.tempdir = str(given.scratch)


def _do(task: Task, send: Send) -> None:
    reset_own_peak(level=True)
    with _threads(task.limits.threads):
        send("message", mark(PREPARE))
        content = end_content(task, lambda message: send("message", message))
        try:
            send("end", content)
        except Exception as error:  # the plugin's values cannot be pickled
            send("end", _failure("failed", f"its result cannot be recorded ({text_of(error)})", error))


def end_content(task: Task, send: Callable[[Any], None]) -> dict[str, Any]:
    """Run the function of a task in this process; return its result, peak memory, GPU name and package versions."""
    content = _call(task, send)
    content["peak_memory"] = own_peak()
    content["gpu"], content["packages"] = _gpu_name(), imported_versions()
    flush_output()
    return content


def _call(task: Task, send: Callable[[Any], None]) -> dict[str, Any]:
    try:
        value = task.function(task.payload, send)
    except Exception as error:  # a plugin may raise anything; the error is recorded
        return dict(failure_of(error))
    return {"status": "ok", "value": value}


def failure_of(error: Exception, *, where: str = "") -> dict[str, str]:
    """Return status, reason and traceback of an error in a plugin.

    The reason begins with the text ``where``, unless the error is `Unsupported` (status ``skipped``, no traceback).
    """
    if isinstance(error, Unsupported):
        return {"status": "skipped", "reason": str(error)}
    if is_out_of_memory(error):
        return _failure("out_of_memory", f"{where}an allocation failed ({text_of(error)})", error)
    return _failure("failed", where + (str(error) if isinstance(error, TabGenBenchError) else text_of(error)), error)


def _failure(status: str, reason: str, error: BaseException) -> dict[str, str]:
    return {"status": status, "reason": reason[:TAIL_CHARACTERS], "traceback": trace_of(error)}


@contextlib.contextmanager
def _threads(threads: int) -> Iterator[None]:
    from tabgenbench.engines.numerics import flush_denormals, limit_threads
    from tabgenbench.engines.preload import THREAD_POOLS

    limit_threads(threads)
    flush_denormals()
    with THREAD_POOLS.limit(limits=threads):
        yield


def _redirect_streams(log: Path) -> None:
    handle = os.open(os.devnull, os.O_RDONLY)
    os.dup2(handle, 0)
    if handle != 0:
        os.close(handle)
    sys.stdin = open(0, encoding="utf-8", closefd=False)
    # Append mode, so that the supervisor can truncate the file while it is written.
    try:
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except FileNotFoundError:  # an interrupted run has removed the folder before this process started
        handle = os.open(os.devnull, os.O_WRONLY)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)


def _leave_to_itself(messages: int) -> None:
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in (0, 1, 2, messages):
            with contextlib.suppress(OSError):
                os.close(int(name))
    # If a plugin uses multiprocessing, it starts its own servers, which end with the process tree.
    vars(forkserver._forkserver).update(_forkserver_alive_fd=None, _forkserver_address=None, _forkserver_pid=None)
    vars(resource_tracker._resource_tracker).update(_fd=None, _pid=None)


def _gpu_name() -> str:
    torch = sys.modules.get("torch")
    used = torch is not None and torch.cuda.is_initialized()
    return str(torch.cuda.get_device_name(0)) if torch is not None and used else ""
