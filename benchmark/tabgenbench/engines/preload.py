"""Imported last by the fork server: what every task would else do anew in its process."""

from __future__ import annotations

import gc

from threadpoolctl import ThreadpoolController

__all__ = ["THREAD_POOLS"]


THREAD_POOLS = ThreadpoolController()  # looks through all libraries, so it comes after their import

gc.collect()
gc.freeze()  # a collection in a fork would write to every object that it shares, and so copy its pages
