"""The parts that a page is made of, before it becomes Markdown or HTML.

In any text, what stands between backticks is code; `quote` makes foreign text safe to put into one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Block", "Bullets", "Cell", "Details", "Figure", "Grid", "Heading", "Paragraph", "Section", "cells", "quote"]


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is the page's."""

    level: int
    text: str


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Cell:
    """One place of a table."""

    text: str
    strong: bool = False


@dataclass(frozen=True)
class Section:
    """A line across a table that names the rows below it."""

    text: str


@dataclass(frozen=True)
class Grid:
    """A table: the first column names the rows.

    Attributes:
        caption: what it shows, for a page that has captions.
        numeric: whether all columns but the first hold numbers.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...] | Section, ...]
    caption: str
    numeric: bool = True


@dataclass(frozen=True)
class Figure:
    """A picture: ``name`` is the stem of its file, ``alt`` says what it shows to who cannot see it."""

    name: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Details:
    """Text as it was written, which a page shows on demand; one that cannot leaves it out.

    Attributes:
        summary: what it is.
        text: its lines.
    """

    summary: str
    text: str


Block = Heading | Paragraph | Bullets | Grid | Figure | Details


def cells(texts: Sequence[str]) -> tuple[Cell, ...]:
    """Make plain cells."""
    return tuple(Cell(text) for text in texts)


def quote(text: str) -> str:
    """Return foreign text on one line, with its backticks made harmless."""
    return " ".join(text.replace("`", "'").split())
