"""Hexbin plots of synthetic against real feature-feature correlations, with one panel per generator."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.collections import PolyCollection
from matplotlib.colors import LogNorm
from matplotlib.ticker import FuncFormatter, MultipleLocator, NullLocator

from tabgenbench import ArtifactRow, Artifacts, MetricFigure, drawing
from tabgenbench_plugins.metrics.parts.panels import name_panel, panels_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["correlation_figure", "correlation_figures"]

ARTIFACT = "hexagons"
_CAPTION = (
    "Each pair of features is counted in one hexagon, at its correlation over real test rows and over synthetic rows; "
    "dark hexagons contain many pairs. On the dotted line, both correlations are equal. A flatter cloud means that "
    "synthetic correlations are too weak; a steeper one that they are too strong, as in rows without noise. The width "
    "of the cloud is disagreement, part of which is chance: the panel of `real-resample` shows how much."
)
_SHOWN = {"gamma": "gamma", "correlation-spread": "spread"}


def correlation_figures(artifacts: Artifacts) -> Iterator[MetricFigure]:
    """Yield a figure of synthetic against real correlations of features, if the artifact ``hexagons`` is stored."""
    rows = [row for row in artifacts.rows if ARTIFACT in row.tables]
    if rows:
        yield MetricFigure(
            name="correlations",
            draw=partial(correlation_figure, artifacts.dataset, rows),
            alt=(f"Correlation of each pair of features over synthetic rows against real rows on {artifacts.dataset}."),
            caption=_CAPTION,
        )


def correlation_figure(dataset: str, rows: Sequence[ArtifactRow]) -> Figure:
    """Return a figure with one hexbin plot of correlations per generator, all with the same axes and colours."""
    hexagons = [row.tables[ARTIFACT].astype(float) for row in rows]
    title = f"{dataset}: correlation r of each pair of features"
    labels = "r over real test rows", "r over synthetic rows"
    figure, panels = panels_of(len(rows), title, height=2.95, labels=labels)
    norm = LogNorm(1, max(2.0, *(table["pairs"].max() for table in hexagons)))
    for axis, row, table in zip(panels, rows, hexagons, strict=True):
        drawn = _panel(axis, row, table, norm)
    low, high = _limits(hexagons)
    panels[0].set_xlim(low, high)
    panels[0].set_ylim(low, high)
    bar = figure.colorbar(drawn, ax=figure.axes, location="bottom", shrink=0.6, aspect=40, pad=0.02)
    bar.set_label("pairs of features in a hexagon; dotted line: real and synthetic r are equal", fontsize=8)
    bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    bar.ax.xaxis.set_minor_locator(NullLocator())
    bar.outline.set_visible(False)
    return figure


def _panel(axis: Axes, row: ArtifactRow, table: pd.DataFrame, norm: LogNorm) -> PolyCollection:
    tips = np.deg2rad(90 + 60 * np.arange(6))
    radius = table["width"].iloc[0] / math.sqrt(3)
    corners = radius * np.column_stack([np.cos(tips), np.sin(tips)])
    centres = table[["real", "synthetic"]].to_numpy()
    drawn = PolyCollection(
        list(centres[:, None, :] + corners[None, :, :]),
        array=table["pairs"].to_numpy(),
        cmap="cividis_r",
        norm=norm,
        linewidths=0.3,
        edgecolors="face",  # without an edge, white seams show between hexagons
        rasterized=True,
    )
    axis.add_collection(drawn)
    axis.axline((0, 0), slope=1, color="#d55e00", lw=1.0, ls=":")
    axis.axhline(0, color=drawing.LINE, lw=0.6, zorder=0)
    axis.axvline(0, color=drawing.LINE, lw=0.6, zorder=0)
    axis.set_aspect("equal")
    axis.xaxis.set_major_locator(MultipleLocator(0.5))
    axis.yaxis.set_major_locator(MultipleLocator(0.5))
    axis.tick_params(axis="y", labelsize=7.5, labelcolor=drawing.SOFT, color=drawing.LINE)
    name_panel(axis, row, [_facts(row)])
    return drawn


def _facts(row: ArtifactRow) -> str:
    shown = ((text, row.scores[name]) for name, text in _SHOWN.items() if name in row.scores)
    return ", ".join(f"{text} {drawing.number_text(value, 2)}" for text, value in shown)


def _limits(hexagons: Sequence[pd.DataFrame]) -> tuple[float, float]:
    ends = [value for table in hexagons for name in ("real", "synthetic") for value in table[name]]
    return math.floor(10 * min(ends) - 0.5) / 10, min(1.05, math.ceil(10 * max(ends) + 0.5) / 10)
