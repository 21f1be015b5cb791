"""Columns of a file as columns of a table and back: dates, whole numbers, categories, gaps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench.data.layout import Column, Layout
from tabgenbench.data.schema import DateFeature, DateUnit, Gap, Schema
from tabgenbench.data.table import Table
from tabgenbench.errors import DataError

__all__ = ["DATE_FORMATS", "date_feature", "encoded_frame", "find_date_format", "labels_of", "to_frame"]

_DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d %b %Y", "%d-%b-%Y", "%b %d, %Y")
_TIMES = ("", " %H:%M", " %H:%M:%S", "T%H:%M", "T%H:%M:%S")
DATE_FORMATS = tuple(day + time for time in _TIMES for day in _DAYS)
NANOSECONDS: dict[DateUnit, int] = {
    "day": 86_400 * 10**9,
    "hour": 3_600 * 10**9,
    "minute": 60 * 10**9,
    "second": 10**9,
}
LIKE_A_DATE = r"\d{1,4}[-/. ]|[A-Za-z]{3} \d"
ENOUGH = 100  # values that decide which formats are worth trying on a whole column
MOST = 0.9  # share of values of a column of dates that are dates; the others are faults


def labels_of(column: pd.Series) -> pd.Series:
    """Return the values of a categorical column as text; missing values stay missing. Whole numbers have no point."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if pd.api.types.is_float_dtype(column) and is_whole(column):
        column = column.astype("Int64")
    return column.astype("string").astype(object).where(column.notna(), None)


def is_whole(column: pd.Series) -> bool:
    """Return whether all present numbers of a column are whole."""
    values = column.dropna().to_numpy(dtype=np.float64)
    return bool(np.isfinite(values).all() and (values == np.rint(values)).all())


def find_date_format(column: pd.Series, where: str) -> str:
    """Return the format of a column of text whose values are dates, or '' if they are not.

    Args:
        column: text; missing values are ignored.
        where: the file and the column, for the message.

    Raises:
        DataError: most values are dates of one format and others are not; names the row.
    """
    filled = column.dropna().astype(str)
    first = filled.iloc[:ENOUGH]
    if not first.str.match(LIKE_A_DATE).any():
        return ""
    candidates = [one for one in DATE_FORMATS if len(first) and _parsed(first, one).notna().mean() > 0.5]
    best, share = "", 0.0
    for one in candidates:
        found = float(_parsed(filled, one).notna().mean())
        if found > share:
            best, share = one, found
    if share == 1.0 or share == 0.0:
        return best
    wrong = _parsed(filled, best).isna().to_numpy()
    row, value = filled.index[int(wrong.argmax())], filled.iloc[int(wrong.argmax())]
    others = filled[wrong]
    is_date = any(_parsed(others.iloc[:1], one).notna().all() for one in DATE_FORMATS)
    if not is_date and share < MOST:
        return ""
    example = filled.iloc[int((~wrong).argmax())]
    raise DataError(
        f"{where}, row {row!r}: got {value!r}, expected a date of the format of {example!r}; use one format, list the "
        "value under missing_values, or ignore the column"
    )


def _parsed(values: pd.Series, form: str) -> pd.Series:
    return pd.to_datetime(values, format=form, errors="coerce", exact=True)


def date_feature(column: pd.Series, form: str, where: str) -> DateFeature:
    """Return how a column of dates becomes a numeric feature: whole units since its first date.

    The unit is the coarsest in which every date is a whole number.

    Args:
        column: text of this format, or datetime64; missing values are ignored.
        form: format of the dates.
        where: the file and the column, for the message.

    Raises:
        DataError: the dates are finer than seconds, or so far apart that float32 merges some of them.
    """
    stamps = _stamps(column, form).dropna()
    since = (stamps - stamps.min()).to_numpy().astype("timedelta64[ns]").astype(np.int64)
    unit = next((name for name, size in NANOSECONDS.items() if not (since % size).any()), None)
    if unit is None:
        raise DataError(f"{where}: has times finer than a second, expected whole seconds; round it or ignore it")
    whole = since // NANOSECONDS[unit]
    if len(np.unique(whole)) > len(np.unique(whole.astype(np.float32))):
        raise DataError(
            f"{where}: its times span {whole.max():,} {unit}s, so that float32 merges some, expected at most "
            "16,777,216; round it to a coarser unit, or ignore it"
        )
    return DateFeature(column=str(column.name), unit=unit, origin=stamps.min().isoformat(), format=form)


def _stamps(column: pd.Series, form: str) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(column):
        return column if column.dt.tz is None else column.dt.tz_convert(None)
    return pd.to_datetime(column, format=form, errors="coerce", exact=True)


def encoded_frame(frame: pd.DataFrame, schema: Schema, where: str) -> pd.DataFrame:
    """Return a frame of numbers and labels: dates as offsets, gaps as categories and companion columns.

    Missing values of numeric features stay NaN. Columns keep their order; companions follow.

    Raises:
        DataError: a value is not a date of its column's format; names the row.
    """
    changed: dict[str, Any] = {}
    for date in schema.dates:
        changed[date.column] = _offsets(frame[date.column], date, where)
    own_gaps = {gap.column: gap for gap in schema.gaps if gap.column == gap.shown_by}
    for name in (*schema.conditions, *schema.categorical_features):
        if name in frame.columns:
            labels = labels_of(frame[name])
            changed[name] = labels if name not in own_gaps else labels.where(frame[name].notna(), own_gaps[name].value)
    for gap in schema.numeric_gaps():
        changed[gap.shown_by] = _companion(frame[gap.column], gap)
    return frame.assign(**changed)


def _offsets(column: pd.Series, date: DateFeature, where: str) -> NDArray[np.float64]:
    stamps = _stamps(column, date.format)
    wrong = (stamps.isna() & column.notna()).to_numpy()
    if wrong.any():
        row, value = column.index[int(wrong.argmax())], column.iloc[int(wrong.argmax())]
        example = pd.Timestamp(date.origin).strftime(date.format)
        raise DataError(
            f"{where}: column {date.column!r}, row {row!r}: got {value!r}, expected a date of the format of {example!r}"
        )
    since = (stamps - pd.Timestamp(date.origin)) / pd.Timedelta(NANOSECONDS[date.unit], "ns")
    return np.asarray(since, dtype=np.float64)


def _companion(column: pd.Series, gap: Gap) -> NDArray[np.object_]:
    return np.where(column.isna(), gap.value, other_value(gap)).astype(object)


def other_value(gap: Gap) -> str:
    """Return the value of a companion column where its feature has a value."""
    return "no" if gap.value == "yes" else f"not {gap.value}"


def to_frame(table: Table) -> pd.DataFrame:
    """Return a table on its own scale as a frame in the form of the file it comes from.

    The columns have the order, names, types, dates and categories of `Source.layout`. Columns that no generator makes
    (ids, groups, free text) are left out; columns with one value in every row have that value. Without a layout, the
    columns of ``obs`` come first, then the features.
    """
    layout = table.source.layout
    made = {name: str(name) for name in (*table.obs.columns, *table.features)}
    companions = {gap.shown_by for gap in table.schema.numeric_gaps()}
    if layout is None:
        columns = [Column(name=name, kind="category", role="condition") for name in table.obs.columns]
        columns += [Column(name=name, kind="number", role="feature") for name in table.features]
        layout = Layout(columns=tuple(column for column in columns if column.name not in companions))
    found: dict[str, Any] = {}
    for column in layout.columns:
        if column.constant is not None:
            found[column.name] = _constant(column, table.n_rows)
        elif column.name in made:
            found[column.name] = _decoded(table, column)
    return pd.DataFrame(found, index=table.obs.index)


def _constant(column: Column, n_rows: int) -> Any:
    if column.kind == "empty":
        return np.full(n_rows, np.nan)
    values = pd.Series([column.constant] * n_rows, dtype=object)
    return _typed(values, column).to_numpy()


def _decoded(table: Table, column: Column) -> Any:
    """Return the values of a column of the file, shape (n_rows,), with missing values at gaps."""
    gap = table.is_gap(column.name)
    if column.name in table.obs.columns:
        labels = table.obs[column.name].astype(object).where(~gap, None).reset_index(drop=True)
        return _typed(labels, column).to_numpy()
    values = np.asarray(table.X[:, table.features.index(column.name)], dtype=np.float64).copy()
    dates = {date.column: date for date in table.schema.dates}
    if column.name in dates:
        return _date_values(values, gap, dates[column.name], column)
    values[gap] = np.nan
    is_integer = column.name in table.schema.whole_numbers and column.dtype.lower().startswith(("int", "uint"))
    if is_integer:
        return np.rint(values).astype(np.int64) if not gap.any() else pd.array(np.rint(values), dtype="Int64")
    return values


def _date_values(values: NDArray[np.float64], gap: NDArray[np.bool_], date: DateFeature, column: Column) -> Any:
    stamps = pd.Series(pd.Timestamp(date.origin) + pd.to_timedelta(np.rint(values) * NANOSECONDS[date.unit], "ns"))
    stamps = stamps.where(~gap)
    return stamps.to_numpy() if column.dtype.startswith("datetime") else stamps.dt.strftime(date.format).to_numpy()


def _typed(labels: pd.Series, column: Column) -> pd.Series:
    """Return labels in the type of their column in the file; with gaps, whole numbers and booleans are nullable."""
    missing = labels.isna()
    if column.kind == "boolean":
        values = labels.map(lambda text: None if text is None else text == "True")
        return values.astype("boolean") if missing.any() else values.astype(bool)
    kind: Callable[[str], Any] | None = None
    if column.dtype.lower().startswith(("int", "uint")):
        kind = int
    elif column.dtype.startswith("float"):
        kind = float
    if kind is None:
        return labels
    numbers = labels.map(kind, na_action="ignore")
    return numbers.astype("Int64") if kind is int and missing.any() else numbers.astype(column.dtype)
