"""Converts the columns of a file to columns of a table; the module `file_form` does the opposite."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench.data.schema import DateFeature, DateUnit, Gap, Schema
from tabgenbench.errors import DataError

__all__ = ["DATE_FORMATS", "date_feature", "decimals_of", "encoded_frame", "find_date_format", "labels_of"]

_DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d %b %Y", "%d-%b-%Y", "%b %d, %Y")
_TIMES = ("", " %H:%M", " %H:%M:%S", "T%H:%M", "T%H:%M:%S")
DATE_FORMATS = (*(day + time for time in _TIMES for day in _DAYS), "%Y-%m-%dT%H:%M:%SZ")
NANOSECONDS: dict[DateUnit, int] = {
    "day": 86_400 * 10**9,
    "hour": 3_600 * 10**9,
    "minute": 60 * 10**9,
    "second": 10**9,
}
LIKE_A_DATE = r"\d{1,4}[-/. ]|[A-Za-z]{3} \d"
ENOUGH = 100  # first values that are checked before a format is tried on the whole column
MOST_DECIMALS = 6  # float32 keeps about seven digits
MOST = 0.9  # minimum share of dates in a column of dates, in which other values are errors


def labels_of(column: pd.Series) -> pd.Series:
    """Return a categorical column as text. Whole numbers have no decimal point; missing values stay missing."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if pd.api.types.is_float_dtype(column) and is_whole(column):
        column = column.astype("Int64")
    return column.astype("string").astype(object).where(column.notna(), None)


def is_whole(column: pd.Series) -> bool:
    """Return whether all numbers of a column that are not missing are whole."""
    values = column.dropna().to_numpy(dtype=np.float64)
    return bool(np.isfinite(values).all() and (values == np.rint(values)).all())


def decimals_of(column: pd.Series) -> int | None:
    """Return the largest number of digits after the decimal point; None for more than `MOST_DECIMALS` digits."""
    values = column.dropna().to_numpy(dtype=np.float64)
    for decimals in range(MOST_DECIMALS + 1):
        if all(np.array_equal(np.round(part, decimals), part) for part in (values[:ENOUGH], values)):
            return decimals
    return None


def find_date_format(column: pd.Series, where: str) -> str:
    """Return the format of the dates in a column of text, or '' if the values of the column are not dates.

    Args:
        column: text; missing values are ignored.
        where: the file and the column, for the message.

    Raises:
        DataError: the dates have different formats, or at least 90 % of the values, but not all, are dates of one
            format; the message names the row.
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
    """Return the unit, origin and format by which the dates of a column are converted to whole numbers.

    The origin is the earliest date. The unit is the largest unit (day to second) in which the time from the origin to
    every date is a whole number.

    Args:
        column: text or datetime64; missing values are ignored.
        form: format of the dates in text.
        where: the file and the column, for the message.

    Raises:
        DataError: no value has the format, the time between two dates is not a whole number of seconds, or dates are
            so far apart that float32 merges some of them.
    """
    stamps = _stamps(column, form).dropna()
    if stamps.empty:
        value = column.dropna()
        raise DataError(
            f"{where}, row {value.index[0]!r}: got {str(value.iloc[0])!r}, expected a date of the format {form!r}; "
            "correct date_formats, or ignore the column"
        )
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
    offsets = column.dropna().astype(str).str[-6:].str.extract(r"([+-][\d:]+|Z)$")[0] if "%z" in form else pd.Series()
    return pd.to_datetime(column, format=form, errors="coerce", exact=True, utc=offsets.nunique() > 1)


def encoded_frame(frame: pd.DataFrame, schema: Schema, where: str) -> pd.DataFrame:
    """Return a frame in which dates are numbers, categories are text, and gaps (missing values) are marked.

    The gaps of a categorical column become a category. The gaps of a numeric feature stay NaN, and an additional
    companion column marks them. Columns keep their order; companion columns come last.

    Raises:
        DataError: a value is not a date of its column's format; the message names the row.
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
    """Return the value of a companion column in rows in which the feature is not missing."""
    return "no" if gap.value == "yes" else f"not {gap.value}"
