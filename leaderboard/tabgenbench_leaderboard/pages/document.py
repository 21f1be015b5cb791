"""Classes for the parts of a page (headings, paragraphs, tables, figures), independent of Markdown and HTML.

In the text of every part, backticks enclose code. Text that may contain other backticks, such as a label, must be
passed through `quote`.
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
    """A heading inside a table, above a group of rows."""

    text: str


@dataclass(frozen=True)
class Grid:
    """A table whose first column names the rows.

    Attributes:
        caption: description of the table; some output formats do not show it.
        numeric: whether all columns but the first contain numbers.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...] | Section, ...]
    caption: str
    numeric: bool = True


@dataclass(frozen=True)
class Figure:
    """A figure: file name without extension, description for readers who cannot see the figure, and caption."""

    name: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Details:
    """Preformatted text that HTML pages show after a click and Markdown pages omit.

    Attributes:
        summary: description, which is always visible.
        text: the preformatted text, with its line breaks.
    """

    summary: str
    text: str


Block = Heading | Paragraph | Bullets | Grid | Figure | Details


def cells(texts: Sequence[str]) -> tuple[Cell, ...]:
    """Return a table cell, not in bold, for each text."""
    return tuple(Cell(text) for text in texts)


def quote(text: str) -> str:
    """Return a text on one line, with apostrophes in place of backticks, so that no part is shown as code."""
    return " ".join(text.replace("`", "'").split())
