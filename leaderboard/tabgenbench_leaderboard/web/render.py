"""Rendering of the parts of a page as HTML, for the web board."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from tabgenbench_leaderboard.pages.document import Block, Figure
from tabgenbench_leaderboard.pages.to_html import linked_figure, render_blocks

__all__ = ["html_of"]


def html_of(blocks: Sequence[Block], up: str = "../") -> Markup:
    """Return the parts (blocks) of a page as HTML with escaped texts; figures are files in the folder ``figures``.

    Args:
        blocks: the blocks in order.
        up: path from the page's folder to the folder of the board.
    """
    figures = {
        block.name: linked_figure(f"{up}figures/{block.name}.svg") for block in blocks if isinstance(block, Figure)
    }
    return Markup(render_blocks(blocks, figures))
