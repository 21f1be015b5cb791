"""Memory of processes in bytes.

In the proportional set size (PSS) of a process, a page of memory that n processes share counts as 1/n page. In the
resident set size, a shared page counts as a whole page.
"""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import psutil

__all__ = [
    "group_limit",
    "kernel_kills",
    "machine_memory",
    "own_level",
    "own_peak",
    "proportional",
    "reset_own_peak",
    "resident",
]

GROUPS = Path("sys/fs/cgroup")

_level = 0  # resident size of this process at the last reset of its peak
_children = 0  # largest resident size of ended child processes until the last reset


def proportional(processes: Iterable[psutil.Process]) -> int:
    """Return the memory of the processes that still run, in bytes: the sum of their proportional set sizes."""
    total = 0
    for one in processes:
        with contextlib.suppress(psutil.Error):
            total += one.memory_full_info().pss
    return total


def resident(processes: Iterable[psutil.Process]) -> int:
    """Return the memory of the processes that still run, in bytes: the sum of their resident set sizes.

    This sum is never smaller than the sum of the proportional set sizes, and can be read a hundred times faster.
    """
    total = 0
    for one in processes:
        with contextlib.suppress(psutil.Error):
            total += one.memory_info().rss
    return total


def own_level() -> int:
    """Return the proportional set size of this process in bytes."""
    return proportional([psutil.Process()])


def reset_own_peak(*, level: bool) -> None:
    """Start a new measurement of `own_peak`; if ``level`` is true, later peaks exclude the current resident size."""
    global _level, _children
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    _children = _children_peak()
    if level:
        _level = _status_bytes("VmRSS")


def own_peak() -> int:
    """Return the peak resident size, in bytes, since the last call of `reset_own_peak`.

    The peak is the maximum, not the sum, over this process and its child processes that have ended since that call. A
    child process counts only if it was larger than every child process that had ended before that call. The size of
    this process at the last call of `reset_own_peak` with ``level=True`` is subtracted.
    """
    children = _children_peak()
    return max(0, _status_bytes("VmHWM") - _level, children - _level if children > _children else 0)


@lru_cache(maxsize=1)
def machine_memory() -> int:
    """Return the memory of the machine, or the memory limit of the Linux control group if the limit is lower."""
    total = int(psutil.virtual_memory().total)
    limit = group_limit()
    return total if limit is None else min(total, limit)


def group_limit(root: Path = Path("/")) -> int | None:
    """Return the lowest memory limit of the Linux control groups that contain this process; None if unlimited.

    Args:
        root: folder that contains ``proc`` and ``sys``.
    """
    limits = []
    for folder, name, inside in _memory_groups(root):
        # A container may not see the parent groups; those are skipped.
        for group in (inside, *inside.parents):
            with contextlib.suppress(OSError, ValueError):  # without a limit the file contains "max" or a huge number
                limits.append(int((folder / group / name).read_text()))
    return min(limits, default=None)


def _memory_groups(root: Path) -> Iterator[tuple[Path, str, Path]]:
    places = {"": Path(), "memory": Path()}  # group by controller, which is empty in version 2
    with contextlib.suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, path = [*line.split(":", 2), "", ""][:3]
            kind = "memory" if "memory" in controllers.split(",") else controllers
            if kind in places and ".." not in Path(path).parts:  # else the group is not visible from here
                places[kind] = Path(path.lstrip("/"))
    yield root / GROUPS, "memory.max", places[""]
    yield root / GROUPS / "memory", "memory.limit_in_bytes", places["memory"]


def kernel_kills() -> int:
    """Return how many processes the kernel has killed since boot because memory was full; 0 if unknown."""
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
