"""The inside of a task: the process that does the work, and the keeper above it that lets nothing escape.

The keeper is forked from the fork server and forks the worker. It is a child subreaper: whatever the worker's
descendants detach becomes the keeper's child in the end, so that the whole tree can be found, killed and counted.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil

from tabgenbench.errors import TabGenBenchError, Unsupported, text_of, trace_of
from tabgenbench.executor import Mark, Task
from tabgenbench.memory import own_level, own_peak, reset_own_peak
from tabgenbench.wire import Outbox

__all__ = ["become_subreaper", "flush_output", "keep", "kill_tree", "mark"]

TAIL_CHARACTERS = 4000
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
KEEPER_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
LOOK_SECONDS = 1.0
KILL_SECONDS = 3.0  # a process that outlives SIGKILL this long hangs in the kernel, and nobody can end it


def mark(phase: str, *, measure: bool = False) -> Mark:
    """Return the message that a phase begins; with ``measure``, memory is counted from here."""
    peak = own_peak()
    reset_own_peak(level=measure)
    return Mark(phase, peak=peak, level=own_level() if measure else None)


def flush_output() -> None:
    """Write what Python still holds of the output; a plugin may have closed or replaced the streams."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def become_subreaper(*, on: bool = True) -> None:
    """Have orphaned descendants of this process become its children, rather than those of process 1."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(on))


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


def keep(task: Task, messages: Connection, control: Connection, scratch: Path) -> None:
    """Be the keeper of a task: start its worker, wait for its end, and end whatever it leaves.

    Sends the worker's wait status through ``control`` when nothing is left. SIGTERM has everything killed; so has the
    end of the process that started this one.
    """
    become_subreaper()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, KEEPER_SIGNALS)
    _die_with_parent(signal.SIGTERM)
    os.setsid()  # a Ctrl-C in the terminal is the runner's to answer
    given = {"scratch": scratch, "keeper": os.getpid(), "mask": mask}
    worker = multiprocessing.get_context("fork").Process(target=_work, args=(task, messages), kwargs=given)
    worker.start()
    messages.close()  # the worker's end closes the pipe
    status = _wait_for(int(worker.pid or 0))
    _end_all()
    with contextlib.suppress(OSError):
        control.send(status)
    os._exit(0)  # nothing of this process needs tidying, and the worker was not waited for in Python's own way


def _wait_for(pid: int) -> int | None:
    """Return the wait status of a child, or None when this process is to end before it; reaps orphans meanwhile."""
    runner = multiprocessing.parent_process()
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
    """Kill and reap every child; all descendants become children as their parents die."""
    deadline = time.monotonic() + KILL_SECONDS
    while time.monotonic() < deadline:
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if ended == 0:
            for one in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    one.kill()
            time.sleep(0.005)


def _work(
    task: Task,
    messages: Connection,
    *,
    scratch: Path,
    keeper: int,
    mask: set[signal.Signals],
) -> None:
    """Run the task; the first code of its process."""
    _die_with_parent(signal.SIGKILL)
    if os.getppid() != keeper:
        os._exit(1)  # the keeper was gone before this process could ask to go with it
    os.setsid()
    for one in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(one, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    _redirect_output(task.log)
    _leave_to_itself(messages)
    os.environ.update(task.environment)
    os.environ.update(dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch)))
    tempfile.tempdir = str(scratch)
    send = Outbox(messages).send
    reset_own_peak(level=True)
    with _threads(task.limits.threads):
        send("message", mark("prepare", measure=True))
        content = _run(task, send)
        content["peak_memory"] = own_peak()
        content["gpu"] = _gpu_name()
        flush_output()
        try:
            send("end", content)
        except Exception as error:  # what a plugin reported cannot be sent
            send("end", _failure("failed", f"what it reported cannot be kept ({text_of(error)})", error))


def _run(task: Task, send: Any) -> dict[str, Any]:
    try:
        value = task.function(task.payload, lambda message: send("message", message))
    except Unsupported as error:
        return {"status": "skipped", "reason": str(error)}
    except MemoryError as error:
        return _failure("out_of_memory", "an allocation failed: not enough memory on this machine", error)
    except TabGenBenchError as error:
        return _failure("failed", str(error), error)
    except Exception as error:  # a plugin may raise anything; the record says what
        # torch's error of this name says that the device's memory is used up
        status = "out_of_memory" if type(error).__name__ == "OutOfMemoryError" else "failed"
        return _failure(status, text_of(error), error)
    return {"status": "ok", "value": value}


def _failure(status: str, reason: str, error: BaseException) -> dict[str, Any]:
    return {"status": status, "reason": reason[:TAIL_CHARACTERS], "traceback": trace_of(error)}


@contextlib.contextmanager
def _threads(threads: int) -> Iterator[None]:
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # optimiser moments that decay to denormals would slow every step
    with threadpool_limits(threads):
        yield


def _redirect_output(log: Path) -> None:
    # Appending, so that the supervisor can cut the file short while it is written.
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)


def _leave_to_itself(messages: Connection) -> None:
    """Close every file that this process has from those above it, but its own pipe: what is written there ends them."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in (0, 1, 2, messages.fileno()):
            with contextlib.suppress(OSError):
                os.close(int(name))
    # A plugin's own use of multiprocessing starts servers of its own, which end with its tree.
    vars(forkserver._forkserver).update(_forkserver_alive_fd=None, _forkserver_address=None, _forkserver_pid=None)
    vars(resource_tracker._resource_tracker).update(_fd=None, _pid=None)


def _gpu_name() -> str:
    import torch

    used = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return str(torch.cuda.get_device_name(0)) if used else ""


def _die_with_parent(number: signal.Signals) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number))


def _lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False
