"""Version of the file format (schema) of a store, and migration of records that have an older version.

The version is in ``store.json`` at the top of a store, and in every record. A migration converts the content of a
record from one version to the next version. Records are migrated in memory when they are read, so even an old store
without write permission can be read. The key (hash) of a training includes the version. A program with a newer version
therefore repeats the training instead of mixing new and old results.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from tabgenbench.errors import StoreError
from tabgenbench.records import SCHEMA_VERSION

__all__ = ["MIGRATIONS", "Marker", "Migration", "check_version", "migrate"]

Migration = Callable[[str, dict[str, Any]], dict[str, Any]]

# Migrations by the version from which each migration starts. A migration gets the kind of a record (such as
# "CellRecord") and the content of the record.
MIGRATIONS: Mapping[int, Migration] = {}


class Marker(BaseModel):
    """``store.json``."""

    model_config = ConfigDict(extra="allow")

    schema_version: int
    program: str = ""


def check_version(where: Path, marker: Marker, migrations: Mapping[int, Migration]) -> None:
    """Raise `StoreError` if the version of records is newer than this program's, or a migration is missing.

    The error message names ``where``, the store or the record.
    """
    found, program = marker.schema_version, f" (tabgenbench {marker.program})" if marker.program else ""
    if found > SCHEMA_VERSION:
        raise StoreError(
            f"{where}: written with schema version {found}{program}, this program reads versions up to "
            f"{SCHEMA_VERSION}; upgrade it: pip install --upgrade tabgenbench"
        )
    if any(step not in migrations for step in range(found, SCHEMA_VERSION)):
        raise StoreError(
            f"{where}: written with schema version {found}{program}, from which no migration leads to "
            f"{SCHEMA_VERSION}, that of this program; run the suite again into a new folder (tabgenbench run SUITE "
            f"--store NEW), or read it with the program that wrote it"
        )


def migrate(kind: str, content: dict[str, Any], *, found: int, migrations: Mapping[int, Migration]) -> dict[str, Any]:
    """Return the content of a record of version ``found``, migrated to this program's version."""
    for step in range(found, SCHEMA_VERSION):
        content = migrations[step](kind, content)
    return {**content, "schema_version": SCHEMA_VERSION}
