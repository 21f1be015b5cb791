"""The part of a page that shows rows and correlations as figures."""

from __future__ import annotations

from collections.abc import Mapping

from tabgenbench_leaderboard.board.model import DatasetBoard
from tabgenbench_leaderboard.pages.document import Block, Figure, Heading, Paragraph, quote

__all__ = ["picture_blocks"]

_HOW = (
    "Real test rows and synthetic rows are laid out together by UMAP, anew for each generator, so places and axes of "
    "two generators do not correspond; colours do. Look for three things: (1) tissues lie apart, (2) states lie apart "
    "inside a tissue, (3) real and synthetic rows do not. The figures show the first draw of the first split, and "
    "illustrate: UMAP pulls apart what is compact, so that rows without any noise look best. What ranks is the "
    "criteria in principal components, `pca-separability`."
)
_SHEET = (
    "Three panels a generator: the same rows, coloured by the first condition, by the second, and by origin. "
    "The numbers are scores in principal components on this split: 1 is best."
)
_CORRELATIONS = (
    "Each pair of features counts once, in a hexagon at its correlation over real test rows and over synthetic rows; "
    "dark hexagons hold most pairs. On the dotted line both agree; flatter than it, synthetic correlations are too "
    "weak; steeper, too strong, as in rows without noise. Width across the line is disagreement, to which chance "
    "contributes: `real-resample` shows how much."
)


def picture_blocks(dataset: DatasetBoard, figures: Mapping[tuple[str, str], str]) -> list[Block]:
    """Return the figures of a dataset with what a reader needs to understand them; nothing where none was drawn."""
    blocks: list[Block] = []
    sheet = figures.get((dataset.dataset, "umap"))
    if sheet:
        alt = f"UMAP of real test rows and synthetic rows on {dataset.dataset}, the panels of every generator."
        blocks += [Paragraph(_HOW), Figure(sheet, alt, _SHEET)]
    correlations = figures.get((dataset.dataset, "correlations"))
    if correlations:
        alt = f"Correlation of each pair of features over synthetic rows against real rows on {dataset.dataset}."
        blocks.append(Figure(correlations, alt, _CORRELATIONS))
    for row in dataset.rows:
        name = figures.get((dataset.dataset, f"umap:{row.label}"))
        if name:
            alt = f"UMAP of real test rows and synthetic rows of {row.label} on {dataset.dataset}."
            blocks.append(Figure(name, alt, f"`{quote(row.label)}`, enlarged."))
    return [Heading(3, "Figures"), *blocks] if blocks else []
