"""Description of the columns of a table's file, which is needed to write a synthetic table in the same format."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Column", "ColumnKind", "ColumnRole", "Layout"]

ColumnKind = Literal["number", "whole number", "date", "category", "boolean", "text", "empty"]
ColumnRole = Literal["id", "feature", "condition", "batch", "group", "left out"]


class Column(BaseModel):
    """One column of a file. Immutable.

    Attributes:
        guess: how the role or the kind was inferred, and the option that overrides the inference; empty if neither was
            inferred.
        constant: the only value of a column that has one value in every row, as text; None for other columns.
        decimals: the largest number of digits after the decimal point in the column; None for more than 6 digits, and
            for columns without decimal numbers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: ColumnKind
    role: ColumnRole
    dtype: str = Field("", description="pandas dtype of the column in the file")
    guess: str = ""
    constant: str | None = None
    decimals: int | None = None


class Layout(BaseModel):
    """The columns of a file in their order. Immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[Column, ...]
