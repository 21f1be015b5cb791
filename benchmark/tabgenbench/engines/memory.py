"""Memory of processes, in bytes: the proportional set size, which counts a page shared by n processes as 1/n."""

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
    limit = group_limit()
    return total if limit is None else min(total, limit)


def group_limit(root: Path = Path("/")) -> int | None:
    """Return the lowest limit of this process's control group and of those around it, or None where there is none.

    Args:
        root: folder that holds ``proc`` and ``sys``.
    """
    limits = []
    for folder, name, inside in _memory_groups(root):
        # A container may not see the groups around its own: what is not there has no say.
        for group in (inside, *inside.parents):
            with contextlib.suppress(OSError, ValueError):  # without a limit it says "max", or a number beyond any
                limits.append(int((folder / group / name).read_text()))
    return min(limits, default=None)


def _memory_groups(root: Path) -> Iterator[tuple[Path, str, Path]]:
    """Yield the folder of each hierarchy that counts memory, its file of the limit, and the group of this process."""
    places = {"": Path(), "memory": Path()}  # by controller; the second version of control groups names none
    with contextlib.suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, path = [*line.split(":", 2), "", ""][:3]
            kind = "memory" if "memory" in controllers.split(",") else controllers
            if kind in places and ".." not in Path(path).parts:  # else it is outside of what can be seen from here
                places[kind] = Path(path.lstrip("/"))
    yield root / GROUPS, "memory.max", places[""]
    yield root / GROUPS / "memory", "memory.limit_in_bytes", places["memory"]


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
