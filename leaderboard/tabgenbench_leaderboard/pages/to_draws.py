"""The scores of every synthetic table (draw) as CSV or Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from tabgenbench.errors import ConfigError
from tabgenbench_leaderboard.board.draws import DRAW_FIELDS, DrawRow

__all__ = ["draws_csv", "draws_parquet", "has_parquet"]


def draws_csv(rows: Sequence[DrawRow]) -> str:
    """Return the rows as CSV, in which a missing value is an empty field."""
    fields = _fields(rows)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(fields)
    writer.writerows(row[: len(fields)] for row in rows)
    return buffer.getvalue()


def has_parquet() -> bool:
    """Return whether the package that writes Parquet is installed."""
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        return False
    return True


def draws_parquet(rows: Sequence[DrawRow]) -> bytes:
    """Return the rows as the content of a Parquet file.

    Raises:
        ConfigError: the package pyarrow is missing.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ConfigError(
            "--format: parquet needs the package pyarrow; install it: pip install 'tabgenbench[parquet]'"
        ) from None
    kinds = {bool: pyarrow.bool_(), int: pyarrow.int32(), float: pyarrow.float64(), str: pyarrow.string()}
    schema = pyarrow.schema([(name, kinds[kind]) for name, kind in _fields(rows).items()])
    columns = [[row[i] for row in rows] for i in range(len(schema))]
    table = pyarrow.Table.from_arrays(
        [pyarrow.array(column, kind) for column, kind in zip(columns, schema.types, strict=True)], schema=schema
    )
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table, buffer)
    return buffer.getvalue()


def _fields(rows: Sequence[DrawRow]) -> dict[str, type]:
    has_folds = any(row[-1] is not None for row in rows)
    return {name: kind for name, kind in DRAW_FIELDS.items() if name != "fold" or has_folds}
