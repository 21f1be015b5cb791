"""Chunks of rows, which limit the memory of a forward pass without gradients."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["CHUNK", "chunks"]

CHUNK = 4096  # rows in one forward pass without gradients


def chunks(n_rows: int) -> Iterator[slice]:
    """Yield slices of at most `CHUNK` rows."""
    for start in range(0, n_rows, CHUNK):
        yield slice(start, start + CHUNK)
