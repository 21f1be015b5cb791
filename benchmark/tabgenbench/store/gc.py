"""Removal of synthetic tables and models that no suite needs, and of files that dead processes left behind.

A suite needs the cells (trainings) that its last run requested. Records and scores are never removed. A removed table
or model can be recreated by training the generator again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tabgenbench.errors import StoreError
from tabgenbench.store.claims import Claims
from tabgenbench.store.store import Store

__all__ = ["Garbage", "find_garbage", "free", "quarantined_files"]


@dataclass(frozen=True)
class Garbage:
    """A file or folder that can be removed.

    Attributes:
        kind: ``synthetic tables``, ``model``, ``temporary files`` or ``claims`` (each claim is a file that marks a
            training as running).
        title: description of the file or folder.
        key: key of the cell (training) to which the file belongs, if any.
    """

    kind: str
    title: str
    path: Path
    size: int
    key: str = ""


def find_garbage(store: Store) -> list[Garbage]:
    """Return the files that can be removed, without changing anything.

    Raises:
        StoreError: a suite cannot be read, so the cells (trainings) that it needs are unknown.
    """
    needed, claims = _needed_cells(store), Claims(store)
    busy = claims.owners()
    found = []
    kinds = {"synthetic": "synthetic tables", "model": "model"}
    for folder in sorted(path for name in kinds for path in store.root.glob(f"cells/*/{name}")):
        key = folder.parent.name
        if key not in needed and key not in busy:
            record = store.read_cell(key)
            title = f"{key}, a cell without a record" if record is None else record.cell.title
            found.append(Garbage(kinds[folder.name], title, folder, _size(folder), key))
    found += [Garbage("temporary files", path.name, path, _size(path)) for path in store.dead_temporaries()]
    dead = [(key, store.root / "claims" / f"{key}.json") for key in claims.dead()]
    return found + [Garbage("claims", f"claim on {key}", path, _size(path), key) for key, path in dead]


def free(store: Store, found: list[Garbage]) -> list[Garbage]:
    """Remove garbage files, except those that a run has begun to use since `find_garbage`.

    Args:
        store: the store; its folder must be writable.
        found: the result of `find_garbage`.

    Returns:
        The removed garbage.
    """
    claims, freed = Claims(store), []
    claims.remove_dead()
    try:
        for one in found:
            if one.kind == "temporary files":
                store.discard(one.path)
            elif one.kind in ("synthetic tables", "model") and claims.acquire(one.key):
                store.discard(one.path)
                claims.release(one.key)
            if not os.path.lexists(one.path):
                freed.append(one)
    finally:
        claims.close()
    return freed


def quarantined_files(store: Store) -> tuple[int, int]:
    """Return the number and the total size in bytes of the files in ``quarantine``, the folder of unreadable files."""
    folder = store.root / "quarantine"
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
    for path in sorted((store.root / "quarantine" / "suites").glob("*")):
        name = path.name.partition(".json")[0]
        if path.name.startswith(f"{name}.json") and name not in names:
            _refuse(path)
    return needed


def _refuse(path: Path) -> None:
    raise StoreError(f"{path}: cannot tell which cells this suite needs; run the suite again or remove the file")


def _files(path: Path) -> Iterator[Path]:
    return (one for one in (path, *path.rglob("*")) if one.is_file() and not one.is_symlink())


def _size(path: Path) -> int:
    total = 0
    for one in _files(path):
        with suppress(FileNotFoundError):  # a run may have moved it
            total += one.stat().st_size
    return total
