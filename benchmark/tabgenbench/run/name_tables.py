"""Names of synthetic tables that are scored together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tabgenbench.data.frame_file import suffix_of
from tabgenbench.errors import DataError
from tabgenbench.run.read_scored import Data

__all__ = ["file_stem", "is_one_table", "name_tables"]


def is_one_table(synthetic: Any) -> bool:
    """Return whether a value is one synthetic table, and not a folder, list or dictionary of tables."""
    if isinstance(synthetic, str | Path):
        return not Path(synthetic).expanduser().is_dir()
    return not isinstance(synthetic, Mapping | list | tuple)


def name_tables(synthetic: Any) -> dict[str, Data]:
    """Return the synthetic tables in a dictionary by name; the name of a file is used without its suffix.

    Args:
        synthetic: a path of a file or a folder of files, a list of paths, a dictionary of tables by name, or one table
            in memory, which gets the name ``synthetic``.

    Raises:
        DataError: there is no table, a folder contains no table, two tables have the same name, or a list of several
            items contains a table in memory, which has no name.
    """
    if isinstance(synthetic, Mapping):
        found = [(str(name), table) for name, table in synthetic.items()]
    else:
        listed = synthetic if isinstance(synthetic, list | tuple) else [synthetic]
        found = [pair for one in listed for pair in _named(one, alone=len(listed) == 1)]
    named: dict[str, Data] = {}
    for name, table in found:
        if name in named:
            places = f"{named[name]} and {table}" if isinstance(table, str | Path) else "two tables"
            raise DataError(f"synthetic tables: {places} have the same name, {name!r}; rename one of them")
        named[name] = table
    if not named:
        raise DataError("synthetic tables: got none, expected at least one; name a file or a folder of files")
    return named


def _named(table: Data, *, alone: bool) -> list[tuple[str, Data]]:
    if not isinstance(table, str | Path):
        if not alone:
            raise DataError("synthetic tables: a table in a list has no name; pass a dict that maps names to tables")
        return [("synthetic", table)]
    path = Path(table).expanduser()
    if not path.is_dir():
        return [(file_stem(path), path)]
    files = sorted(one for one in path.iterdir() if one.is_file() and suffix_of(one))
    if not files:
        raise DataError(f"{path}: the folder contains no table; expected CSV, Parquet or h5ad files")
    return [(file_stem(file), file) for file in files]


def file_stem(path: Path) -> str:
    """Return the name of a file without the suffix of its format, such as ``a`` for ``a.csv.gz``."""
    return path.name[: len(path.name) - len(suffix_of(path))]
