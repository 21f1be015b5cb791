"""The figure of the scIB benchmark: a table of embeddings, with circles for scores and bars for mean scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from tabgenbench import ArtifactRow, Artifacts, MetricFigure, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["scib_figures", "table_figure"]

TABLE = "scib"
AGGREGATE = "aggregate score"
GROUPS = ("batch correction", "bio conservation", AGGREGATE)  # of the columns, in this order
COLOUR_MAPS = dict(zip(GROUPS, ("Blues", "Greens", "Greys"), strict=True))
HEADINGS = {"asw-batch": "ASW batch", "asw-label": "ASW label", "pcr-comparison": "PCR comparison", "clisi": "cLISI"}
HEADINGS |= {"ilisi": "iLISI", "kbet": "kBET", "nmi": "NMI", "ari": "ARI", "bio": "bio conservation"}
HEADINGS |= {"batch": "batch correction"}
_CAPTION = (
    "One line for each embedding, sorted by the total; names of controls are in italics. Circles: the ten scores of "
    "scIB, with diameter and colour by the value, from 0 to 1 and without rescaling between methods. Bars: means of a "
    "group, and total = .6 bio conservation + .4 batch correction. An empty place is a score without a value. The "
    "values are those of one seed on the first split; the tables of scores have means over splits, with intervals."
)
_LONGEST, _CELL, _TOP = 34, 0.52, 1.5  # characters of a name; inches of a line or column; inches of the headings


def scib_figures(artifacts: Artifacts) -> Iterator[MetricFigure]:
    """Yield one figure that shows the scores of all embeddings of a dataset, if there are scores."""
    rows = [row for row in artifacts.rows if TABLE in row.tables]
    if rows:
        yield MetricFigure(
            name="scib",
            draw=partial(table_figure, artifacts.dataset, rows),
            alt=f"Table of the scores of scIB on {artifacts.dataset}: batch correction, bio conservation, total.",
            caption=_CAPTION,
        )


def table_figure(dataset: str, rows: Sequence[ArtifactRow]) -> Figure:
    """Return a figure of the scores, with one line per embedding and gaps between the groups of scores."""
    values = [_values(row) for row in rows]
    order = sorted(range(len(rows)), key=lambda i: -values[i].get((AGGREGATE, "total"), -1.0))
    columns = [key for group in GROUPS for key in dict.fromkeys(k for one in values for k in one) if key[0] == group]
    at = [i + 0.5 * GROUPS.index(key[0]) for i, key in enumerate(columns)]
    width = at[-1] + 1.0
    figure = Figure(figsize=(2.3 + _CELL * width, _TOP + _CELL * len(rows)), layout="constrained")
    axis = figure.subplots()
    axis.set(xlim=(-0.5, width - 0.5), ylim=(len(rows) - 0.5, -0.5), aspect="equal")
    for line, i in enumerate(order):
        for x, key in zip(at, columns, strict=True):
            if key in values[i]:
                _mark(axis, x, line, values[i][key], key[0])
    short = drawing.shortened([row.label for row in rows], _LONGEST)
    axis.set_yticks(range(len(rows)), [short[rows[i].label] for i in order])
    for text, i in zip(axis.get_yticklabels(), order, strict=True):
        text.set_fontstyle("italic" if rows[i].is_control else "normal")
    names = [HEADINGS.get(name, name.replace("-", " ")) for _, name in columns]
    axis.xaxis.tick_top()
    axis.set_xticks(at, names, rotation=55, ha="left", rotation_mode="anchor")
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    for group in GROUPS:
        places = [x for x, key in zip(at, columns, strict=True) if key[0] == group]
        if places:
            axis.plot([places[0] - 0.45, places[-1] + 0.45], [len(rows) - 0.5] * 2, color=drawing.INK, clip_on=False)
            axis.text(sum(places) / len(places), len(rows) - 0.35, group, ha="center", va="top")
    figure.suptitle(f"{dataset}: scIB", fontsize=10, fontweight="bold")
    return figure


def _values(row: ArtifactRow) -> dict[tuple[str, str], float]:
    table = row.tables[TABLE]
    return {
        (group, name): float(value)
        for group, name, value in zip(table["group"], table["score"], table["value"], strict=True)
    }


def _mark(axis: Axes, x: float, line: int, value: float, group: str) -> None:
    shown = min(max(value, 0.0), 1.0)
    colour = mpl.colormaps[COLOUR_MAPS[group]](0.25 if group == AGGREGATE else 0.1 + 0.75 * shown)
    if group == AGGREGATE:
        axis.add_patch(Rectangle((x - 0.46, line - 0.3), 0.92 * shown, 0.6, color=colour))
    else:
        axis.add_patch(Circle((x, line), 0.22 + 0.24 * shown, color=colour))
    dark = group != AGGREGATE and shown > 0.6
    axis.text(x, line, f"{value:.2f}", ha="center", va="center", fontsize=7, color="white" if dark else drawing.INK)
