"""Insertion of the headline table of a board into a page such as README.md, between two marker lines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tabgenbench.errors import ConfigError
from tabgenbench_leaderboard.board.model import Board
from tabgenbench_leaderboard.pages.document import Block, Paragraph, quote
from tabgenbench_leaderboard.pages.headline import headline_grid
from tabgenbench_leaderboard.pages.to_markdown import render_markdown
from tabgenbench_leaderboard.publish.publish import Published

__all__ = ["replace_table", "update_readme"]

DEFAULT = Path("README.md")


def update_readme(page: Path | None, name: str, done: Published) -> Iterator[Path]:
    """Write the headline table of a board between the two marker lines in a page, and yield the path of the page.

    Args:
        page: path of the page; None for README.md in the current folder, if it contains the markers.
        name: name of the board in the markers.
        done: result of publishing the board.

    Raises:
        ConfigError: ``page`` cannot be read, or lacks the markers.
    """
    path = DEFAULT if page is None else page
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        if page is None:
            return
        raise ConfigError(f"--readme: {page} cannot be read ({error.strerror}); name a page with the markers") from None
    table = headline_markdown(done.board, os.path.relpath(done.folder, path.parent))
    changed = replace_table(text, name, table)
    if changed is None:
        if page is None:
            return
        raise ConfigError(f"--readme: {page} lacks the lines {' and '.join(_markers(name))}; add them")
    if changed != text:
        path.write_text(changed, encoding="utf-8")
    yield path


def headline_markdown(board: Board, link: str) -> str:
    """Return the headline tables of a board as Markdown, with a link to the board's page."""
    blocks: list[Block] = []
    for dataset in board.datasets:
        if len(board.datasets) > 1:
            blocks.append(Paragraph(f"{quote(dataset.dataset)}:"))
        blocks.append(headline_grid(dataset))
    return f"{render_markdown(blocks)}\n[The board]({link}/README.md) has every score, cost and comparison.\n"


def replace_table(text: str, name: str, table: str) -> str | None:
    """Return the text of a page with ``table`` between the markers of a board; None if a marker is missing."""
    first, last = _markers(name)
    before, opened, rest = text.partition(first)
    _, closed, after = rest.partition(last)
    return f"{before}{opened}\n{table}{closed}{after}" if opened and closed else None


def _markers(name: str) -> tuple[str, str]:
    return f"<!-- board: {name} -->", f"<!-- /board: {name} -->"
