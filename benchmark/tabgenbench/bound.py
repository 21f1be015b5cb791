"""Imported first by the fork server: it ends with the process that started it, even while it imports the rest."""

from __future__ import annotations

import ctypes
import os
import signal

__all__ = ["BOUND"]

BOUND = "TABGENBENCH_BOUND"  # set where the thread that starts the server lives as long as its process
PR_SET_PDEATHSIG = 1

if os.environ.get(BOUND) == "1":
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
