"""The parts of a page, independent of Markdown and HTML.

In every text, backticks enclose code; `quote` makes text from elsewhere safe to include.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Block", "Bullets", "Cell", "Details", "Figure", "Grid", "Heading", "Paragraph", "Section", "cells", "quote"]


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is the title of the page."""

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
    """A cell of a table."""

    text: str
    strong: bool = False


@dataclass(frozen=True)
class Section:
    """A line of a table that names the group of rows below it."""

    text: str


@dataclass(frozen=True)
class Grid:
    """A table: the first column names the rows.

    Attributes:
        caption: description of the table, for pages with captions.
        numeric: whether all columns but the first hold numbers.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...] | Section, ...]
    caption: str
    numeric: bool = True


@dataclass(frozen=True)
class Figure:
    """A figure: ``name`` is the stem of its file, ``alt`` its description for readers who cannot see it."""

    name: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Details:
    """Preformatted text that a page shows on demand; Markdown pages omit it.

    Attributes:
        summary: description of the text.
        text: the text, with its line breaks.
    """

    summary: str
    text: str


Block = Heading | Paragraph | Bullets | Grid | Figure | Details


def cells(texts: Sequence[str]) -> tuple[Cell, ...]:
    """Return plain cells with these texts."""
    return tuple(Cell(text) for text in texts)


def quote(text: str) -> str:
    """Return text from elsewhere on one line, with its backticks replaced."""
    return " ".join(text.replace("`", "'").split())
