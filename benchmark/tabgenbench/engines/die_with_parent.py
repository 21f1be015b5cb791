"""Imported first by the fork server: it ends with the process that started it, even while it imports the rest."""

from __future__ import annotations

import os

from tabgenbench.engines.prctl import end_with_parent

__all__ = ["BOUND"]

BOUND = "TABGENBENCH_BOUND"  # set where the thread that starts the server lives as long as its process

if os.environ.get(BOUND) == "1":
    end_with_parent()
