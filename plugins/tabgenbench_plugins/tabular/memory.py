"""Whether the memory is there that a training needs."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import psutil
import torch

from tabgenbench import Unsupported

__all__ = ["available_bytes", "n_parameters", "require_memory"]

CGROUP = Path("/sys/fs/cgroup")  # where Linux states the limit of a container


def available_bytes(device: str) -> int:
    """Return how many bytes a process can still allocate on a device: free memory, or what a container leaves of it."""
    if device != "cpu":
        return int(torch.cuda.mem_get_info(device)[0])
    free = int(psutil.virtual_memory().available)
    with contextlib.suppress(OSError, ValueError):  # no container, or one without a limit
        limit, used = (int((CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        free = min(free, max(0, limit - used))
    return free


def require_memory(name: str, needed: int, *, device: str, purpose: str) -> None:
    """Refuse a training for which memory does not suffice.

    Args:
        name: of the generator.
        needed: bytes.
        device: where they are needed.
        purpose: what for, such as ``at least, for 15,000 columns``.

    Raises:
        Unsupported: less is available; gives both numbers in bytes.
    """
    available = available_bytes(device)
    if needed > available:
        raise Unsupported(
            f"generator {name!r}: training needs {needed:,} bytes {purpose}, {available:,} are available on {device}; "
            "use fewer columns or a machine with more memory"
        )


def n_parameters(widths: Sequence[int]) -> int:
    """Return weights and biases of a stack of linear layers."""
    return sum((n_in + 1) * n_out for n_in, n_out in pairwise(widths))
