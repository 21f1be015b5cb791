"""Module that a fork server imports first: the kernel then kills the server when its parent process ends."""

from __future__ import annotations

import os

from tabgenbench.engines.prctl import end_with_parent

__all__ = ["BOUND"]

BOUND = "TABGENBENCH_BOUND"  # "1" if the thread that starts the server lives as long as its process

if os.environ.get(BOUND) == "1":
    end_with_parent()
