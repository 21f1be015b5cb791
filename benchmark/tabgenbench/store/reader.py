"""Reading many records quickly.

Reading is optimised for speed, because a board of 10,000 cells (trainings) reads 50,000 files. Most bytes belong to
loss curves, which are skipped unless they are requested. All records of a metric repeat the same score specifications,
which are parsed only once. If a file is corrupt, belongs to another cell or has another schema version, the class
`Store` reads it again, and converts it or moves it to the folder ``quarantine``.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pydantic import TypeAdapter, ValidationError

from tabgenbench.records import SCHEMA_VERSION, CellRecord, RunInfo, ScoreRecord, ScoreSpec
from tabgenbench.store.store import Store

__all__ = ["RecordReader", "without_collection"]


_SPECS = TypeAdapter(list[ScoreSpec])
_BLOCK = 65_536  # bytes of one read: most records are smaller


@contextmanager
def without_collection() -> Iterator[None]:
    """Disable garbage collection in the ``with`` block, because it is slow while many objects are created."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class RecordReader:
    """Reads the records of a store; records with equal score specifications share one specification object."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cells = os.fspath(store.root / "cells")
        self._specs: dict[bytes, list[ScoreSpec]] = {}

    def cell(self, key: str, *, curves: bool = False) -> CellRecord | None:
        """Return the record of a cell (one training), or None; without ``curves``, the loss curves are left empty.

        Raises:
            StoreError: this program does not read the record's schema version, or this user may not read the file.
        """
        with suppress(OSError, ValidationError):
            content = _content(f"{self._cells}/{key}/fit.json")
            record = CellRecord.model_validate_json(content if curves else _cut(content, b"losses", b"{}")[0])
            if (record.schema_version, record.key) == (SCHEMA_VERSION, key) and _says_version(record):
                return record
        return self._store.read_cell(key)

    def score(self, cell_key: str, metric_key: str) -> ScoreRecord | None:
        """Return the record of a metric on a cell (one training), or None if there is none; see `cell` for errors."""
        with suppress(OSError, ValidationError):
            rest, specs = _cut(_content(f"{self._cells}/{cell_key}/scores/{metric_key}.json"), b"specs", b"[]")
            record = ScoreRecord.model_validate_json(rest)
            if specs:
                record.specs = self._specs.get(specs) or self._specs.setdefault(specs, _SPECS.validate_json(specs))
            place = (record.schema_version, record.cell_key, record.key)
            if place == (SCHEMA_VERSION, cell_key, metric_key) and _says_version(record):
                return record
        return self._store.read_score(cell_key, metric_key)

    def info(self, cell_key: str, metric_key: str) -> RunInfo | None:
        """Return when and how long a metric ran on a cell (one training), or None if unknown; see `cell` for errors."""
        with suppress(OSError, ValidationError):
            return RunInfo.model_validate_json(_content(f"{self._cells}/{cell_key}/runs/{metric_key}.json"))
        return self._store.read_info(cell_key, metric_key)


def _says_version(record: CellRecord | ScoreRecord) -> bool:
    return "schema_version" in record.model_fields_set


def _content(path: str) -> bytes:
    """Return the bytes of a file; for small files, this is faster than `pathlib`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = [os.read(descriptor, _BLOCK)]
        while len(parts[-1]) == _BLOCK:  # a shorter part is the last one of a regular file
            parts.append(os.read(descriptor, _BLOCK))
        return b"".join(parts)
    finally:
        os.close(descriptor)


def _cut(content: bytes, name: bytes, brackets: bytes) -> tuple[bytes, bytes]:
    """Return a record's JSON text without the list or object called ``name``, and the text of this list or object.

    If the text is not indented as the store writes it, return the whole text and an empty text.
    """
    head = b'\n "' + name + b'": '
    start = content.find(head + brackets[:1] + b"\n")
    end = content.find(b"\n " + brackets[1:] + b",\n", start)  # nested members are indented further
    if start < 0 or end < 0:
        return content, b""
    return content[:start] + content[end + 4 :], content[start + len(head) : end + 3]
