"""Rules for column names: which names mark sample ids, and which column matches a name that a user has given."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any, TypeVar

from pydantic import BaseModel

from tabgenbench.errors import DataError

__all__ = ["ID_NAMES", "is_id_name", "is_number", "is_pandas_index", "match_column", "match_columns", "match_roles"]

ID_NAMES = frozenset({"", "id", "index", "sample", "sample_id", "sampleid", "barcode", "row", "row_id"})
LISTS_OF_COLUMNS = ("conditions", "targets", "categorical_features", "ignore")
COLUMNS = ("group", "batch")
RolesT = TypeVar("RolesT", bound=BaseModel)
_PANDAS_INDEX = re.compile(r"Unnamed: 0(_level_\d+)?(\.\d+)*")


def is_id_name(name: str) -> bool:
    """Return whether a first column with this name contains sample ids.

    >>> is_id_name("Sample_ID"), is_id_name("Unnamed: 0"), is_id_name("age")
    (True, True, False)
    """
    return name.strip().lower() in ID_NAMES or is_pandas_index(name)


def is_pandas_index(name: str) -> bool:
    """Return whether pandas gives this name to an unnamed column of a CSV file, such as ``Unnamed: 0``."""
    return _PANDAS_INDEX.fullmatch(name.strip()) is not None


def is_number(text: str) -> bool:
    """Return whether a text is a number.

    >>> is_number("6.101"), is_number(" 1e3"), is_number("g1"), is_number("nan")
    (True, True, False, False)
    """
    return re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", text) is not None


def match_columns(asked: Iterable[str], columns: Collection[str], *, where: str) -> tuple[str, ...]:
    """Return the results of `match_column` for several names, without repetitions."""
    return tuple(dict.fromkeys(match_column(name, columns, where=where) for name in asked))


def match_column(asked: str, columns: Collection[str], *, where: str) -> str:
    """Return the column with this name or, without one, the column whose name is equal except for blanks at the ends.

    A name that matches no column is returned unchanged.

    Raises:
        DataError: no column has this name, and the names of several columns are equal to it except for blanks.
    """
    if asked in columns:
        return asked
    near = list(dict.fromkeys(column for column in columns if column.strip() == asked.strip()))
    if len(near) > 1:
        names = " and ".join(map(repr, near))
        raise DataError(f"{where}: {asked!r} may mean the columns {names}, expected one; rename one of them")
    return near[0] if near else asked


def match_roles(roles: RolesT, columns: Collection[str], *, where: str) -> RolesT:
    """Return a copy of a schema or card with each column name replaced by the result of `match_column`."""
    changes: dict[str, Any] = {}
    for field in type(roles).model_fields:
        given = getattr(roles, field)
        if field in LISTS_OF_COLUMNS and given:
            changes[field] = match_columns(given, columns, where=where)
        elif field in COLUMNS and given is not None:
            changes[field] = match_column(given, columns, where=where)
    return roles.model_copy(update={field: name for field, name in changes.items() if name != getattr(roles, field)})
