"""Hints for columns whose kind (such as number or category) may have been inferred wrongly."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from tabgenbench.data.layout import ColumnKind
from tabgenbench.data.text_file import LEADING_ZEROS

__all__ = ["FEW", "doubt_about_numbers", "doubt_about_text"]

FEW = 20  # maximum number of different whole numbers in a default condition, or in a feature that may be a category
LOOKED_AT = 1_000  # values of a text column that are checked
MOST = 0.9  # minimum share of values that look like numbers or dates
SIGNED = r"[-+(]?[$€£¥]?[-+]?\d{1,3}(?:,?\d{3})*(?:\.\d+)?\s?[%$€£¥]?\)?"  # a number as people write it
DATED = (
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ].*)?"  # year first
    r"|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}( .*)?"
    r"|\d{1,2}:\d{2}(:\d{2}.*)?( ?[AaPp][Mm])?"
)
ID_NAME = re.compile(r"(?i:.*[\W_]id|id)|.*[a-z]I[Dd]")
MARKS = ("?", "-", "--", ".", "*")  # texts that may mean a missing value


def doubt_about_numbers(column: pd.Series, kind: ColumnKind) -> str:
    """Return a hint if a numeric feature may be a category or an identifier of rows; else an empty text."""
    name = str(column.name)
    if name in column.attrs.get(LEADING_ZEROS, ()):
        return f"some values begin with 0, which numbers lose; categorical_features=[{name}] keeps them"
    if kind != "whole number":
        return ""
    n_values = column.nunique()
    if 1 < n_values <= FEW:
        return f"{n_values} whole numbers; categorical_features=[{name}] makes it a category"
    if n_values == len(column) > FEW and (ID_NAME.fullmatch(name) or np.ptp(column.to_numpy()) == n_values - 1):
        return f"another whole number in every row; if it names the row, ignore=[{name}] leaves it out"
    return ""


def doubt_about_text(column: pd.Series) -> str:
    """Return a hint if a text column may contain numbers, dates or codes for missing values; else an empty text."""
    name, few = str(column.name), column.dropna().iloc[:LOOKED_AT].astype(str)
    example = few.iloc[0]
    if few.str.fullmatch(SIGNED).mean() >= MOST:
        return f"text such as {example!r}; numbers are written without currency, % and thousands separators"
    if few.str.fullmatch(DATED).mean() >= MOST:
        option = f'date_formats={{"{name}": "..."}}'
        return f"dates or times of an unknown format, such as {example!r}; {option} gives it"
    values = set(column.dropna().unique())
    marks = [mark for mark in MARKS if mark in values]
    if marks and len(values) > 2:
        return f'{marks[0]!r} may mean a missing value; missing_values=["{marks[0]}"] makes it one'
    return ""
