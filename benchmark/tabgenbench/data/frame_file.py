"""Reading of CSV, tab-separated text and Parquet into a frame with sample ids.

Error messages name the file, the column and the row. Texts such as NA are missing values in every column. A column that
contains any other text is read as text, and the caller must check whether the column should be numeric. If a blank
follows each delimiter, these blanks are removed.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from tabgenbench.data.column_names import ID_NAMES, is_id_name, is_pandas_index, match_column, match_columns
from tabgenbench.data.text_file import read_text
from tabgenbench.errors import DataError, did_you_mean

__all__ = [
    "ID_NAMES",
    "TABLE_SUFFIXES",
    "check_unique_names",
    "index_by_id",
    "is_text",
    "known_suffix",
    "read_frame",
    "readable",
    "suffix_of",
    "transposed",
]

DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
TABLE_SUFFIXES = (*DELIMITERS, *(suffix + ".gz" for suffix in DELIMITERS), ".parquet", ".h5ad")


def suffix_of(path: Path) -> str:
    """Return the suffix of a known file format in lower case, such as ``.csv.gz``; empty for other files."""
    name = path.name.lower()
    return next((suffix for suffix in TABLE_SUFFIXES if name.endswith(suffix)), "")


def read_frame(
    path: Path, *, ids: str | None = None, text: Collection[str] = (), missing: Collection[str] = ()
) -> pd.DataFrame:
    """Read a CSV, tab-separated or Parquet file.

    The sample ids are the column ``ids`` if it is given. Otherwise the first column contains the ids if it has no name,
    if its name is in `ID_NAMES`, if pandas wrote it as an index (``Unnamed: 0``), or if all its values are different
    texts and none is a number. A first column that ``text`` names is never used in this way. If there is no column of
    ids, rows are numbered from 1. `match_column` finds the columns that
    ``ids`` and ``text`` name, even if leading or trailing blanks differ.

    Args:
        path: a ``.csv``, ``.tsv`` or ``.txt`` file (each also with ``.gz``) or a ``.parquet`` file. Text may be
            compressed with gzip or encoded in UTF-16, regardless of the suffix.
        ids: name of the column of sample ids.
        text: columns of a text file to read as text even if they look like numbers, so that ``01`` stays ``01``.
        missing: texts that mean a missing value, in addition to the texts in `tabgenbench.data.text_file.MISSING`.

    Returns:
        One row per sample, indexed by unique sample ids (text). Numeric columns have a numeric dtype.

    Raises:
        DataError: the file is missing, empty, corrupt or of another format, or has duplicate ids or column names.
    """
    suffix = known_suffix(path)
    if suffix == ".h5ad":
        raise DataError(f"{path}: is an h5ad file, expected CSV, tab-separated text or Parquet; use read_table_file")
    with readable(path):
        frame = _read_frame(path, suffix, ids=ids, text=text, missing=missing)
    if frame.shape[0] == 0:
        raise DataError(f"{path}: has column names and no row, expected at least one row")
    check_unique_names(frame.columns, path)
    return index_by_id(frame, path, ids=ids, text=text)


def is_text(column: pd.Series) -> bool:
    """Return whether a column contains values other than numbers; booleans count as text."""
    return bool(pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column))


def known_suffix(path: Path) -> str:
    """Return the suffix of an existing file of a known format, or raise `DataError`."""
    if not path.exists():
        raise DataError(f"{path}: no such file; check the path")
    if path.is_dir():
        raise DataError(f"{path}: is a folder, expected a file")
    suffix = suffix_of(path)
    if not suffix:
        known = ", ".join(TABLE_SUFFIXES)
        raise DataError(f"{path}: exists, but is an unknown kind of file, expected one of {known}; save it as CSV")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: is empty, expected a table with column names")
    return suffix


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Convert an exception that a library raises for a corrupt file inside the ``with`` block to `DataError`."""
    try:
        yield
    except DataError:
        raise
    except UnicodeDecodeError:
        raise DataError(
            f"{path}: is not UTF-8 text, perhaps of another encoding such as Windows-1252; convert the file to UTF-8"
        ) from None
    except (OSError, EOFError, zlib.error, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise DataError(f"{path}: cannot be read ({reason}), expected a complete file; get it again") from None
    except (ValueError, csv.Error, KeyError) as error:  # pandas' ParserError and pyarrow's ArrowInvalid are ValueErrors
        reason = str(error).strip().partition("\n")[0].removeprefix("Error tokenizing data. C error: ")
        raise DataError(f"{path}: cannot be read as a table ({reason}); correct the file") from None


def _read_frame(
    path: Path, suffix: str, *, ids: str | None, text: Collection[str], missing: Collection[str]
) -> pd.DataFrame:
    if suffix == ".parquet":
        frame = _read_parquet(path)
        return frame.replace(list(missing), np.nan).infer_objects() if missing else frame
    return read_text(path, DELIMITERS[suffix.removesuffix(".gz")], ids=ids, text=text, missing=missing)


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        import pyarrow  # noqa: F401 - to report a missing package
    except ImportError:
        raise DataError(f"{path}: reading Parquet needs pyarrow; run: pip install 'tabgenbench[parquet]'") from None
    frame = pd.read_parquet(path, engine="pyarrow")
    frame.columns = frame.columns.astype(str)
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index(names=str(frame.index.name or ""))
        frame[frame.columns[0]] = frame.iloc[:, 0].astype(str)
    return frame


def transposed(frame: pd.DataFrame, where: Path | str) -> pd.DataFrame:
    """Return a frame from `read_frame` with rows and columns exchanged: its columns become samples.

    Raises:
        DataError: the rows have no ids, which are needed as names of the new columns.
    """
    if "ids" not in frame.attrs:
        raise DataError(f"{where}: rows have no names to become columns, expected a column of names; set id to it")
    turned = frame.T
    turned.index = turned.index.astype(str).rename(None)
    if not all(pd.api.types.is_numeric_dtype(kind) for kind in frame.dtypes):
        turned = turned.apply(_as_numbers)
    turned.attrs["ids"] = ""
    return turned


def _as_numbers(column: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce")
    return numbers if numbers.isna().equals(column.isna()) else column


def check_unique_names(columns: pd.Index, where: Path | str) -> None:
    """Raise `DataError` if two columns have the same name."""
    if columns.has_duplicates:
        twice = columns[columns.duplicated()][0]
        raise DataError(f"{where}: column {twice!r} occurs more than once, expected unique names; rename one")


def index_by_id(
    frame: pd.DataFrame, path: Path | str, *, ids: str | None = None, text: Collection[str] = ()
) -> pd.DataFrame:
    """Return a frame whose index is the unique sample ids as text; `read_frame` states how the ids are found.

    ``attrs["ids"]`` of the returned frame is the name of the column of sample ids, if there is one. If this column is
    an index that pandas wrote (``Unnamed: 0``), columns with older copies of the index (``Unnamed: 0.1``) are dropped.

    Raises:
        DataError: the column ``ids`` does not exist, or an id is missing or occurs twice (the message names the row).
    """
    column = match_column(ids, frame.columns, where=str(path)) if ids is not None else _id_column(frame, text)
    if column is None:
        return frame.set_axis(pd.RangeIndex(1, len(frame) + 1).astype(str).astype(object), axis=0)
    if column not in frame.columns:
        raise DataError(f"{path}: no column {column!r} of sample ids{did_you_mean(column, frame.columns)}")
    labels = frame[column]
    if labels.isna().any():
        raise DataError(f"{path}: row {int(labels.isna().to_numpy().argmax()) + 1} has no sample id; give it one")
    repeated = labels.duplicated().to_numpy()
    if repeated.any():
        value = labels.iloc[int(repeated.argmax())]
        rows = " and ".join(str(i + 1) for i in np.nonzero((labels == value).to_numpy())[0][:2])
        where = f"column {column!r}, " if column else ""
        raise DataError(
            f"{path}: {where}sample id {str(value)!r} occurs in rows {rows}, expected unique ids; rename one"
        )
    copies = [name for name in frame.columns[1:] if is_pandas_index(column) and is_pandas_index(name)]
    frame = frame.drop(columns=[column, *copies])
    frame = frame.set_axis(pd.Index(labels.astype(str), dtype=object, name=None), axis=0)
    frame.attrs["ids"] = column
    return frame


def _id_column(frame: pd.DataFrame, text: Collection[str]) -> str | None:
    name = str(frame.columns[0])
    if name in match_columns(text, frame.columns, where=name):
        return None
    first = frame.iloc[:, 0]
    if is_id_name(name):
        return name
    is_name = len(frame) > 1 and is_text(first) and first.is_unique
    return name if is_name and pd.to_numeric(first, errors="coerce").isna().all() else None
