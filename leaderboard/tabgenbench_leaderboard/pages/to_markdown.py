"""Rendering of a page as Markdown (GitHub's dialect)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tabulate import tabulate

from tabgenbench_leaderboard.pages.document import (
    Block,
    Bullets,
    Cell,
    Details,
    Figure,
    Grid,
    Heading,
    Paragraph,
    Section,
)

__all__ = ["render_markdown"]

# In GitHub's Markdown, an underscore inside a word needs no escape, so score names and addresses stay readable.
_SPECIAL = re.compile(r"[\\*<>\[\]|~]|(?<!\w)_|_(?!\w)")


def render_markdown(blocks: Sequence[Block]) -> str:
    """Return a page as Markdown, with figures from the folder ``figures`` and without `Details` (printed output)."""
    return "\n\n".join(_block(block) for block in blocks if not isinstance(block, Details)) + "\n"


def _block(block: Heading | Paragraph | Bullets | Grid | Figure) -> str:
    match block:
        case Heading(level, text):
            return f"{'#' * level} {_inline(text)}"
        case Paragraph(text):
            return _inline(text)
        case Bullets(items):
            return "\n".join(f"- {_inline(item)}" for item in items)
        case Figure(name, alt, caption):
            return f"![{_inline(alt)}](figures/{name}.svg)\n\n{_inline(caption)}"
        case Grid():
            return _grid(block)


def _grid(grid: Grid) -> str:
    rows = [
        [f"*{_inline(row.text)}*", *[""] * (len(grid.header) - 1)]
        if isinstance(row, Section)
        else [_cell(cell) for cell in row]
        for row in grid.rows
    ]
    align = ("left", *["right" if grid.numeric else "left"] * (len(grid.header) - 1))
    header = [_inline(text) for text in grid.header]
    return tabulate(rows, header, tablefmt="pipe", colalign=align, disable_numparse=True)


def _cell(cell: Cell) -> str:
    return f"**{_inline(cell.text)}**" if cell.strong else _inline(cell.text)


def _inline(text: str) -> str:
    parts = text.split("`")
    return "".join(
        "`" + part.replace("|", "\\|") + "`" if i % 2 else _SPECIAL.sub(r"\\\g<0>", part)
        for i, part in enumerate(parts)
    )
