"""Two settings of a process in the Linux kernel; see the manual page prctl(2)."""

from __future__ import annotations

import ctypes
import signal

__all__ = ["become_subreaper", "end_with_parent"]

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def end_with_parent() -> None:
    """Ask the kernel to kill this process when the thread that started it ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))


def become_subreaper(*, on: bool = True) -> None:
    """Make this process, instead of process 1, the new parent of descendants whose parent process ends."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(on))
