"""Figure of the associations of pairs of columns, synthetic against real, with one panel per generator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tabgenbench import ArtifactRow, Artifacts, MetricFigure, drawing
from tabgenbench_plugins.metrics.parts.panels import name_panel, panels_of

__all__ = ["associations_figure", "associations_figures"]

ARTIFACT = "pairs"
_CAPTION = (
    "Each point is a pair of columns, at its association over real test rows and over synthetic rows: Pearson "
    "correlation of two numeric features, correlation ratio of a numeric feature and a categorical column, Cramér's V "
    "of two categorical columns. On the dotted line, both are equal. Part of the distance from the line is chance: the "
    "panel of `real-resample` shows how much."
)
_KINDS = {"numeric": ("#0067a8", "o"), "mixed": ("#d55e00", "^"), "categorical": ("#009e73", "s")}


def associations_figures(artifacts: Artifacts) -> Iterator[MetricFigure]:
    """Yield a figure of associations of column pairs, if the metric `associations` stored the artifact ``pairs``."""
    rows = [row for row in artifacts.rows if ARTIFACT in row.tables and len(row.tables[ARTIFACT])]
    if rows:
        yield MetricFigure(
            name="associations",
            draw=partial(associations_figure, artifacts.dataset, rows),
            alt=f"Association of each pair of columns over synthetic rows against real rows on {artifacts.dataset}.",
            caption=_CAPTION,
        )


def associations_figure(dataset: str, rows: Sequence[ArtifactRow]) -> Figure:
    """Return a figure of synthetic against real associations of pairs of columns, with one panel per generator."""
    title = f"{dataset}: association of each pair of columns"
    figure, panels = panels_of(len(rows), title, height=2.8, labels=("real test rows", "synthetic rows"))
    for axis, row in zip(panels, rows, strict=True):
        _panel(axis, row, row.tables[ARTIFACT])
    ends = [float(value) for row in rows for side in ("real", "synthetic") for value in row.tables[ARTIFACT][side]]
    panels[0].set(xlim=(min(ends) - 0.05, max(ends) + 0.05), ylim=(min(ends) - 0.05, max(ends) + 0.05))
    lines = [line for axis in panels for line in axis.get_lines()]
    handles = {str(line.get_label()): line for line in lines if line.get_label() in _KINDS}
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=len(_KINDS), fontsize=8)
    return figure


def _panel(axis: Axes, row: ArtifactRow, table: pd.DataFrame) -> None:
    for kind, (colour, marker) in _KINDS.items():
        pairs = table[table["kind"] == kind]
        if len(pairs):
            x, y = pairs["real"].astype(float), pairs["synthetic"].astype(float)
            axis.plot(x, y, marker, color=colour, ms=3.0, mew=0.0, alpha=0.6, label=kind, rasterized=True)
    axis.axline((0, 0), slope=1, color=drawing.SOFT, lw=1.0, ls=":")
    axis.set_aspect("equal")
    axis.tick_params(labelsize=7.5, labelcolor=drawing.SOFT, color=drawing.LINE)
    error = row.scores.get("association-error")
    facts = [] if error is None else [f"mean difference {drawing.number_text(error, 3)}"]
    name_panel(axis, row, facts)
