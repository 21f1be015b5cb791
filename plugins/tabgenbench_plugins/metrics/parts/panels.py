"""Figures with one panel per generator, all with the same axes."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from tabgenbench import ArtifactRow, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["name_panel", "panels_of"]

_WIDTH = 8.0
_MOST_COLUMNS = 3


def panels_of(n: int, title: str, *, height: float, labels: tuple[str, str]) -> tuple[Figure, list[Axes]]:
    """Return a figure and its ``n`` panels, at most three per row.

    ``height`` is the height of a row of panels in inches. ``labels`` are the labels of the horizontal and of the
    vertical axes.
    """
    n_columns = min(_MOST_COLUMNS, n)
    n_lines = math.ceil(n / n_columns)
    figure = Figure(figsize=(_WIDTH, 1.2 + height * n_lines), layout="constrained")
    axes = figure.subplots(n_lines, n_columns, squeeze=False, sharex=True, sharey=True)
    panels: list[Axes] = list(axes.flat)
    for axis in panels[n:]:
        axis.set_visible(False)
    figure.suptitle(title, fontsize=10, fontweight="bold")
    for axis in panels[n - n_columns : n]:  # the lowest of each column
        axis.set_xlabel(labels[0])
        axis.tick_params(axis="x", labelbottom=True)
    for axis in axes[:, 0]:
        axis.set_ylabel(labels[1])
    return figure, panels[:n]


def name_panel(axis: Axes, row: ArtifactRow, facts: Iterable[str]) -> None:
    """Write a title above the panel of a generator: its name, and lines of text below the name."""
    axis.set_title("\n".join([*textwrap.wrap(drawing.spaced(row.label), 30), *facts]))
