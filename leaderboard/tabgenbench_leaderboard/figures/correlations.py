"""Feature-feature correlations, real against synthetic, as hexagons: one panel a generator."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator, NullLocator

from tabgenbench_leaderboard.board.formatting import number_text
from tabgenbench_leaderboard.board.model import BoardRow, DatasetBoard
from tabgenbench_leaderboard.figures.artifacts import CorrelationPicture
from tabgenbench_leaderboard.figures.scores import LINE, SOFT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["correlation_figure"]

_WIDTH = 8.0
_MOST_COLUMNS = 3
_SHOWN = {"gamma": "gamma", "correlation-spread": "spread"}


def correlation_figure(dataset: DatasetBoard, pictures: Mapping[str, CorrelationPicture]) -> Figure | None:
    """Draw one panel a generator, all with the same axes and colours; None where there is nothing to draw."""
    rows = [row for row in dataset.rows if row.label in pictures]
    if not rows:
        return None
    n_columns = min(_MOST_COLUMNS, len(rows))
    n_lines = math.ceil(len(rows) / n_columns)
    figure = Figure(figsize=(_WIDTH, 1.2 + 2.95 * n_lines), layout="constrained")
    axes = figure.subplots(n_lines, n_columns, squeeze=False, sharex=True, sharey=True)
    panels: list[Axes] = list(axes.flat)
    norm = LogNorm(1, max(2, *(max(pictures[row.label].pairs) for row in rows)))
    for axis, row in zip(panels, rows, strict=False):
        drawn = _panel(axis, dataset, row, pictures[row.label], norm)
    for axis in panels[len(rows) :]:
        axis.set_visible(False)
    low, high = _limits([pictures[row.label] for row in rows])
    panels[0].set_xlim(low, high)
    panels[0].set_ylim(low, high)
    figure.suptitle(f"{dataset.dataset}: correlation r of each pair of features", fontsize=10, fontweight="bold")
    for axis in panels[max(0, len(rows) - n_columns) : len(rows)]:  # the lowest of each column
        axis.set_xlabel("r over real test rows")
        axis.tick_params(axis="x", labelbottom=True)
    for axis in axes[:, 0]:
        axis.set_ylabel("r over synthetic rows")
    bar = figure.colorbar(drawn, ax=axes, location="bottom", shrink=0.6, aspect=40, pad=0.02)
    bar.set_label("pairs of features in a hexagon; dotted line: real and synthetic r are equal", fontsize=8)
    bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    bar.ax.xaxis.set_minor_locator(NullLocator())
    bar.outline.set_visible(False)
    return figure


def _panel(
    axis: Axes, dataset: DatasetBoard, row: BoardRow, picture: CorrelationPicture, norm: LogNorm
) -> PolyCollection:
    tips = np.deg2rad(90 + 60 * np.arange(6))
    radius = picture.width / math.sqrt(3)
    corners = radius * np.column_stack([np.cos(tips), np.sin(tips)])
    centres = np.column_stack([picture.real, picture.synthetic])
    hexagons = PolyCollection(
        list(centres[:, None, :] + corners[None, :, :]),
        array=np.array(picture.pairs, dtype=float),
        cmap="cividis_r",
        norm=norm,
        linewidths=0.3,
        edgecolors="face",  # without an edge, white seams show between hexagons
        rasterized=True,
    )
    axis.add_collection(hexagons)
    axis.axline((0, 0), slope=1, color="#d55e00", lw=1.0, ls=":")
    axis.axhline(0, color=LINE, lw=0.6, zorder=0)
    axis.axvline(0, color=LINE, lw=0.6, zorder=0)
    axis.set_aspect("equal")
    axis.xaxis.set_major_locator(MultipleLocator(0.5))
    axis.yaxis.set_major_locator(MultipleLocator(0.5))
    axis.tick_params(axis="y", labelsize=7.5, labelcolor=SOFT, color=LINE)
    axis.set_title("\n".join([*textwrap.wrap(row.label.replace(",", ", "), 30), _facts(dataset, row, picture.split)]))
    return hexagons


def _facts(dataset: DatasetBoard, row: BoardRow, split: int) -> str:
    """Name the scores that the panel makes visible, those of its split."""
    values = {
        column.spec.name: score.by_split[split]
        for column, score in zip(dataset.columns, row.scores, strict=True)
        if column.spec.name in _SHOWN and split in score.by_split
    }
    return ", ".join(f"{text} {number_text(values[name], 2)}" for name, text in _SHOWN.items() if name in values)


def _limits(pictures: list[CorrelationPicture]) -> tuple[float, float]:
    ends = [value for picture in pictures for values in (picture.real, picture.synthetic) for value in values]
    return math.floor(10 * min(ends) - 0.5) / 10, min(1.05, math.ceil(10 * max(ends) + 0.5) / 10)
