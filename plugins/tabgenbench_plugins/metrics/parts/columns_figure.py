"""Heat map of the distance between real and synthetic distributions for each column and generator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tabgenbench import ArtifactRow, Artifacts, MetricFigure, drawing

__all__ = ["columns_figure", "columns_figures"]

ARTIFACT = "columns"
_MOST_COLUMNS = 40
_CAPTION = (
    "Distance between the distributions of a column over synthetic and real test rows: Kolmogorov-Smirnov distance of "
    "a numeric feature, total variation distance of a categorical one (marked with c). Dark fields are far from real "
    "rows. Part of a distance is chance: the column of `real-resample` shows how much."
)
_WIDTH = 8.0
_LONGEST = 28  # characters of a name


def columns_figures(artifacts: Artifacts) -> Iterator[MetricFigure]:
    """Yield a heat map of the distances between real and synthetic columns, if the metric `columns` stored a table."""
    rows = [row for row in artifacts.rows if ARTIFACT in row.tables and len(row.tables[ARTIFACT])]
    if rows:
        yield MetricFigure(
            name="columns",
            draw=partial(columns_figure, artifacts.dataset, rows),
            alt=f"Distance of each column's distribution from real test rows on {artifacts.dataset}, by generator.",
            caption=_CAPTION,
        )


def columns_figure(dataset: str, rows: Sequence[ArtifactRow]) -> Figure:
    """Return a heat map of distances: columns of the dataset from top to bottom, generators from left to right."""
    distances = _distances(rows)
    n_columns = len(distances)
    shown = distances.iloc[:_MOST_COLUMNS]
    values = shown.to_numpy()
    figure = Figure(figsize=(_WIDTH, 1.6 + 0.2 * len(shown)), layout="constrained")
    axis = figure.subplots()
    largest = max(0.1, float(np.nanmax(values)))
    axis.imshow(values, cmap="cividis_r", vmin=0.0, vmax=largest, aspect="auto")
    for (i, j), value in np.ndenumerate(values):
        if np.isfinite(value):
            colour = drawing.PAPER if value > largest / 2 else drawing.INK
            axis.text(j, i, drawing.number_text(value, 2), ha="center", va="center", fontsize=6, color=colour)
    labels = [drawing.spaced(row.label) for row in rows]
    short = drawing.shortened(labels, _LONGEST)
    axis.set_xticks(
        range(len(rows)),
        [short[label] for label in labels],
        rotation=35,
        ha="right",
        rotation_mode="anchor",
    )
    names = drawing.shortened(shown.index, _LONGEST)
    axis.set_yticks(range(len(shown)), [names[name] for name in shown.index])
    axis.tick_params(length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)
    of_all = f" ({len(shown)} of {n_columns:,} with the largest distances)" if len(shown) < n_columns else ""
    figure.suptitle(f"{dataset}: distance of each column{of_all}", fontsize=10, fontweight="bold")
    return figure


def _distances(rows: Sequence[ArtifactRow]) -> pd.DataFrame:
    tables = []
    for row in rows:
        table = row.tables[ARTIFACT]
        mark = np.where(table["kind"] == "categorical", " (c)", "")
        tables.append(pd.Series(table["distance"].astype(float).to_numpy(), index=table["column"] + mark))
    joined = pd.concat(tables, axis=1, keys=range(len(rows)))
    models = [i for i, row in enumerate(rows) if not row.is_control] or list(range(len(rows)))
    order = joined[models].median(axis=1).sort_values(ascending=False, kind="stable").index
    return joined.loc[order]
