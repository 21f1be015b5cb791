"""Module that a fork server imports last; the server then forks a new process for each task.

The module finds the thread pools of the loaded numerical libraries and excludes all loaded objects from garbage
collection, once for all forked processes.
"""

from __future__ import annotations

import gc

from threadpoolctl import ThreadpoolController

__all__ = ["THREAD_POOLS"]


THREAD_POOLS = ThreadpoolController()  # scans the loaded libraries, so it must follow their import

gc.collect()
gc.freeze()  # else a garbage collection in a fork writes to every shared object and copies its pages
