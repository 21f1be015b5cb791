"""Figures of rows as points: by tissue, by status, real and synthetic; one generator a figure, and all on one sheet."""

from __future__ import annotations

import math
import random
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from tabgenbench_leaderboard.board import BoardRow, DatasetBoard
from tabgenbench_leaderboard.figures import INK, PAPER, SOFT
from tabgenbench_leaderboard.formatting import number_text
from tabgenbench_leaderboard.palette import Look, look_of_order
from tabgenbench_leaderboard.pictures import RowsPicture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["rows_figure", "rows_sheet"]

_FOOT_LINE, _FOOT_TEXT, _LEGEND_COLUMNS = 0.2, 0.5, 8  # inches, inches, entries
_SHEET_FOOT = (
    "UMAP of both kinds of rows together, anew for each generator: an illustration.\n"
    "mixing, overall: scores in principal components on this split; 1 is best."
)
CRITERIA = ("tissue", "status", "mixing", "overall")
ORIGINS = ("real", "synthetic")
_ORIGIN_LOOKS = {"real": Look("#7a828c", "o"), "synthetic": Look("#c2186b", "o")}
_WIDTH = 8.0
_MOST_LINES = 5  # of a sheet with one generator to a line


@dataclass(frozen=True)
class _Panel:
    """One way to colour the rows: title, label of each row, look of each label."""

    title: str
    labels: tuple[str, ...]
    looks: Mapping[str, Look]


def rows_figure(dataset: DatasetBoard, row: BoardRow, picture: RowsPicture, groups: Mapping[str, Look]) -> Figure:
    """Draw the panels of one generator.

    Args:
        dataset: whose board it is.
        row: the generator.
        picture: where the rows lie.
        groups: look of each tissue, the same in all figures of a board.
    """
    panels = _panels(picture, groups)
    figure, lines, foot = _axes(1, panels, height=2.8)
    for axis, panel in zip(lines[0], panels, strict=True):
        _points(axis, picture, panel, size=11.0)
        axis.set_title(panel.title, fontsize=9)
    if len(panels) > 1:
        _name_groups(lines[0][0], picture)
    figure.suptitle(f"{row.label} on {dataset.dataset}", fontsize=10, fontweight="bold")
    _legends(foot, lines[0], panels)
    _write_foot(foot, _footer(dataset, row, picture))
    return figure


def rows_sheet(dataset: DatasetBoard, pictures: Mapping[str, RowsPicture], groups: Mapping[str, Look]) -> Figure | None:
    """Draw the panels of all generators; None where there is nothing to draw.

    A line each or, so that many fit on a page, two to a line: the second half of them beside the first.
    """
    rows = [row for row in dataset.rows if row.label in pictures]
    if not rows:
        return None
    widest = max((_panels(pictures[row.label], groups) for row in rows), key=len)
    n_blocks = 1 if len(rows) <= _MOST_LINES else 2
    n_lines = math.ceil(len(rows) / n_blocks)
    figure, lines, foot = _axes(n_lines, widest, height=1.8 if n_blocks == 1 else 1.3, blocks=[0.32] * n_blocks)
    for place in range(n_lines * n_blocks):
        block = (place // n_lines) * (1 + len(widest))
        side, *line = lines[place % n_lines][block : block + 1 + len(widest)]
        side.set_axis_off()
        panels = _panels(pictures[rows[place].label], groups) if place < len(rows) else []
        for axis, panel in zip(line, panels, strict=False):
            _points(axis, pictures[rows[place].label], panel, size=5.0 / n_blocks)
        for axis in line[len(panels) :]:
            axis.set_visible(False)
        if panels:
            text = _side_text(dataset, rows[place], pictures[rows[place].label])
            side.text(
                1.0,
                0.5,
                text,
                fontsize=8 if n_blocks == 1 else 7,
                rotation=90,
                ha="right",
                va="center",
                in_layout=False,
            )
        if place % n_lines == 0:
            for axis, panel in zip(line, widest, strict=True):
                axis.set_title(panel.title.replace(" and ", ", "), fontsize=9 if n_blocks == 1 else 8)
    figure.suptitle(f"{dataset.dataset}: real test rows and synthetic rows", fontsize=10, fontweight="bold")
    _legends(foot, lines[-1][1:] if n_blocks == 1 else [], widest)
    _write_foot(foot, _SHEET_FOOT)
    return figure


def _axes(
    n_lines: int, panels: Sequence[_Panel], *, height: float, blocks: Sequence[float] = (0.0,)
) -> tuple[Figure, list[list[Axes]], Axes]:
    """Return a figure, its panels line by line, and a place below them for a legend and a sentence.

    A line has the panels of one generator for each of ``blocks``: the width of a place before them, as a share of a
    panel's, which is the first of their axes where it is not 0.
    """
    widths = [width for side in blocks for width in ([side] if side else []) + [1.0] * len(panels)]
    foot_height = _FOOT_TEXT + _FOOT_LINE * (math.ceil(len(panels[0].looks) / _LEGEND_COLUMNS) + len(blocks) - 1)
    figure = Figure(figsize=(_WIDTH, 0.65 + n_lines * height + foot_height), layout="constrained")
    heights = [height] * n_lines + [foot_height]
    grid = figure.add_gridspec(n_lines + 1, len(widths), height_ratios=heights, width_ratios=widths)
    lines = [[figure.add_subplot(grid[i, j]) for j in range(len(widths))] for i in range(n_lines)]
    foot = figure.add_subplot(grid[n_lines, :])
    foot.set_axis_off()
    return figure, lines, foot


def _write_foot(foot: Axes, text: str) -> None:
    foot.text(0.5, 0.0, text, fontsize=7.5, color=SOFT, ha="center", va="bottom", transform=foot.transAxes)


def _panels(picture: RowsPicture, groups: Mapping[str, Look]) -> list[_Panel]:
    panels = []
    for i, (name, labels) in enumerate(zip(picture.columns, picture.labels, strict=True)):
        looks = groups if i == 0 else {label: look_of_order(k) for k, label in enumerate(sorted(set(labels)))}
        panels.append(_Panel(f"by {name}", labels, {label: looks[label] for label in sorted(set(labels))}))
    origins = tuple(ORIGINS[synthetic] for synthetic in picture.synthetic)
    return [*panels, _Panel("real and synthetic", origins, _ORIGIN_LOOKS)]


def _points(axis: Axes, picture: RowsPicture, panel: _Panel, *, size: float) -> None:
    """Draw all rows in a random order, so that no kind lies on top of the others."""
    order = list(range(len(picture.x)))
    random.Random(0).shuffle(order)  # one order for all panels
    for marker in dict.fromkeys(look.marker for look in panel.looks.values()):
        chosen = [i for i in order if panel.looks[panel.labels[i]].marker == marker]
        axis.scatter(
            [picture.x[i] for i in chosen],
            [picture.y[i] for i in chosen],
            s=size,
            c=[panel.looks[panel.labels[i]].colour for i in chosen],
            marker=marker,
            linewidths=0.2,
            edgecolors=PAPER,
            rasterized=True,
        )
    axis.set_xticks([])
    axis.set_yticks([])
    axis.margins(0.04)
    for spine in axis.spines.values():
        spine.set_visible(True)


def _name_groups(axis: Axes, picture: RowsPicture) -> None:
    """Write each group's name where it is densest, large groups first; a name moves up or down to a free place.

    That of a group that it would cover stands above it; a line leads from a name that had to move away.
    """
    labels = np.array(picture.labels[0])
    points = np.column_stack([picture.x, picture.y])
    width, height = (
        share * float(extent or 1.0) for share, extent in zip((0.028, 0.05), np.ptp(points, axis=0), strict=True)
    )
    taken: list[tuple[float, float, float]] = []
    names, counts = np.unique(labels, return_counts=True)
    left, right = axis.get_xlim()
    axis.autoscale(False)  # lines to names do not move the frame
    for name in names[np.argsort(-counts, kind="stable")]:
        x0, y0, reach = _densest(points[labels == name])
        start = y0 + (0.8 * height if reach < height else 0.0)
        half = width * len(name) / 2
        column = min(max(x0, left + half), right - half)
        for step in range(200):
            line = start + (-1) ** step * (step + 1) // 2 * height / 4
            if not any(abs(column - x) < half + reach and abs(line - y) < height for x, y, reach in taken):
                break
        taken.append((column, line, half))
        if abs(line - y0) > 1.5 * height:
            axis.plot([column, x0], [line, y0], color=SOFT, lw=0.5, zorder=3)
        effect: Any = withStroke(linewidth=1.6, foreground=PAPER)
        axis.text(column, line, str(name), fontsize=6.5, ha="center", va="center", color=INK, path_effects=[effect])


def _densest(points: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the point whose nearer half of the others is nearest, inside the larger of two clusters, and how near."""
    distances = np.hypot(*(points[:, None, :] - points[None, :, :]).transpose(2, 0, 1))
    reach = np.sort(distances, axis=1)[:, len(points) // 2]
    x, y = points[int(reach.argmin())]
    return float(x), float(y), float(reach.min())


def _legends(foot: Axes, axes: Sequence[Axes], panels: Sequence[_Panel]) -> None:
    """Put the legend of many groups below the whole figure, those of two or three below their own panel.

    Where no axes are given, one line below the whole figure has all of the latter.
    """
    handles = [
        [
            Line2D([], [], ls="none", marker=look.marker, color=look.colour, ms=5, label=label)
            for label, look in panel.looks.items()
        ]
        for panel in panels
    ]
    options: Any = {"fontsize": 8, "handletextpad": 0.2, "columnspacing": 1.2, "loc": "upper center"}
    if not axes:
        few = list(chain.from_iterable(handles[1:]))
        foot.add_artist(foot.legend(handles=few, ncols=_LEGEND_COLUMNS, borderaxespad=0, **options))
    if len(panels) > 1:
        columns = min(_LEGEND_COLUMNS, len(handles[0]))
        foot.legend(handles=handles[0], ncols=columns, borderaxespad=0 if axes else 1.8, **options)
    for i, axis in enumerate(axes):
        if i or len(panels) == 1:
            columns = min(3, len(handles[i]))
            axis.legend(handles=handles[i], bbox_to_anchor=(0.5, -0.01), ncols=columns, **options)


def _score(dataset: DatasetBoard, row: BoardRow, name: str, split: int) -> float | None:
    for column, score in zip(dataset.columns, row.scores, strict=True):
        if column.spec.name == name:
            return score.by_split.get(split)
    return None


def _footer(dataset: DatasetBoard, row: BoardRow, picture: RowsPicture) -> str:
    n_synthetic = sum(picture.synthetic)
    text = (
        f"UMAP of {len(picture.x) - n_synthetic:,} real test rows and {n_synthetic:,} synthetic rows together "
        f"(split {picture.split}, draw {picture.draw}): an illustration."
    )
    found = [(name, _score(dataset, row, f"pca-{name}", picture.split)) for name in CRITERIA]
    known = [f"{name} {number_text(value, 2)}" for name, value in found if value is not None]
    return (
        f"{text}\nIn principal components, draws of this split averaged (1 is best): {', '.join(known)}"
        if known
        else text
    )


def _side_text(dataset: DatasetBoard, row: BoardRow, picture: RowsPicture) -> str:
    lines = textwrap.wrap(row.label.replace(",", ", "), 24)[:3]
    overall = _score(dataset, row, "pca-overall", picture.split)
    mixing = _score(dataset, row, "pca-mixing", picture.split)
    if mixing is not None:
        lines.append(f"mixing {number_text(mixing, 2)}")
    if overall is not None:
        lines.append(f"overall {number_text(overall, 2)}")
    return "\n".join(lines)
