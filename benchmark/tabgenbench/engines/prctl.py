"""What Linux does for a process that asks: see prctl(2)."""

from __future__ import annotations

import ctypes
import signal

__all__ = ["become_subreaper", "end_with_parent"]

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def end_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))


def become_subreaper(*, on: bool = True) -> None:
    """Have orphaned descendants of this process become its children, rather than those of process 1."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(on))
