"""Reading of delimited text, after a check of encoding, compression, delimiter and column names."""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import closing
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from tabgenbench.data.column_names import is_id_name, is_number, match_columns
from tabgenbench.errors import DataError
from tabgenbench.formatting import count_text

__all__ = ["BLANKS", "LEADING_ZEROS", "MISSING", "SHORT_ROWS", "read_text"]

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "#N/A")  # missing values in every column
LEADING_ZEROS = "leading zeros"  # key in the attributes of a frame: columns of numbers of which some begin with 0
BLANKS = "blanks"  # key in the attributes of a frame: whether blanks before the values were removed
SHORT_ROWS = "short rows"  # key in the attributes of a frame: number of lines with fewer cells than columns
LOOKED_AT = 1_000  # rows that are searched for leading zeros and leading blanks

DELIMITER_NAMES = {";": "';'", "\t": "tabs", ",": "','", "|": "'|'"}
FORMATS = {  # formats that are not text, by the first bytes of a file
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"PAR1": "a Parquet file",
    b"\x89HDF": "an HDF5 file, such as h5ad",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"\x28\xb5\x2f\xfd": "a zstd file",
}
GZIP = b"\x1f\x8b"
UTF16 = (b"\xff\xfe", b"\xfe\xff")


def read_text(
    path: Path, delimiter: str, *, ids: str | None, text: Collection[str], missing: Collection[str] = ()
) -> pd.DataFrame:
    """Read delimited text, which may be compressed with gzip or encoded in UTF-16, regardless of its suffix.

    Args:
        path: the file, not empty.
        delimiter: expected delimiter.
        ids: name of the column of sample ids, which is read as text.
        text: other columns to read as text.
        missing: texts that mean a missing value, in addition to the texts in `MISSING`.

    Raises:
        DataError: the file is not text, has another delimiter, or its first line does not contain unique column names.
    """
    compressed, encoding = _form(path)
    names, lines = _column_names(path, delimiter, compressed=compressed, encoding=encoding)
    asked = match_columns([*text, *([ids] if ids is not None else [])], names, where=str(path))
    kept_as_text = {names.index(name) for name in asked if name in names}
    if ids is None and is_id_name(names[0]):
        kept_as_text.add(0)
    common: dict[str, Any] = {
        "compression": "gzip" if compressed else None,
        "encoding": encoding.removesuffix("-sig"),
        "sep": delimiter,
        "header": None,
        "names": range(len(names)),
        "skiprows": lines,
        "keep_default_na": False,
        "na_values": [*MISSING, *missing],
    }
    kinds = dict.fromkeys(kept_as_text, str)
    first = pd.read_csv(path, dtype=str, nrows=LOOKED_AT, **common)
    is_spaced = _begin_with_blanks(first)
    if is_spaced:
        common["skipinitialspace"] = True
    frame: pd.DataFrame = pd.read_csv(path, dtype=kinds, float_precision="round_trip", low_memory=False, **common)
    infinite = [j for j, kind in enumerate(frame.dtypes) if kind.kind == "f" and np.isinf(frame[j].to_numpy()).any()]
    if infinite:
        written = pd.read_csv(path, usecols=infinite, dtype=str, **common)
        for j in infinite:
            if written[j][np.isinf(frame[j])].map(is_number).any():  # 1e999 is too large; it must not pass as infinity
                frame[j] = written[j]
    whole = [j for j in frame.columns if pd.api.types.is_integer_dtype(frame[j])]
    zeros = [names[j] for j in whole if first[j].str.match(r"0\d").any()]
    frame.columns = pd.Index(names, dtype=object)
    frame.attrs |= {LEADING_ZEROS: zeros, BLANKS: is_spaced}
    if frame.iloc[:, -1].isna().any():
        with closing(_open(path, compressed=compressed, encoding=encoding)) as handle:
            cells = map(len, csv.reader(handle, delimiter=delimiter))
            next(cells)  # skip the header, which may lack the name of the ids
            frame.attrs[SHORT_ROWS] = sum(0 < n < len(names) for n in cells)
    _check_header(frame, path)
    return frame


def _begin_with_blanks(first: pd.DataFrame) -> bool:
    row = first.iloc[0, 1:] if len(first) else pd.Series(dtype=object)
    candidates = row.index[row.astype(str).str.startswith(" ").to_numpy(dtype=bool)]
    return any(first[name].dropna().str.startswith(" ").all() for name in candidates)


def _form(path: Path) -> tuple[bool, str]:
    with path.open("rb") as handle:
        start = handle.read(1024)
    compressed = start.startswith(GZIP)
    if compressed:
        with gzip.open(path) as handle:
            start = handle.read(1024)
    found = next((name for first, name in FORMATS.items() if start.startswith(first)), "")
    if found:
        raise DataError(f"{path}: is {found}, expected text; rename it by its kind or export the table as CSV")
    if start.startswith(UTF16):
        return compressed, "utf-16"
    if b"\0" in start:
        raise DataError(
            f"{path}: contains zero bytes, expected UTF-8 text; if it is UTF-16 without a byte order mark, convert it"
        )
    return compressed, "utf-8-sig"


def _open(path: Path, *, compressed: bool, encoding: str) -> IO[str]:
    if compressed:
        return io.TextIOWrapper(gzip.open(path), encoding=encoding, newline="")
    return path.open(encoding=encoding, newline="")


def _column_names(path: Path, delimiter: str, *, compressed: bool, encoding: str) -> tuple[list[str], int]:
    """Return the column names, without blanks that follow each delimiter, and the number of header lines.

    If the first row has one value more than the header, the first column contains ids and has no name.
    """
    with closing(_open(path, compressed=compressed, encoding=encoding)) as handle:
        reader = csv.reader(handle, delimiter=delimiter)
        names = next(reader, [])
        lines = reader.line_num
        first = next(reader, [])
    if len(names) > 1 and all(name.startswith(" ") for name in names[1:]):
        names = [name.strip() for name in names]
    if not any(name.strip() for name in names):
        raise DataError(f"{path}: the first line is empty, expected column names")
    if len(names) == 1 or len(first) not in (len(names), len(names) + 1):
        _check_delimiter(path, delimiter, delimiter.join(names), delimiter.join(first))
    if len(first) == len(names) + 1:
        names = ["", *names]
    if first and len(first) != len(names):
        cells, columns = count_text(len(first), "cell"), count_text(len(names), "column name")
        raise DataError(
            f"{path}: the first row has {cells} for {columns}, expected as many; the first line must be the column "
            "names, without a comment or a title above it"
        )
    for position, name in enumerate(names[1:], start=2):
        if not name.strip():
            raise DataError(f"{path}: column {position} has no name, expected one; name it or remove the column")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice and is_number(twice[0]):
        raise _no_header(path, names)
    if twice:
        raise DataError(f"{path}: column {twice[0]!r} occurs more than once, expected unique names; rename one")
    return names, lines


def _check_delimiter(path: Path, delimiter: str, header: str, row: str) -> None:
    found = max(DELIMITER_NAMES, key=header.count)
    if header.count(found) <= header.count(delimiter) or (row and found not in row):
        return
    expected = DELIMITER_NAMES[delimiter]
    suffix = {",": " or rename the file to .csv", "\t": " or rename the file to .tsv"}.get(found, "")
    decimal = " and a point as the decimal sign" if found == ";" else ""
    problem = f"is separated by {DELIMITER_NAMES[found]}, expected {expected}"
    raise DataError(f"{path}: {problem}; save it with {expected}{decimal}{suffix}")


def _check_header(frame: pd.DataFrame, path: Path) -> None:
    """Raise `DataError` if the column names look like a row of values.

    Column names look like values if every numeric column has a number as its name and at least half of these numbers
    lie in the range of their column. Evenly spaced whole numbers, such as the years 2001, 2002 and 2003, are accepted.
    Wavelengths as column names of spectra are accepted too, because they lie outside the range of the values.
    """
    numeric = [j for j, kind in enumerate(frame.dtypes) if pd.api.types.is_numeric_dtype(kind)]
    names = [str(frame.columns[j]) for j in numeric]
    if not names or len(frame) < 2 or not all(map(is_number, names)):
        return
    values = pd.Series([float(name) for name in names])
    steps = values.diff().iloc[1:].unique()
    if (values == values.round()).all() and len(steps) < 2 and (len(values) != 2 or steps[0] == 1):
        return
    columns = frame.iloc[:, numeric]
    low, high = columns.min().to_numpy(), columns.max().to_numpy()
    if ((low <= values) & (values <= high)).mean() >= 0.5:
        raise _no_header(path, list(frame.columns))


def _no_header(path: Path, names: Sequence[str]) -> DataError:
    shown = ", ".join(repr(name) for name in names[:4]) + (", ..." if len(names) > 4 else "")
    return DataError(
        f"{path}: column names are numbers ({shown}), is the header missing? Add a first line of column names"
    )
