"""Reading records quickly: of each file what a board shows, and the rest left as bytes.

A board of 10,000 cells reads 50,000 files. Loss curves are most of their bytes and few are shown, and what a score
means is written in every file of its metric: the first are passed over, the second is read once. Whatever a view does
not take as it is (a torn file, a foreign one, one of another schema version) is read again by the `Store`, which
migrates it or puts it aside.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tabgenbench.records import (
    SCHEMA_VERSION,
    CellIdentity,
    DrawScores,
    Environment,
    Fallback,
    Phase,
    ScoreSpec,
    Status,
)
from tabgenbench.store.store import Store

__all__ = ["CellView", "CurvedCellView", "InfoView", "RecordReader", "ScoreView", "Setting", "without_collection"]


class _View(BaseModel):
    model_config = ConfigDict(extra="ignore", ser_json_inf_nan="null")


class CellView(_View):
    """A `tabgenbench.records.CellRecord` without its loss curves."""

    schema_version: int = 0
    key: str
    cell: CellIdentity
    status: Status
    reason: str = ""
    output: str = ""
    phases: dict[str, Phase] = Field(default_factory=dict)
    fallbacks: list[Fallback] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
    environment: Environment = Field(default_factory=Environment)


class CurvedCellView(CellView):
    """One with its loss curves."""

    losses: dict[str, list[float | None]] = Field(default_factory=dict)


class ScoreView(_View):
    """A `tabgenbench.records.ScoreRecord`."""

    schema_version: int = 0
    key: str
    cell_key: str
    metric: str
    status: Status
    reason: str = ""
    specs: tuple[ScoreSpec, ...] = ()
    draws: list[DrawScores] = Field(default_factory=list)


class Setting(_View):
    """Of a `tabgenbench.records.Environment` what times depend on. Equal settings are equal keys of a dictionary."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    timing: bool = False
    workers: int = 1
    threads: int = 0
    cpu: str = ""
    gpu: str = ""


class InfoView(_View):
    """A `tabgenbench.records.RunInfo`."""

    metric: str
    seconds: float | None = None
    output: str = ""
    environment: Setting = Field(default_factory=Setting)


ViewT = TypeVar("ViewT", bound=_View)
_SPECS = TypeAdapter(tuple[ScoreSpec, ...])
_BLOCK = 65_536  # bytes of one read: most records are smaller


@contextmanager
def without_collection() -> Iterator[None]:
    """Make many objects that stay: the search for cycles among them, of which there are none, would take most time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class RecordReader:
    """Reads views of the records in a store; score specifications that are written alike are one object."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cells = os.fspath(store.root / "cells")
        self._specs: dict[bytes, tuple[ScoreSpec, ...]] = {}

    def cell(self, key: str, *, curves: bool) -> CellView | None:
        """Return the record of a cell, with its loss curves where they are asked for, or None.

        Raises:
            StoreError: it is of a schema version that this program does not read, or may not be read by this user.
        """
        kind = CurvedCellView if curves else CellView
        with suppress(OSError, ValidationError):
            content = _content(f"{self._cells}/{key}/fit.json")
            view = kind.model_validate_json(content if curves else _cut(content, b"losses", b"{}")[0])
            if (view.schema_version, view.key) == (SCHEMA_VERSION, key):
                return view
        return _view(kind, self._store.read_cell(key))

    def score(self, cell_key: str, metric_key: str) -> ScoreView | None:
        """Return the record of a metric on a cell, or None; raises as `cell` does."""
        with suppress(OSError, ValidationError):
            rest, specs = _cut(_content(f"{self._cells}/{cell_key}/scores/{metric_key}.json"), b"specs", b"[]")
            view = ScoreView.model_validate_json(rest)
            if specs:
                view.specs = self._specs.get(specs) or self._specs.setdefault(specs, _SPECS.validate_json(specs))
            if (view.schema_version, view.cell_key, view.key) == (SCHEMA_VERSION, cell_key, metric_key):
                return view
        return _view(ScoreView, self._store.read_score(cell_key, metric_key))

    def info(self, cell_key: str, metric_key: str) -> InfoView | None:
        """Return how a metric ran on a cell, or None; raises as `cell` does."""
        with suppress(OSError, ValidationError):
            return InfoView.model_validate_json(_content(f"{self._cells}/{cell_key}/runs/{metric_key}.json"))
        return _view(InfoView, self._store.read_info(cell_key, metric_key))


def _content(path: str) -> bytes:
    """Return the bytes of a file: with `pathlib`, the names of 50,000 files take longer than reading them."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(descriptor, _BLOCK):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def _cut(content: bytes, name: bytes, brackets: bytes) -> tuple[bytes, bytes]:
    """Take one member out of a record that is laid out as the store writes it: one space a level, one line a value.

    Returns:
        What is left, and the value of the member; the whole content and nothing where it is laid out otherwise.
    """
    head = b'\n "' + name + b'": '
    start = content.find(head + brackets[:1] + b"\n")
    end = content.find(b"\n " + brackets[1:] + b",\n", start)  # what is nested stands further in
    if start < 0 or end < 0:
        return content, b""
    return content[:start] + content[end + 4 :], content[start + len(head) : end + 3]


def _view(kind: type[ViewT], record: BaseModel | None) -> ViewT | None:
    return None if record is None else kind.model_validate(record.model_dump())
