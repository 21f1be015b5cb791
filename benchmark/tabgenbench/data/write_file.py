"""Writing of a synthetic table to a user's file: CSV, tab-separated text, Parquet or h5ad."""

from __future__ import annotations

import gzip
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

import pandas as pd

from tabgenbench.data.file_form import layout_of, to_frame, with_open_gaps
from tabgenbench.data.frame_file import DELIMITERS, TABLE_SUFFIXES, suffix_of
from tabgenbench.data.h5ad import write_table
from tabgenbench.data.table import Table
from tabgenbench.errors import DataError

__all__ = ["check_target", "write_file"]


def check_target(path: Path, *, overwrite: bool = False) -> None:
    """Check whether a table can be written to a path, and raise `DataError` if not; no file is changed.

    Args:
        path: the file; its suffix decides the format.
        overwrite: whether an existing file may be replaced.
    """
    if not suffix_of(path):
        raise DataError(f"{path}: unknown kind of file, expected one of {', '.join(TABLE_SUFFIXES)}; rename it")
    if path.is_dir():
        raise DataError(f"{path}: is a folder, expected a file; name a file in it")
    if path.exists() and not overwrite:
        raise DataError(f"{path}: already exists; choose another name, or add --overwrite")
    if not path.parent.is_dir():
        raise DataError(f"{path}: there is no folder {path.parent}; create it first")
    if not os.access(path.parent, os.W_OK | os.X_OK) or not path.parent.stat().st_mode & 0o222:
        raise DataError(f"{path}: cannot write to {path.parent.absolute()}; name a folder that you may write to")
    if suffix_of(path) == ".parquet":
        _require_pyarrow(path)


def write_file(table: Table, path: Path, *, overwrite: bool = False) -> pd.DataFrame:
    """Write a table to a file, and return a frame with the columns and formats of the original file.

    The table must be on the dataset's own scale. CSV, text and Parquet files contain the returned frame. An h5ad file
    contains the numeric features in ``X`` (NaN if missing), the other columns in ``obs``, and their roles in ``uns``.

    Raises:
        DataError: the file cannot be written; an existing file then stays unchanged.
    """
    check_target(path, overwrite=overwrite)
    frame, suffix = to_frame(table), suffix_of(path)
    with _replacing(path) as temporary:
        if suffix == ".h5ad":
            write_table(table if table.schema.per_10k else replace(table, X=with_open_gaps(table)), temporary)
        elif suffix == ".parquet":
            frame.to_parquet(temporary, index=False, engine="pyarrow")
        else:
            written = frame.assign(**_without_points(frame, table))
            with _text(temporary, suffix) as file:
                written.to_csv(file, sep=DELIMITERS[suffix.removesuffix(".gz")], index=False)
    return frame


def _without_points(frame: pd.DataFrame, table: Table) -> dict[str, pd.Series]:
    """Return whole-number columns with gaps as nullable integers, so that text files show no decimal points."""
    with_gaps = {gap.column for gap in table.schema.gaps}
    return {
        one.name: frame[one.name].astype("Int64")
        for one in layout_of(table).columns
        if one.name in with_gaps and one.kind == "whole number" and pd.api.types.is_float_dtype(frame[one.name])
    }


def _require_pyarrow(path: Path) -> None:
    try:
        import pyarrow  # noqa: F401 - to report a missing package
    except ImportError:
        raise DataError(f"{path}: writing Parquet needs pyarrow; run: pip install 'tabgenbench[parquet]'") from None


@contextmanager
def _text(path: Path, suffix: str) -> Iterator[IO[str]]:
    """Open a text file for writing; compressed files have no time stamp, so that equal texts give equal files."""
    if not suffix.endswith(".gz"):
        with path.open("w", encoding="utf-8", newline="") as file:
            yield file
        return
    import io

    with path.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed:
        with io.TextIOWrapper(packed, encoding="utf-8", newline="") as file:
            yield file


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    temporary = path.with_name(f".{secrets.token_hex(6)}{suffix_of(path)}")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise DataError(f"{path}: cannot be written ({reason}); name another file") from None
    finally:
        temporary.unlink(missing_ok=True)
