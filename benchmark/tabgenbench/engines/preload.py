"""Last import of a fork server, a process that forks a new process for each task.

The module lists the loaded numerical libraries and freezes the garbage collector, for all forked processes at once.
"""

from __future__ import annotations

import gc

from threadpoolctl import ThreadpoolController

__all__ = ["THREAD_POOLS"]


THREAD_POOLS = ThreadpoolController()  # scans the loaded libraries, so it must follow their import

gc.collect()
gc.freeze()  # else a garbage collection in a fork writes to every shared object and copies its pages
