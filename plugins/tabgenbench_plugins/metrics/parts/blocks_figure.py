"""Figures of the blocks (named groups of dimensions) of embeddings: importance of blocks, and cells in each block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tabgenbench import ArtifactRow, Artifacts, MetricFigure, drawing
from tabgenbench_plugins.metrics.parts.palette import COLOURS, Look, group_looks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["block_figures", "cells_figure", "shares_figure"]

SHARES, PLACES = "blocks", "places"
ROLES = ("type", "condition", "batch")
_INTRO = (
    "The block test asks which block of an embedding a classifier uses: types and conditions should be in the first "
    "block, batches in the other. The figures show the first draw of the first split."
)
_SHARES_CAPTION = (
    "Share of each block in the loss of held-out accuracy of a random forest, if the block is permuted as a whole. A "
    "black mark is the block's share of the dimensions, which it has by chance; a share at its mark proves nothing."
)
_CELLS_CAPTION = (
    "Test cells in each block, coloured by type, condition and batch; a block of more than two dimensions is shown by "
    "a UMAP, which is an illustration."
)
_WIDTH, _LONGEST = 8.0, 28


def block_figures(artifacts: Artifacts) -> Iterator[MetricFigure]:
    """Yield a figure of the importance of blocks, if a model has several, and a figure of cells for each embedding."""
    rows = [row for row in artifacts.rows if SHARES in row.tables and row.tables[SHARES]["block"].nunique() > 1]
    if rows:
        yield MetricFigure(
            name="blocks",
            draw=partial(shares_figure, artifacts.dataset, rows),
            alt=f"Shares of the blocks of each embedding on {artifacts.dataset}, with marks at chance.",
            caption=_SHARES_CAPTION,
            intro=_INTRO,
        )
    embedded = [row for row in artifacts.rows if PLACES in row.tables]
    looks = {role: group_looks(_labels(embedded, role)) for role in ROLES}
    for row in embedded:
        yield MetricFigure(
            name="cells",
            draw=partial(cells_figure, artifacts.dataset, row, looks),
            alt=f"Cells in each block of {row.label} on {artifacts.dataset}, by type, condition and batch.",
            caption=f"`{row.label}`. {_CELLS_CAPTION}",
            intro="" if rows else _INTRO,
            label=row.label,
        )


def shares_figure(dataset: str, rows: Sequence[ArtifactRow]) -> Figure:
    """Return a bar chart of the importance of each block, grouped by generator and predicted column."""
    bars = [(row.label, role, table) for row in rows for role, table in row.tables[SHARES].groupby("role", sort=False)]
    blocks = list(dict.fromkeys(name for _, _, table in bars for name in table["block"]))
    figure = Figure(figsize=(_WIDTH, 1.3 + 0.3 * len(bars)), layout="constrained")
    axis = figure.subplots()
    thick = 0.8 / len(blocks)
    for line, (_, _, table) in enumerate(bars):
        for name, share, chance in zip(table["block"], table["share"], table["chance"], strict=True):
            at = line + (blocks.index(name) - (len(blocks) - 1) / 2) * thick
            axis.barh(at, float(share), height=0.9 * thick, color=COLOURS[blocks.index(name)])
            axis.plot([float(chance)] * 2, [at - thick / 2, at + thick / 2], color=drawing.INK, lw=1.5)
    short = drawing.shortened([label for label, _, _ in bars], _LONGEST)
    axis.set_yticks(range(len(bars)), [f"{short[label]}: {role}" for label, role, _ in bars])
    axis.invert_yaxis()
    axis.set_xlim(0, 1)
    axis.set_xlabel("share of the loss of accuracy")
    handles = [Line2D([], [], ls="none", marker="s", color=COLOURS[i], label=name) for i, name in enumerate(blocks)]
    handles.append(Line2D([], [], ls="none", marker="|", color=drawing.INK, ms=10, mew=1.5, label="chance"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    figure.suptitle(f"{dataset}: use of the blocks", fontsize=10, fontweight="bold")
    return figure


def cells_figure(dataset: str, row: ArtifactRow, looks: Mapping[str, Mapping[str, Look]]) -> Figure:
    """Return scatter plots of cells: one column per block, one row per colouring (type, condition or batch)."""
    table = row.tables[PLACES]
    blocks, roles = (
        list(dict.fromkeys(table["block"])),
        [role for role in ROLES if table[role].nunique() > 1] or ["type"],
    )
    figure = Figure(figsize=(_WIDTH, 0.6 + 2.6 * len(roles)), layout="constrained")
    panels = figure.subplots(len(roles), len(blocks), squeeze=False)
    for line, role in enumerate(roles):
        for column, name in enumerate(blocks):
            _points(panels[line, column], table[table["block"] == name], role, looks[role])
        panels[line, 0].set_ylabel(f"by {role}")
        used = [value for value in looks[role] if (table[role] == value).any()]
        short = drawing.shortened(used, _LONGEST)
        handles = [_handle(looks[role][value], short[value]) for value in used]
        panels[line, -1].legend(handles=handles, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=7)
    for column, name in enumerate(blocks):
        panels[0, column].set_title(name)
    figure.suptitle(f"{drawing.spaced(row.label)} on {dataset}", fontsize=10, fontweight="bold")
    return figure


def _points(axis: Axes, table: pd.DataFrame, role: str, looks: Mapping[str, Look]) -> None:
    order = np.random.default_rng(0).permutation(len(table))
    x, y = (table[name].astype(float).to_numpy()[order] for name in ("x", "y"))
    colours = [looks[label].colour for label in table[role].to_numpy()[order]]
    axis.scatter(x, y, s=4, c=colours, linewidths=0, rasterized=True)
    axis.set_xticks([])
    axis.set_yticks([])


def _handle(look: Look, label: str) -> Line2D:
    return Line2D([], [], ls="none", marker="o", color=look.colour, ms=4, label=label)


def _labels(rows: Sequence[ArtifactRow], role: str) -> set[str]:
    return {str(value) for row in rows for value in row.tables[PLACES][role]}
