"""Reading CSV, tab-separated text and Parquet into a frame with sample ids.

Error messages name the file, the column and the row. The texts of `MISSING` are missing values in every column. Any
other text in a column of numbers is kept, for the caller to refuse. Blanks that follow each delimiter are removed.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from tabgenbench.errors import DataError, did_you_mean

__all__ = [
    "BLANKS",
    "ID_NAMES",
    "LEADING_ZEROS",
    "MISSING",
    "TABLE_SUFFIXES",
    "index_by_id",
    "is_text",
    "known_suffix",
    "read_frame",
    "readable",
    "suffix_of",
]

DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
TABLE_SUFFIXES = (*DELIMITERS, *(suffix + ".gz" for suffix in DELIMITERS), ".parquet", ".h5ad")
MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "#N/A")
LEADING_ZEROS = "leading zeros"  # key in the attributes of a frame: columns of numbers of which some begin with 0
BLANKS = "blanks"  # key in the attributes of a frame: whether blanks before the values were removed
LOOKED_AT = 1_000  # rows that are searched for leading zeros and leading blanks
ID_NAMES = frozenset({"", "id", "index", "sample", "sample_id", "sampleid", "barcode", "row", "row_id"})


def suffix_of(path: Path) -> str:
    """Return the suffix of a known file format in lower case, such as ``.csv.gz``; empty for other files."""
    name = path.name.lower()
    return next((suffix for suffix in TABLE_SUFFIXES if name.endswith(suffix)), "")


def read_frame(
    path: Path, *, ids: str | None = None, text: Collection[str] = (), missing: Collection[str] = ()
) -> pd.DataFrame:
    """Read a CSV, tab-separated or Parquet file.

    The sample ids are the column ``ids`` if given; else the first column, if it has no name, a name in `ID_NAMES`, or
    text without repeated values; else rows are numbered from 1.

    Args:
        path: a ``.csv``, ``.tsv`` or ``.txt`` file (each also with ``.gz``) or a ``.parquet`` file.
        ids: name of the column of sample ids.
        text: columns to read as text even if they look like numbers, so that ``01`` stays ``01``.
        missing: texts that mean a missing value, beside those of `MISSING`.

    Returns:
        One row per sample, indexed by unique sample ids (text). Numeric columns have a numeric dtype.

    Raises:
        DataError: the file is missing, empty, corrupt or of another format, or has duplicate ids or column names.
    """
    suffix = known_suffix(path)
    if suffix == ".h5ad":
        raise DataError(f"{path}: is an h5ad file, expected CSV, tab-separated text or Parquet; use read_table_file")
    with readable(path):
        frame = (
            _read_parquet(path)
            if suffix == ".parquet"
            else _read_text(path, suffix, text=(*text, ids), missing=missing, with_ids=ids is None)
        )
        if suffix == ".parquet" and missing:
            frame = frame.replace(list(missing), np.nan).infer_objects()
    if frame.shape[0] == 0:
        raise DataError(f"{path}: has column names and no row, expected at least one row")
    return index_by_id(frame, path, ids=ids, text=text)


def is_text(column: pd.Series) -> bool:
    """Return whether a column contains values other than numbers; booleans count as text."""
    return bool(pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column))


def known_suffix(path: Path) -> str:
    """Return `suffix_of` an existing file, or raise `DataError`."""
    if not path.exists():
        raise DataError(f"{path}: no such file; check the path")
    if path.is_dir():
        raise DataError(f"{path}: is a folder, expected a file")
    suffix = suffix_of(path)
    if not suffix:
        raise DataError(f"{path}: unknown kind of file, expected one of {', '.join(TABLE_SUFFIXES)}")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: is empty, expected a table with column names")
    return suffix


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn exceptions of libraries about a corrupt file into a `DataError`."""
    try:
        yield
    except DataError:
        raise
    except UnicodeDecodeError:
        raise DataError(f"{path}: is not UTF-8 text; convert the file to UTF-8") from None
    except (OSError, EOFError, zlib.error, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise DataError(f"{path}: cannot be read ({reason}), expected a complete file; get it again") from None
    except (ValueError, csv.Error, KeyError) as error:  # pandas' ParserError and pyarrow's ArrowInvalid are ValueErrors
        reason = str(error).strip().partition("\n")[0].removeprefix("Error tokenizing data. C error: ")
        raise DataError(f"{path}: cannot be read as a table ({reason}); correct the file") from None


def _open_text(path: Path, suffix: str) -> IO[str]:
    if suffix.endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _read_text(
    path: Path, suffix: str, *, text: Collection[str | None], missing: Collection[str], with_ids: bool
) -> pd.DataFrame:
    delimiter = DELIMITERS[suffix.removesuffix(".gz")]
    names, lines = _column_names(path, suffix, delimiter)
    kept_as_text = {j for j, name in enumerate(names) if name in text}
    if with_ids and names[0].strip().lower() in ID_NAMES:
        kept_as_text.add(0)
    common: dict[str, Any] = {
        "sep": delimiter,
        "header": None,
        "names": range(len(names)),
        "skiprows": lines,
        "keep_default_na": False,
        "na_values": [*MISSING, *missing],
    }
    kept = dict.fromkeys(kept_as_text, str)
    first = pd.read_csv(path, dtype=str, nrows=LOOKED_AT, **common)
    is_spaced = _begin_with_blanks(first)
    if is_spaced:
        common["skipinitialspace"] = True
    frame: pd.DataFrame = pd.read_csv(path, dtype=kept, float_precision="round_trip", low_memory=False, **common)
    whole = [j for j in frame.columns if pd.api.types.is_integer_dtype(frame[j])]
    zeros = [names[j] for j in whole if first[j].str.match(r"0\d").any()]
    frame.columns = pd.Index(names, dtype=object)
    frame.attrs |= {LEADING_ZEROS: zeros, BLANKS: is_spaced}
    return frame


def _begin_with_blanks(first: pd.DataFrame) -> bool:
    """Return whether every value of some column begins with a blank, as where a blank follows each comma.

    Such a blank means nothing: the category is ``Private``, not ``" Private"``, and ``" ?"`` may be a missing value.
    """
    row = first.iloc[0, 1:] if len(first) else pd.Series(dtype=object)
    candidates = row.index[row.astype(str).str.startswith(" ").to_numpy(dtype=bool)]
    return any(first[name].dropna().str.startswith(" ").all() for name in candidates)


def _column_names(path: Path, suffix: str, delimiter: str) -> tuple[list[str], int]:
    """Return the column names, without blanks that follow each delimiter, and the number of header lines.

    If the first row has one cell more than there are names, the column of ids has no name.
    """
    with _open_text(path, suffix) as handle:
        reader = csv.reader(handle, delimiter=delimiter)
        names = next(reader, [])
        lines = reader.line_num
        first = next(reader, [])
    if len(names) > 1 and all(name.startswith(" ") for name in names[1:]):
        names = [name.strip() for name in names]
    if not any(name.strip() for name in names):
        raise DataError(f"{path}: the first line is empty, expected column names")
    if len(first) == len(names) + 1:
        names = ["", *names]
    if first and len(first) != len(names):
        raise DataError(f"{path}: the first row has {len(first)} cells for {len(names)} column names; correct the file")
    for position, name in enumerate(names[1:], start=2):
        if not name.strip():
            raise DataError(f"{path}: column {position} has no name, expected one; name it or remove the column")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"{path}: column {twice[0]!r} occurs more than once, expected unique names; rename one")
    return names, lines


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


def index_by_id(
    frame: pd.DataFrame, path: Path | str, *, ids: str | None = None, text: Collection[str] = ()
) -> pd.DataFrame:
    """Return a frame indexed by unique sample ids (text), found as `read_frame` says.

    Raises:
        DataError: there is no such column, or an id is missing or occurs twice; names the row.
    """
    column = ids if ids is not None else _id_column(frame, text)
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
    frame = frame.drop(columns=[column])
    frame.attrs["ids"] = column
    return frame.set_axis(pd.Index(labels.astype(str), dtype=object, name=None), axis=0)


def _id_column(frame: pd.DataFrame, text: Collection[str]) -> str | None:
    name = str(frame.columns[0])
    if name in text:
        return None
    first = frame.iloc[:, 0]
    if name.strip().lower() in ID_NAMES:
        return name
    is_name = len(frame) > 1 and is_text(first) and first.is_unique
    return name if is_name and pd.to_numeric(first, errors="coerce").isna().all() else None
