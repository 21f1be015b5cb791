"""Module that a fork server imports last; processes that the server then forks inherit what the module has done.

The module finds the thread pools of the loaded numerical libraries, so that tasks need not search for them. The module
also excludes all loaded objects from garbage collection.
"""

from __future__ import annotations

import gc

from threadpoolctl import ThreadpoolController

__all__ = ["THREAD_POOLS"]


THREAD_POOLS = ThreadpoolController()  # scans the loaded libraries, so it must follow their import

gc.collect()
gc.freeze()  # else a garbage collection in a fork writes to every shared object and copies its pages
