"""The local engine: every task in a fresh process of a fork server that has torch imported."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

import psutil

from tabgenbench.errors import TabGenBenchError, Unsupported
from tabgenbench.executor import Outcome, Task
from tabgenbench.record import Status

__all__ = ["LocalExecutor"]

PRELOAD = [
    "torch",
    "anndata",
    "sklearn.covariance",
    "scipy.cluster.hierarchy",
    "tabgenbench.local",
    "tabgenbench.tasks",
]
POLL_SECONDS = 0.1
EXIT_SECONDS = 10
TAIL_CHARACTERS = 4000
PR_SET_PDEATHSIG = 1
LOOK_SHARE = 0.02  # share of one core that looking at memory may take: the kernel holds up the process meanwhile
# Threads that spin for long while they wait starve other busy processes; threads that never spin pay for a wake-up at
# every step. A thousand turns, some microseconds, cost neither (tests/perf/bench_busy.py).
WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "1000"}
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class LocalExecutor:
    """Runs up to ``workers`` tasks at a time on this machine, each with ``threads`` threads."""

    def __init__(self, *, workers: int, threads: int) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="tabgenbench-slot")
        self._closing = threading.Event()
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOAD)
        # Read when the fork server starts.
        with _environment(**WAITING, **dict.fromkeys(THREAD_VARIABLES, str(threads))):
            from multiprocessing import forkserver

            forkserver.ensure_running()

    def submit(self, task: Task, on_message: Callable[[Any], None]) -> Future[Outcome]:
        """Run a task in its own process as soon as a slot is free."""
        return self._pool.submit(self._supervise, task, on_message)

    def close(self) -> None:
        """End every task that still runs, with all its children, and forget those that wait."""
        self._closing.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _supervise(self, task: Task, on_message: Callable[[Any], None]) -> Outcome:
        receiver, sender = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_enter, args=(task, sender), daemon=False)
        process.start()
        sender.close()
        watch = _Watch(process, task)
        try:
            return self._listen(receiver, watch, on_message)
        finally:
            watch.kill()
            process.join()
            receiver.close()
            process.close()

    def _listen(self, receiver: Connection, watch: _Watch, on_message: Callable[[Any], None]) -> Outcome:
        while True:
            if self._closing.is_set():
                return Outcome(status="crashed", reason="the run was ended before this task had finished")
            try:
                message = receiver.recv() if receiver.poll(POLL_SECONDS) else None
            except (EOFError, OSError):
                return watch.crashed()
            over = watch.look()
            if over is not None:
                return over
            if message is None:
                continue
            kind, content = message
            if kind == "begin":
                watch.begin()
            elif kind == "message":
                on_message(content)
            else:
                return watch.ended(content)


class _Watch:
    """Looks at the process tree of one task: its memory, its time, its end."""

    def __init__(self, process: Any, task: Task) -> None:
        self.process, self.task = process, task
        self.pid = int(process.pid)
        self.started = time.monotonic()
        self.level = self.peak = 0
        self.next_look = 0.0

    def begin(self) -> None:
        self.level = self.peak = self._memory()

    def look(self) -> Outcome | None:
        limits = self.task.limits
        before = time.monotonic()
        if before >= self.next_look:
            self.peak = max(self.peak, self._memory())
            now = time.monotonic()
            self.next_look = now + (now - before) / LOOK_SHARE
        if limits.timeout is not None and time.monotonic() - self.started > limits.timeout:
            reason = f"ended after {limits.timeout:g} s, the limit; raise --timeout or make it faster"
            return self._stopped("timeout", reason)
        if limits.memory is not None and self.peak > limits.memory:
            reason = f"used {self.peak / 2**30:.2f} GiB, limit {limits.memory / 2**30:.2f} GiB; raise --memory"
            return self._stopped("out_of_memory", reason)
        return None

    def ended(self, content: dict[str, Any]) -> Outcome:
        peak = max(self.peak - self.level, content.pop("peak_memory", 0))
        return Outcome(peak_memory=peak, **content)

    def crashed(self) -> Outcome:
        self.process.join(EXIT_SECONDS)
        code = self.process.exitcode
        if code is not None and code < 0:
            reason = f"the process was killed by {signal.Signals(-code).name}"
        elif code is not None:
            reason = f"the process ended with exit status {code}"
        else:
            reason = "the process closed its connection"
        return self._stopped("crashed", f"{reason} before it gave a result")

    def kill(self) -> None:
        """Kill the process and all its children; nothing is left running."""
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            tree = [*process.children(recursive=True), process]
            for one in tree:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()

    def _stopped(self, status: Status, reason: str) -> Outcome:
        return Outcome(
            status=status, reason=reason, traceback=_tail(self.task), peak_memory=max(0, self.peak - self.level)
        )

    def _memory(self) -> int:
        total = 0
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            for one in [process, *process.children(recursive=True)]:
                with contextlib.suppress(psutil.Error):
                    total += one.memory_full_info().pss
        return total


def _enter(task: Task, sender: Connection) -> None:
    """Run the task; the first code of the new process."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # die with the fork server, which dies with the runner
    os.setsid()  # a Ctrl-C in the terminal is the runner's to answer
    _redirect_output(task)
    with _threads(task.limits.threads):
        _reset_peak()
        before = _status_bytes("VmRSS")
        sender.send(("begin", None))
        content = _run(task, sender)
        content["peak_memory"] = max(0, _status_bytes("VmHWM") - before)
        sys.stdout.flush()
        sender.send(("end", content))


def _run(task: Task, sender: Connection) -> dict[str, Any]:
    try:
        value = task.function(task.payload, lambda message: sender.send(("message", message)))
    except Unsupported as error:
        return {"status": "skipped", "reason": str(error)}
    except MemoryError:
        reason = "an allocation failed: not enough memory on this machine"
        return {"status": "out_of_memory", "reason": reason, "traceback": traceback.format_exc()[-TAIL_CHARACTERS:]}
    except Exception as error:  # a plugin may raise anything; the record says what
        reason = str(error) if isinstance(error, TabGenBenchError) else f"{type(error).__name__}: {error}"
        status = "out_of_memory" if type(error).__name__ == "OutOfMemoryError" else "failed"
        return {"status": status, "reason": reason, "traceback": traceback.format_exc()[-TAIL_CHARACTERS:]}
    return {"status": "ok", "value": value}


@contextlib.contextmanager
def _threads(threads: int) -> Iterator[None]:
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # optimiser moments that decay to denormals would slow every step
    with threadpool_limits(threads):
        yield


def _redirect_output(task: Task) -> None:
    log = os.open(task.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def _tail(task: Task) -> str:
    try:
        return task.log.read_text(encoding="utf-8", errors="replace")[-TAIL_CHARACTERS:]
    except OSError:
        return ""


def _reset_peak() -> None:
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as handle:
        handle.write("5")


def _status_bytes(field: str) -> int:
    try:
        with open("/proc/self/status") as handle:
            line = next(line for line in handle if line.startswith(field + ":"))
    except (OSError, StopIteration):
        return 0
    return int(line.split()[1]) * 1024


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
