"""The part of a page that shows the figures drawn by metrics."""

from __future__ import annotations

from tabgenbench_leaderboard.board.model import DatasetBoard
from tabgenbench_leaderboard.pages.document import Block, Bullets, Figure, Heading, Paragraph

__all__ = ["picture_blocks"]


def picture_blocks(dataset: DatasetBoard, *, enlarged: bool = True) -> list[Block]:
    """Return the section with the figures that metrics drew for a dataset, or an empty list without figures.

    Args:
        dataset: the results on one dataset.
        enlarged: whether figures that show a single generator are included.
    """
    blocks: list[Block] = []
    told: set[str] = set()
    for note in sorted(dataset.figures, key=lambda note: bool(note.label)):
        if note.label and not enlarged:
            continue
        if note.intro and note.intro not in told:
            told.add(note.intro)
            blocks.append(Paragraph(note.intro))
        blocks.append(Figure(note.name, note.alt, note.caption))
    if dataset.figures_left_out:
        blocks.append(Bullets(dataset.figures_left_out))
    return [Heading(3, "Figures"), *blocks] if blocks else []
