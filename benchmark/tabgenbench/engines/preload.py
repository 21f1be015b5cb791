"""The last module that a fork server imports; its work is done once instead of in every forked task process."""

from __future__ import annotations

import gc

from threadpoolctl import ThreadpoolController

__all__ = ["THREAD_POOLS"]


THREAD_POOLS = ThreadpoolController()  # scans the loaded libraries, so it must follow their import

gc.collect()
gc.freeze()  # else a garbage collection in a fork writes to every shared object and copies its pages
