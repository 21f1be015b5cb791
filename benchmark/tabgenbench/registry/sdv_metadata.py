"""Converts a metadata file (JSON) of the package SDV to the card (description) of a table.

SDV has two formats for one table: ``{"columns": {...}, "primary_key": ...}`` and
``{"tables": {"name": {"columns": {...}, "primary_key": ...}}}`` (https://docs.sdv.dev/sdv/concepts/metadata). This
module reads both formats. The kind of a column in SDV (``sdtype``) determines its use:

* ``numerical``: a feature;
* ``categorical``, ``ordinal`` and ``boolean``: a categorical feature, whose order is ignored;
* ``datetime``: a date, in the format of ``datetime_format`` if this field is given;
* ``id``, ``unknown`` and personal data such as ``email``: left out.

The primary key becomes the sample id. The sequence key, which has the same value in all rows of one entity, becomes the
group (the donor). No column becomes a condition, because the SDV format has no such role.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tabgenbench.errors import DataError, did_you_mean

__all__ = ["read_sdv_metadata"]

FIX = "save it with save_to_json of SDV"
LABELS = ("categorical", "ordinal", "boolean")
KINDS = ("numerical", *LABELS, "datetime", "id", "unknown")
PERSONAL = frozenset(  # sdtypes of personal data that need no ``"pii": true``
    """address administrative_unit city country_code credit_card_number email first_name iban ipv4_address
    ipv6_address last_name latitude license_plate longitude mac_address name phone_number postcode ssn state state_abbr
    street_address street_name swift11 user_agent_string vin""".split()
)


def read_sdv_metadata(path: Path) -> tuple[str, dict[str, Any]]:
    """Read SDV metadata, and return the name of the table (empty if missing) and the fields of its card.

    Raises:
        DataError: the file cannot be read, is not JSON, does not describe exactly one table, or contains an unknown
            kind of column.
    """
    name, table = _only_table(_read_json(path), path)
    columns = table.get("columns")
    if not isinstance(columns, dict) or not columns:
        raise DataError(f'{path}: has no "columns", expected an object with an entry for each column; {FIX}')
    kinds = {column: _kind(column, facts, path) for column, facts in columns.items()}
    keys = {key: table[key] for key in ("primary_key", "sequence_key") if isinstance(table.get(key), str)}
    for key, column in keys.items():
        if column not in columns:
            raise DataError(f"{path}: {key} is {column!r}, which is no column{did_you_mean(column, columns)}")
        kinds[column] = key
    forms = {column: columns[column].get("datetime_format") for column, kind in kinds.items() if kind == "datetime"}
    fields: dict[str, Any] = {
        "conditions": [],
        "categorical_features": [column for column, kind in kinds.items() if kind in LABELS],
        "date_formats": {column: form for column, form in forms.items() if form},
        "ignore": [column for column, kind in kinds.items() if kind == "left out"],
    }
    roles = {"primary_key": "id", "sequence_key": "group"}
    return name, fields | {roles[kind]: column for column, kind in kinds.items() if kind in roles}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path of the metadata") from None
    except ValueError as error:  # also bytes that are not UTF-8
        raise DataError(f"{path}: is not JSON ({error}); {FIX}") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: got a JSON {type(content).__name__}, expected the metadata of one table; {FIX}")
    return content


def _only_table(content: dict[str, Any], path: Path) -> tuple[str, dict[str, Any]]:
    if "tables" not in content:
        return "", content
    tables = content["tables"]
    if not isinstance(tables, dict) or len(tables) != 1:
        got = f"{len(tables)} tables" if isinstance(tables, dict | list) else repr(tables)
        raise DataError(f"{path}: describes {got}, expected one; save the metadata of one table to a file of its own")
    name, table = next(iter(tables.items()))
    if not isinstance(table, dict):
        raise DataError(f"{path}: table {name!r} is {table!r}, expected an object with columns; {FIX}")
    return name, table


def _kind(column: str, facts: Any, path: Path) -> str:
    kind = facts.get("sdtype") if isinstance(facts, dict) else None
    if not isinstance(kind, str):
        raise DataError(f"{path}: column {column!r} has no sdtype, expected one of {', '.join(KINDS)}; {FIX}")
    if kind in ("numerical", *LABELS, "datetime"):
        form = facts.get("datetime_format")
        if form is not None and not isinstance(form, str):
            raise DataError(
                f"{path}: column {column!r}: got the datetime_format {form!r}, expected text such as %Y-%m-%d"
            )
        return "left out" if facts.get("pii") is True else kind
    if kind in KINDS or kind in PERSONAL or facts.get("pii") is True:
        return "left out"
    raise DataError(
        f"{path}: column {column!r} has the sdtype {kind!r}, expected one of {', '.join(KINDS)}"
        f'{did_you_mean(kind, KINDS)}; correct it, or add "pii": true to leave the column out'
    )
