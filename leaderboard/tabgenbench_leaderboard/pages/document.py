"""Classes for the parts of a page (headings, paragraphs, tables, figures), independent of Markdown and HTML.

In the text of every part, backticks enclose code. `quote` makes a text that may contain backticks safe to include.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Block", "Bullets", "Cell", "Details", "Figure", "Grid", "Heading", "Paragraph", "Section", "cells", "quote"]


@dataclass(frozen=True)
class Heading:
    """A heading of a page; level 1 is the title of the page."""

    level: int
    text: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of text."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A bulleted list of texts."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Cell:
    """A cell of a table."""

    text: str
    strong: bool = False


@dataclass(frozen=True)
class Section:
    """A line of a table that is the heading of the group of rows below it."""

    text: str


@dataclass(frozen=True)
class Grid:
    """A table whose first column names the rows.

    Attributes:
        caption: description of the table, shown by formats in which tables have captions.
        numeric: whether all columns but the first contain numbers.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...] | Section, ...]
    caption: str
    numeric: bool = True


@dataclass(frozen=True)
class Figure:
    """A figure; ``name`` is the stem of its file, and ``alt`` describes it for readers who cannot see it."""

    name: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Details:
    """Preformatted text that an HTML page shows when the reader unfolds it, and that a Markdown page omits.

    Attributes:
        summary: description of the text, which is always visible.
        text: the preformatted text, with its line breaks.
    """

    summary: str
    text: str


Block = Heading | Paragraph | Bullets | Grid | Figure | Details


def cells(texts: Sequence[str]) -> tuple[Cell, ...]:
    """Return one plain table cell for each text."""
    return tuple(Cell(text) for text in texts)


def quote(text: str) -> str:
    """Return a text on one line with its backticks replaced, so that a page shows all of it as plain text."""
    return " ".join(text.replace("`", "'").split())
