"""Class `Watch`, which measures the time and memory of a task and finds out why the task ended."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import Any

import psutil

from tabgenbench.engines.base import PREPARE, Mark, Outcome, Task, Usage
from tabgenbench.engines.memory import kernel_kills, proportional, resident
from tabgenbench.errors import TAIL_CHARACTERS
from tabgenbench.records import Status

__all__ = ["Watch"]

LOOK_SHARE = 0.02  # maximum share of one core per kind of measurement; the kernel pauses the process during each
ENDING_SECONDS = 0.3  # longest time from the closing of a dying process's pipes to its end
LONGEST_PAUSE_SECONDS = 0.5  # longest time between cheap measurements; memory can fill within seconds
FIRST_LOOK_SECONDS = 0.2  # earlier peaks are measured by the process itself
RISE = 1.01  # the resident size must rise by this factor before the exact but slower measurement is repeated
LOG_BYTES = 16 * 2**20  # a larger log is truncated to its tail


class Watch:
    """Measures the time and memory of one task, and creates the `Outcome`.

    Args:
        pid: process id of the keeper, the parent of the task's worker process. All descendants of the keeper are
            measured.
    """

    def __init__(self, pid: int, task: Task) -> None:
        self.task = task
        self.gpu, self.packages = "", dict[str, str]()
        self._keeper = psutil.Process(pid) if psutil.pid_exists(pid) else None
        self._phases = {PREPARE: Usage()}
        self._phase, self._entered = PREPARE, time.monotonic()
        self._level = self._keeper_level = self._keeper_size()  # a worker begins as a fork of its keeper
        self._peak = self._highest_resident = 0
        self._next_look = self._next_exact_look = self._entered + FIRST_LOOK_SECONDS
        self._said_before = ""  # tail of the truncated part of the log
        self._kernel_kills = kernel_kills()

    def enter(self, message: Mark) -> None:
        """Record the end of the current phase and the start of the phase that ``message`` announces."""
        now = time.monotonic()
        usage = self._phases[self._phase]
        usage.seconds += now - self._entered
        usage.peak_memory = max(usage.peak_memory, message.peak)
        self._phase, self._entered = message.phase, now
        self._phases.setdefault(message.phase, Usage())
        if message.level is not None:
            self._level, self._keeper_level = message.level, self._keeper_size()
            self._highest_resident = 0

    def look(self) -> Outcome | None:
        """Measure the time and memory of the task; return its outcome if a limit is exceeded, else None."""
        limits, spent = self.task.limits, self._seconds()
        is_late = limits.timeout is not None and spent > limits.timeout
        if is_late or time.monotonic() >= self._next_look:
            self._look_at_size(exactly=is_late)  # if both limits are exceeded, memory is reported
        if limits.memory is not None and self._peak > limits.memory:
            reason = (
                f"{self._phase} was ended at {self._peak / 2**30:.2f} GiB, limit {limits.memory / 2**30:.2f} GiB; "
                "raise --memory or use smaller options"
            )
            return self.ended("out_of_memory", reason)
        if is_late:
            reason = f"{self._phase} was ended after {spent:.1f} s, limit {limits.timeout:g} s; raise --timeout"
            return self.ended("timeout", reason)
        return None

    def finished(self, content: dict[str, Any]) -> Outcome:
        """Return the outcome of a task, given the content of the final message of the task's worker."""
        self.gpu, self.packages = content.pop("gpu", ""), content.pop("packages", {})
        usage = self._phases[self._phase]
        usage.peak_memory = max(usage.peak_memory, content.pop("peak_memory", 0))
        return self.ended(**content)

    def crashed(self, wait_status: int | None) -> Outcome:
        """Return the outcome of a task whose worker ended without a final message.

        The status is ``crashed``, or ``out_of_memory`` if the kernel killed the worker because memory was full.
        ``wait_status`` is the status of the worker from `os.waitpid`, or None if it is unknown.
        """
        if wait_status is None:
            closed = "the task closed its message pipe before it returned a result"
            killed = "the task killed its keeper process"
            return self.ended("crashed", closed if self._keeper_lives() else killed)
        code = os.waitstatus_to_exitcode(wait_status)
        if code == -signal.SIGKILL and kernel_kills() > self._kernel_kills:
            reason = "the kernel killed the process: the machine is out of memory; set --memory or use fewer --workers"
            return self.ended("out_of_memory", reason)
        if code < 0:
            how = f"the process was killed by {_name_of_signal(-code)}"
        else:
            how = f"the process ended with exit status {code}"
        return self.ended("crashed", f"{how} during {self._phase}, before it returned a result")

    def ended(self, status: Status, reason: str = "", *, traceback: str = "", value: Any = None) -> Outcome:
        """Return the outcome of the task with the times and memory measured so far."""
        self._phases[self._phase].seconds = self._seconds()
        self._entered = time.monotonic()
        return Outcome(
            status=status,
            value=value,
            reason=reason,
            traceback=traceback,
            output=self._tail(),
            phase=self._phase,
            phases=dict(self._phases),
        )

    def _seconds(self) -> float:
        return self._phases[self._phase].seconds + time.monotonic() - self._entered

    def _look_at_size(self, *, exactly: bool) -> None:
        """Measure the resident size of the processes, and sometimes also the proportional size, which takes longer.

        The proportional size is measured if ``exactly`` is true. If the resident size has risen, it is measured
        when the last such measurement is long enough ago, or when the resident size exceeds the memory limit.
        """
        before = time.thread_time()
        tree = self._tree()
        size = resident(tree)
        self._shorten_log()
        between, now = time.thread_time(), time.monotonic()
        self._next_look = now + min((between - before) / LOOK_SHARE, LONGEST_PAUSE_SECONDS)
        risen = size > self._highest_resident * RISE
        if exactly or (risen and (now >= self._next_exact_look or self._may_be_too_much(size))):
            self._highest_resident = size
            self._look_at_memory(tree)
            self._next_exact_look = time.monotonic() + (time.thread_time() - between) / LOOK_SHARE

    def _may_be_too_much(self, resident_size: int) -> bool:
        limit = self.task.limits.memory
        return limit is not None and resident_size > limit

    def _look_at_memory(self, tree: list[psutil.Process]) -> None:
        exact = proportional(tree)
        self._peak = max(self._peak, exact)
        # All tasks share the memory pages of the fork server, so the proportional size of a process changes when other
        # processes start or end. The keeper has only shared pages, so its size is the share of each fork.
        inherited = self._keeper_size() * self._number_of_forks(tree) - self._keeper_level
        above = exact - self._level - inherited
        usage = self._phases[self._phase]
        usage.peak_memory = max(usage.peak_memory, above)

    def _tree(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.Error):
            return self._keeper.children(recursive=True) if self._keeper is not None else []
        return []

    def _number_of_forks(self, tree: list[psutil.Process]) -> int:
        same = 0
        with contextlib.suppress(psutil.Error):
            command = self._keeper.cmdline() if self._keeper is not None else []
            for one in tree:
                with contextlib.suppress(psutil.Error):
                    same += one.cmdline() == command
        return max(1, same)

    def _keeper_lives(self) -> bool:
        deadline = time.monotonic() + ENDING_SECONDS
        with contextlib.suppress(psutil.Error):
            while self._keeper is not None and self._keeper.status() != psutil.STATUS_ZOMBIE:
                if time.monotonic() > deadline:
                    return True
                time.sleep(0.01)
        return False

    def _keeper_size(self) -> int:
        return proportional([self._keeper]) if self._keeper is not None else 0

    def _shorten_log(self) -> None:
        with contextlib.suppress(OSError):
            if self.task.log.stat().st_size > LOG_BYTES:
                self._said_before = self._tail()
                os.truncate(self.task.log, 0)

    def _tail(self) -> str:
        with contextlib.suppress(OSError), self.task.log.open("rb") as handle:
            handle.seek(max(0, self.task.log.stat().st_size - 4 * TAIL_CHARACTERS))
            return (self._said_before + handle.read().decode("utf-8", errors="replace"))[-TAIL_CHARACTERS:]
        return self._said_before


def _name_of_signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
