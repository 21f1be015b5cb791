"""What a store can do without: synthetic tables that no suite needs, and what dead processes left behind.

Records and scores are never touched. A synthetic table that is freed can be sampled again, by training its cell.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tabgenbench.errors import StoreError
from tabgenbench.formatting import cell_title
from tabgenbench.store.claims import Claims
from tabgenbench.store.store import Store

__all__ = ["Garbage", "find_garbage", "free", "set_aside_files"]


@dataclass(frozen=True)
class Garbage:
    """Something that can be freed.

    Attributes:
        kind: ``synthetic tables``, ``temporary files`` or ``claims``.
        title: what it is, for a person.
        path: where it is.
        size: in bytes.
        key: the cell, where it is of one.
    """

    kind: str
    title: str
    path: Path
    size: int
    key: str = ""


def find_garbage(store: Store) -> list[Garbage]:
    """Return what can be freed; changes nothing.

    Raises:
        StoreError: a suite cannot be read, so that nobody can tell which cells it needs.
    """
    needed, claims = _needed_cells(store), Claims(store)
    busy = claims.owners()
    found = []
    for folder in sorted(store.root.glob("cells/*/synthetic")):
        key = folder.parent.name
        if key not in needed and key not in busy:
            found.append(Garbage("synthetic tables", _title(store, key), folder, _size(folder), key))
    found += [Garbage("temporary files", path.name, path, _size(path)) for path in store.dead_temporaries()]
    dead = [(key, store.root / "claims" / f"{key}.json") for key in claims.dead()]
    return found + [Garbage("claims", f"claim on {key}", path, _size(path), key) for key, path in dead]


def free(store: Store, found: list[Garbage]) -> list[Garbage]:
    """Free what was found, as far as it is still garbage.

    Args:
        store: the store, which has to be writable; folders of a store are not made.
        found: what `find_garbage` gave.

    Returns:
        What was freed; a cell that a run began to work on meanwhile is left alone.
    """
    claims, freed = Claims(store), []
    claims.remove_dead()
    try:
        for one in found:
            if one.kind == "temporary files":
                store.discard(one.path)
            elif one.kind == "synthetic tables" and claims.acquire(one.key):
                store.discard(one.path)
                claims.release(one.key)
            if not os.path.lexists(one.path):
                freed.append(one)
    finally:
        claims.close()
    return freed


def set_aside_files(store: Store) -> tuple[int, int]:
    """Return how many files lie in ``set-aside`` and their size in bytes; nobody but a person removes them."""
    folder = store.root / "set-aside"
    return sum(1 for _ in _files(folder)), _size(folder)


def _needed_cells(store: Store) -> set[str]:
    needed: set[str] = set()
    names = store.suites()
    for name in names:
        suite = store.read_suite(name)
        if suite is None:
            _refuse(store.root / "suites" / f"{name}.json")
        else:
            needed.update(row.key for row in suite.rows)
    for path in sorted((store.root / "set-aside" / "suites").glob("*")):
        name = path.name.partition(".json")[0]
        if path.name.startswith(f"{name}.json") and name not in names:
            _refuse(path)
    return needed


def _refuse(path: Path) -> None:
    raise StoreError(f"{path}: cannot tell which cells this suite needs; run the suite again or remove the file")


def _title(store: Store, key: str) -> str:
    record = store.read_cell(key)
    if record is None:
        return f"{key}, a cell without a record"
    cell = record.cell
    return cell_title(cell.label, cell.dataset, cell.split, cell.seed)


def _files(path: Path) -> Iterator[Path]:
    return (one for one in (path, *path.rglob("*")) if one.is_file() and not one.is_symlink())


def _size(path: Path) -> int:
    total = 0
    for one in _files(path):
        with suppress(FileNotFoundError):  # a run may move it at the same time
            total += one.stat().st_size
    return total
