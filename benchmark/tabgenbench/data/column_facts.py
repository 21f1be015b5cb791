"""Description of the columns of a table: kind, role, share of missing values, number of values, range."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tabgenbench.data.layout import Column, ColumnKind
from tabgenbench.data.table import Table, dense_block

__all__ = ["column_facts"]

MOST = 200  # a table without a layout that has more features gets no description of each column
SHOWN = 4  # categories shown as the range of a column
LONGEST = 18  # characters of a category that is shown


def column_facts(table: Table) -> list[dict[str, Any]]:
    """Return a description of each column of a table's file (`Source.layout`), in the order of the file.

    A description has the keys ``column``, ``kind``, ``role``, ``missing`` (share of rows), ``values`` (number of
    different non-missing values), ``range`` and ``note`` (how the kind or the role was guessed, and the option that
    overrides the guess). For a column that is not in the table, ``values`` is None unless the column is constant.
    Without a layout, the columns of the table are described; if it has more than 200 features, the list is empty.
    """
    layout = table.source.layout
    if layout is not None:
        columns = layout.columns
    elif table.n_features <= MOST:
        columns = tuple(_of_table(table))
    else:
        return []
    return [_facts(table, column) for column in columns]


def _of_table(table: Table) -> list[Column]:
    schema, companions = table.schema, {gap.shown_by for gap in table.schema.numeric_gaps()}
    roles: dict[str, Any] = dict.fromkeys(schema.categorical_features, "feature")
    roles |= dict.fromkeys(schema.conditions, "condition")
    roles |= {name: role for role, name in (("batch", schema.batch), ("group", schema.group)) if name is not None}
    columns = [
        Column(name=str(name), kind="category", role=roles.get(name, "left out"))
        for name in table.obs.columns
        if name not in companions
    ]
    dates = {date.column for date in schema.dates}
    kinds: dict[str, ColumnKind] = {name: "date" if name in dates else "whole number" for name in schema.whole_numbers}
    return columns + [Column(name=name, kind=kinds.get(name, "number"), role="feature") for name in table.features]


def _facts(table: Table, column: Column) -> dict[str, Any]:
    role = column.role + (", target" if column.name in table.schema.targets else "")
    facts: dict[str, Any] = {"column": column.name, "kind": column.kind, "role": role}
    missing, values, shown = 0.0, 1 if column.constant else None, column.constant or ""
    if column.name in table.features:
        present = ~table.is_gap(column.name)
        column_values = dense_block(table.X[:, [table.features.index(column.name)]])
        numbers = column_values[:, 0].astype(np.float64)[present]
        missing, values, shown = 1.0 - present.mean(), len(np.unique(numbers)), _range(numbers, column, table)
    elif column.name in table.obs.columns and column.constant is None:
        present = ~table.is_gap(column.name)
        labels = table.obs[column.name][present].astype(object)
        missing, values, shown = 1.0 - present.mean(), labels.nunique(), _labels(labels)
    elif column.kind == "empty":
        missing = 1.0
    return {**facts, "missing": round(float(missing), 4), "values": values, "range": shown, "note": column.guess}


def _range(numbers: Any, column: Column, table: Table) -> str:
    if not len(numbers):
        return ""
    ends = [float(numbers.min()), float(numbers.max())]
    for date in table.schema.dates:
        if date.column == column.name:
            stamps = [pd.Timestamp(date.origin) + pd.Timedelta(round(end), date.unit) for end in ends]
            return " to ".join(stamp.strftime(date.format) for stamp in stamps)
    return " to ".join(f"{end:,.0f}" if column.kind == "whole number" else f"{end:.5g}" for end in ends)


def _labels(labels: pd.Series) -> str:
    counts = labels.value_counts()
    names = [str(name) for name in counts.index[:SHOWN]]
    texts = [name if len(name) <= LONGEST else name[: LONGEST - 1] + "…" for name in names]
    rest = len(counts) - SHOWN
    return ", ".join(text if text and text == text.strip() and text.isprintable() else repr(text) for text in texts) + (
        f" and {rest} more" if rest > 0 else ""
    )
