"""Conversion of the parts of a page to HTML. Every text is escaped."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence

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

__all__ = ["linked_figure", "render_blocks"]

_URL = re.compile(r"https?://[^\s<>&\"']+[^\s<>&\"'.,;:)]")


def linked_figure(path: str) -> str:
    """Return an HTML element that shows the image file at ``path``."""
    return f'<img src="{html.escape(path)}" alt="" loading="lazy">'


def render_blocks(blocks: Sequence[Block], figures: Mapping[str, str]) -> str:
    """Return the parts (blocks) of a page, such as headings and tables, as HTML.

    Args:
        blocks: the blocks in order.
        figures: HTML of each figure by the figure's name: an SVG element or the result of `linked_figure`.
    """
    return "\n".join(_block(block, figures) for block in blocks)


def _block(block: Block, figures: Mapping[str, str]) -> str:
    match block:
        case Heading(level, text):
            return f'<h{level} id="{_slug(text)}">{_inline(text)}</h{level}>' if level < 3 else _small_heading(block)
        case Paragraph(text):
            return f"<p>{_inline(text)}</p>"
        case Bullets(items):
            return "<ul>\n" + "\n".join(f"<li>{_inline(item)}</li>" for item in items) + "\n</ul>"
        case Figure(name, alt, caption):
            picture = f'<div role="img" aria-label="{html.escape(alt)}">\n{figures[name]}\n</div>'
            return f"<figure>\n{picture}\n<figcaption>{_inline(caption)}</figcaption>\n</figure>"
        case Details(summary, text):
            whole = f"<pre>{html.escape(text)}</pre>"
            return f"<details>\n<summary>{_inline(summary)}</summary>\n{whole}\n</details>"
        case Grid():
            return _grid(block)


def _small_heading(heading: Heading) -> str:
    return f"<h{heading.level}>{_inline(heading.text)}</h{heading.level}>"


def _grid(grid: Grid) -> str:
    kind = ' class="numeric"' if grid.numeric else ""
    head = "".join(f'<th scope="col">{_inline(text)}</th>' for text in grid.header)
    body: list[str] = []
    for row in grid.rows:
        if isinstance(row, Section):
            body.append("</tbody>\n<tbody>" if body else "<tbody>")
            across = f'<th colspan="{len(grid.header)}" scope="rowgroup">{_inline(row.text)}</th>'
            body.append(f'<tr class="section">{across}</tr>')
        else:
            body += [] if body else ["<tbody>"]
            body.append(_row(row))
    rows = "\n".join(body or ["<tbody>"])
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{html.escape(grid.caption)}">\n<table{kind}>\n'
        f"<caption>{_inline(grid.caption)}</caption>\n<thead><tr>{head}</tr></thead>\n{rows}\n</tbody>\n</table>\n</div>"
    )


def _row(row: Sequence[Cell]) -> str:
    name = f'<th scope="row">{_cell(row[0])}</th>'
    return f"<tr>{name}{''.join(f'<td>{_cell(cell)}</td>' for cell in row[1:])}</tr>"


def _cell(cell: Cell) -> str:
    return f"<strong>{_inline(cell.text)}</strong>" if cell.strong else _inline(cell.text)


def _inline(text: str) -> str:
    parts = text.split("`")
    return "".join(f"<code>{html.escape(part)}</code>" if i % 2 else _linked(part) for i, part in enumerate(parts))


def _linked(text: str) -> str:
    return _URL.sub(lambda found: f'<a href="{found.group()}">{found.group()}</a>', html.escape(text))


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
