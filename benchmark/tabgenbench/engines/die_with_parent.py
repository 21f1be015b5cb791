"""First module that a fork server (process that forks workers) imports, so that it ends with its parent process."""

from __future__ import annotations

import os

from tabgenbench.engines.prctl import end_with_parent

__all__ = ["BOUND"]

BOUND = "TABGENBENCH_BOUND"  # "1" if the thread that starts the server lives as long as its process

if os.environ.get(BOUND) == "1":
    end_with_parent()
