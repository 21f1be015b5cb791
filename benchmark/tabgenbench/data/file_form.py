"""Converts a synthetic table to the format of its dataset's file: column order, types, dates, missing values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench.data.layout import Column, Layout
from tabgenbench.data.schema import DateFeature
from tabgenbench.data.table import Table
from tabgenbench.data.typed_columns import NANOSECONDS

__all__ = ["FIRST", "LAST", "layout_of", "left_out", "out_of_calendar", "to_frame", "with_open_gaps"]

FIRST, LAST = pd.Timestamp.min.ceil("D"), pd.Timestamp.max.floor("D")  # first and last day that pandas supports


def to_frame(table: Table) -> pd.DataFrame:
    """Convert a table on the dataset's own scale to a data frame in the format of the dataset's file.

    `Source.layout` describes the columns of the file: their order, names, types, date formats and categories. Columns
    that generators do not generate (ids, groups, free text) are left out. A column that the table excludes because it
    has the same value in every row of the file gets this value in every synthetic row. Without a layout, the
    categorical columns (``obs``) come first, then the numeric features.
    """
    found: dict[str, Any] = {}
    table = replace(table, X=table.dense())
    for column in layout_of(table).columns:
        if column.name in table.obs.columns:
            gap = table.is_gap(column.name)
            labels = table.obs[column.name].astype(object).where(~gap, None)
            found[column.name] = _typed(pd.Series(labels.to_numpy(), dtype=object), column)
        elif column.name in table.features:
            found[column.name] = _numbers(table, column)
        elif column.constant is not None:
            found[column.name] = _constant(column, table.n_rows)
    return pd.DataFrame(found, index=pd.RangeIndex(table.n_rows))


def left_out(table: Table) -> list[Column]:
    """Return the columns of the dataset's file that `to_frame` leaves out."""
    made = {*table.obs.columns, *table.features}
    return [one for one in layout_of(table).columns if one.constant is None and one.name not in made]


def layout_of(table: Table) -> Layout:
    """Return `Source.layout` (columns of the file) or, without it, a layout of ``obs``, then the features."""
    if table.source.layout is not None:
        return table.source.layout
    companions = {gap.shown_by for gap in table.schema.numeric_gaps()}
    dates = {date.column for date in table.schema.dates}
    columns = [
        Column(name=str(name), kind="category", role="feature") for name in table.obs.columns if name not in companions
    ]
    for name in table.features:
        whole = table.schema.per_10k or name in table.schema.whole_numbers
        columns.append(
            Column(
                name=name,
                kind="date" if name in dates else "whole number" if whole else "number",
                role="feature",
                dtype="object" if name in dates else "int64" if whole else "float64",
            )
        )
    return Layout(columns=tuple(columns))


def with_open_gaps(table: Table) -> NDArray[np.float32]:
    """Return numeric values on the dataset's own scale with NaN for missing values, shape (n_rows, n_features)."""
    values, present = np.array(table.dense()), table.present()
    whole = [table.features.index(name) for name in table.schema.whole_numbers]
    values[:, whole] = np.rint(values[:, whole])
    if present is not None:
        values[~present] = np.nan
    return values


def out_of_calendar(table: Table) -> dict[str, int]:
    """Return the number of dates before `FIRST` or after `LAST` in each date column that has such dates."""
    found = {}
    for date in table.schema.dates:
        values = np.asarray(table.X[:, table.features.index(date.column)], dtype=np.float64)
        low, high = _limits(date)
        found[date.column] = int((((values < low) | (values > high)) & ~table.is_gap(date.column)).sum())
    return {name: n for name, n in found.items() if n}


def _limits(date: DateFeature) -> tuple[float, float]:
    origin, unit = pd.Timestamp(date.origin).value, NANOSECONDS[date.unit]
    return -((origin - FIRST.value) // unit), (LAST.value - origin) // unit


def _constant(column: Column, n_rows: int) -> Any:
    if column.kind == "empty":
        empty = pd.Series([None] * n_rows, dtype=object)
        return empty if column.dtype == "object" else empty.astype(column.dtype or "float64")
    return _typed(pd.Series([column.constant] * n_rows, dtype=object), column)


def _numbers(table: Table, column: Column) -> Any:
    values = np.asarray(table.X[:, table.features.index(column.name)])
    gap = table.is_gap(column.name)
    date = next((one for one in table.schema.dates if one.column == column.name), None)
    if date is not None:
        return _date_values(values.astype(np.float64), gap, date, column)
    is_integer = column.dtype.lower().startswith(("int", "uint"))
    if is_integer or column.name in table.schema.whole_numbers:
        numbers = pd.Series(np.rint(values.astype(np.float64)))
    else:
        numbers = pd.Series(_decimal(values))
        numbers = numbers if column.decimals is None else numbers.round(column.decimals)
    return _as_dtype(numbers.where(~gap), column)


def _decimal(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Convert values to float64 so that 0.3 stays 0.3 and does not become 0.30000001192092896."""
    return values.astype(np.float32).astype("U").astype(np.float64)


def _as_dtype(numbers: pd.Series, column: Column) -> pd.Series:
    dtype = column.dtype or "float64"
    if not dtype.lower().startswith(("int", "uint")):
        return numbers.astype(dtype if dtype.lower().startswith("float") else "float64")
    limits = np.iinfo(dtype.lower())
    fits = bool(((numbers >= limits.min) & (numbers <= limits.max) | numbers.isna()).all())
    if numbers.isna().any():
        return numbers.astype(f"{dtype[0].upper()}{dtype[1:]}".replace("Uint", "UInt") if fits else "Int64")
    return numbers.astype(dtype if fits else "int64")


def _date_values(values: NDArray[np.float64], gap: NDArray[np.bool_], date: DateFeature, column: Column) -> Any:
    since = np.rint(np.clip(np.where(gap, 0.0, values), *_limits(date))).astype(np.int64) * NANOSECONDS[date.unit]
    origin = pd.Timestamp(date.origin)
    stamps = pd.Series((origin.value + since).astype("datetime64[ns]")).where(~gap)
    if origin.tz is not None:
        stamps = stamps.dt.tz_localize("UTC").dt.tz_convert(origin.tz)
    if not column.dtype.startswith("datetime"):
        text = stamps.dt.strftime(date.format).astype(object)
        return text.where(~gap, None)
    return _stamped(stamps, column)


def _stamped(stamps: pd.Series, column: Column) -> pd.Series:
    return (stamps.dt.tz_localize("UTC") if "," in column.dtype else stamps).astype(column.dtype)


def _typed(labels: pd.Series, column: Column) -> pd.Series:
    missing, dtype = labels.isna(), column.dtype
    if column.kind == "boolean":
        values = labels.map({"True": True, "False": False}).astype(object).where(~missing, None)
        if dtype == "object" and missing.any():
            return values
        return values.astype("boolean" if missing.any() or dtype == "boolean" else bool)
    if dtype.lower().startswith(("int", "uint", "float")):
        return _as_dtype(pd.to_numeric(labels.where(~missing, np.nan)).astype("float64"), column)
    if dtype.startswith("datetime"):
        stamps = pd.to_datetime(labels)
        return stamps.astype(dtype) if stamps.dt.tz is not None else _stamped(stamps, column)
    if dtype == "category":
        return labels.astype("category")
    return labels.astype("string") if dtype.startswith("string") else labels
