"""Memory of processes, in bytes: the proportional set size, which counts a page shared by n processes as 1/n."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import psutil

__all__ = ["kernel_kills", "machine_memory", "own_level", "own_peak", "proportional", "reset_own_peak", "resident"]

_level = 0  # resident size of this process when its peak was reset
_children = 0  # largest resident size, until then, of a child that it waited for


def proportional(processes: Iterable[psutil.Process]) -> int:
    """Return the summed proportional set size of processes, leaving out those that are gone."""
    total = 0
    for one in processes:
        with contextlib.suppress(psutil.Error):
            total += one.memory_full_info().pss
    return total


def resident(processes: Iterable[psutil.Process]) -> int:
    """Return the summed resident set size: an upper bound of the proportional one, a hundred times cheaper to read."""
    total = 0
    for one in processes:
        with contextlib.suppress(psutil.Error):
            total += one.memory_info().rss
    return total


def own_level() -> int:
    """Return the proportional set size of this process."""
    return proportional([psutil.Process()])


def reset_own_peak(*, level: bool) -> None:
    """Have `own_peak` look for the highest size from now on; with ``level``, it is counted from the present one."""
    global _level, _children
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    _children = _children_peak()
    if level:
        _level = _status_bytes("VmRSS")


def own_peak() -> int:
    """Return how far this process, or a child that it waited for, rose above its level; sees what sampling misses."""
    children = _children_peak()
    return max(0, _status_bytes("VmHWM") - _level, children - _level if children > _children else 0)


@lru_cache(maxsize=1)
def machine_memory() -> int:
    """Return the memory that processes here may use together: the machine's, or a control group's lower limit."""
    total = int(psutil.virtual_memory().total)
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):
            total = min(total, int(Path(path).read_text()))
    return total


def kernel_kills() -> int:
    """Return how many processes the kernel has killed since it started because memory was used up."""
    with contextlib.suppress(OSError, StopIteration, IndexError, ValueError):
        lines = Path("/proc/vmstat").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("oom_kill ")).split()[1])
    return 0


def _children_peak() -> int:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def _status_bytes(field: str) -> int:
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(field + ":")).split()[1]) * 1024
    return 0
