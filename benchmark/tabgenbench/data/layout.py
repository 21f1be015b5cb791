"""Description of the columns of a table's file, used to write synthetic tables in the same format."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Column", "ColumnKind", "ColumnRole", "Layout"]

ColumnKind = Literal["number", "whole number", "date", "category", "boolean", "text", "empty"]
ColumnRole = Literal["id", "feature", "condition", "batch", "group", "left out"]


class Column(BaseModel):
    """One column of a file. Immutable.

    Attributes:
        guess: how ``role`` or ``kind`` was inferred, and the option that overrides the inference; empty if neither was
            inferred.
        constant: if all rows have the same value, this value as text; otherwise None.
        decimals: the largest number of digits after the decimal point; None if it exceeds 6, or if the column has no
            decimal numbers.
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
