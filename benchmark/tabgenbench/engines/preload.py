"""Last import of a fork server.

The import finds the loaded numerical libraries and freezes the garbage collector, so that task processes need not.
"""

from __future__ import annotations

import gc

from threadpoolctl import ThreadpoolController

__all__ = ["THREAD_POOLS"]


THREAD_POOLS = ThreadpoolController()  # scans the loaded libraries, so it must follow their import

gc.collect()
gc.freeze()  # else a garbage collection in a fork writes to every shared object and copies its pages
