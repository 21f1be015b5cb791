"""All figures of a board as bytes, by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tabgenbench_leaderboard.board.model import Board, DatasetBoard
from tabgenbench_leaderboard.figures.artifacts import Pictures
from tabgenbench_leaderboard.figures.drawn_rows import drawn_rows
from tabgenbench_leaderboard.figures.palette import Look, group_looks, status_looks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Drawn", "draw_figures"]


@dataclass(frozen=True)
class Drawn:
    """Figures by (dataset, kind): the stem of the file, a PNG, an SVG.

    Kinds are ``scores``, ``losses``, ``umap`` (all generators), ``correlations``, and ``umap:LABEL`` for one generator.
    """

    names: dict[tuple[str, str], str] = field(default_factory=dict)
    png: dict[str, bytes] = field(default_factory=dict)
    svg: dict[str, str] = field(default_factory=dict)


def draw_figures(board: Board, pictures: Pictures) -> Drawn:
    """Draw what there is to draw; equal boards and pictures give equal bytes."""
    # matplotlib takes half a second to import: only who asks for a figure waits for it.
    from tabgenbench_leaderboard.figures.files import png_bytes, svg_text
    from tabgenbench_leaderboard.figures.scores import drawing

    drawn = Drawn()
    # One look a tissue and a status on all figures of the board.
    looks = (group_looks(_labels(pictures, 0)), status_looks(_labels(pictures, 1)))
    with drawing():
        for dataset in map(drawn_rows, board.datasets):
            for kind, figure in _figures(dataset, pictures, looks):
                name = figure_name(board, dataset, _file_kind(kind, dataset))
                drawn.names[dataset.dataset, kind] = name
                drawn.png[name] = png_bytes(figure)
                figure.set_layout_engine("none")  # it is laid out: the second file keeps the places of the first
                drawn.svg[name] = svg_text(figure)
    return drawn


def _labels(pictures: Pictures, column: int) -> set[str]:
    return {
        name for picture in pictures.rows.values() for labels in picture.labels[column : column + 1] for name in labels
    }


def _figures(
    dataset: DatasetBoard, pictures: Pictures, looks: Sequence[Mapping[str, Look]]
) -> Iterator[tuple[str, Figure]]:
    from tabgenbench_leaderboard.figures.correlations import correlation_figure
    from tabgenbench_leaderboard.figures.losses import loss_figure
    from tabgenbench_leaderboard.figures.scores import score_figure
    from tabgenbench_leaderboard.figures.umap import rows_figure, rows_sheet

    rows = {label: picture for (name, label), picture in pictures.rows.items() if name == dataset.dataset}
    correlations = {label: found for (name, label), found in pictures.correlations.items() if name == dataset.dataset}
    found = {
        "scores": score_figure(dataset),
        "losses": loss_figure(dataset),
        "umap": rows_sheet(dataset, rows, looks),
        "correlations": correlation_figure(dataset, correlations),
    }
    for kind, figure in found.items():
        if figure is not None:
            yield kind, figure
    for row in dataset.rows:
        if row.label in rows:
            yield f"umap:{row.label}", rows_figure(dataset, row, rows[row.label], looks)


def _file_kind(kind: str, dataset: DatasetBoard) -> str:
    """Return a kind that can stand in a file's name; labels that differ in signs alone get a number."""
    head, colon, label = kind.partition(":")
    if not colon:
        return kind
    slugs = [_slug(row.label) for row in dataset.rows]
    place = [row.label for row in dataset.rows].index(label)
    number = "" if slugs.count(slugs[place]) == 1 else f"-{place + 1}"
    return f"{head}-{slugs[place]}{number}"


def _slug(label: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "-", label).strip("-.") or "generator"


def figure_name(board: Board, dataset: DatasetBoard, kind: str) -> str:
    """Return the stem of a figure's file; two datasets whose names differ in signs alone get different ones."""
    slugs = [re.sub(r"[^A-Za-z0-9.-]+", "-", other.dataset).strip("-.") or "dataset" for other in board.datasets]
    place = [other.dataset for other in board.datasets].index(dataset.dataset)
    slug = slugs[place]
    return f"{slug}-{kind}" if slugs.count(slug) == 1 else f"{slug}-{place + 1}-{kind}"
