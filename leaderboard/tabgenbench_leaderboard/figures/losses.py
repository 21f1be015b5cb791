"""Figure of the loss curves that generators report; all lengths in this module are in inches."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from tabgenbench.interfaces.drawing import SOFT, add_legend, legend_height, shortened, spaced
from tabgenbench_leaderboard.board.collect import MAX_CURVES
from tabgenbench_leaderboard.board.model import BoardRow, DatasetBoard

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["loss_figure"]

# Okabe and Ito's colours: distinguishable for colour-blind readers, and visible on white and on black.
_CURVES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_DASHES = ("-", "--", ":")
_WIDTH = 8.0
_LEFT_OF_AXIS, _BELOW_AXIS, _LOSS_HEIGHT = 0.72, 0.4, 1.95  # room for tick labels and axis names, height of a panel
_LONGEST_LABEL = 48  # characters
_NARROW, _FEW_CURVES = 5.0, 6  # width of a figure whose only panel has at most `_FEW_CURVES` kinds of loss


def loss_figure(dataset: DatasetBoard) -> Figure | None:
    """Draw one panel per generator, with one loss curve for each kind of loss and each training (split and seed).

    Returns:
        The figure, or None if no generator reported a loss.
    """
    rows = [row for row in dataset.rows if row.curves]
    if not rows:
        return None
    n_columns = min(2, len(rows))
    width = _NARROW if n_columns == 1 and len(_curve_labels(rows[0])) <= _FEW_CURVES else _WIDTH
    share = width / n_columns
    across = share - _LEFT_OF_AXIS - 0.1
    titles = ["\n".join(textwrap.wrap(spaced(row.label), 48)) for row in rows]
    above = 0.1 + 0.15 * max(title.count("\n") + 1 for title in titles)
    below = _BELOW_AXIS + max(legend_height(list(_curve_labels(row).values()), across) for row in rows)
    foot = textwrap.wrap(_loss_foot(rows), round(15 * width))
    full = 0.3 + math.ceil(len(rows) / n_columns) * (above + _LOSS_HEIGHT + below) + 0.04 + 0.14 * len(foot)
    # Positions are computed in advance, because measuring the tick labels of all axes takes longer than drawing them.
    figure = Figure(figsize=(width, full))
    for i, (row, title) in enumerate(zip(rows, titles, strict=True)):
        line, column = divmod(i, n_columns)
        bottom = full - 0.3 - line * (above + _LOSS_HEIGHT + below) - above - _LOSS_HEIGHT
        left = column * share + _LEFT_OF_AXIS
        axis = figure.add_axes((left / width, bottom / full, across / width, _LOSS_HEIGHT / full))
        _loss_panel(axis, row, title, across)
    head: Any = {"fontsize": 9.5, "fontweight": "bold", "va": "top"}
    figure.text(0.5, 1 - 0.05 / full, f"{dataset.dataset}: loss curves", ha="center", **head)
    figure.text(0.5, 0.04 / full, "\n".join(foot), fontsize=7.5, color=SOFT, ha="center", va="bottom")
    return figure


def _loss_foot(rows: Sequence[BoardRow]) -> str:
    is_cut = any(len(row.curves) == MAX_CURVES < row.cells_ok for row in rows)
    first = f" (the first {MAX_CURVES})" if is_cut else ""
    return (
        f"one line for each split and seed{first}; losses are those on training rows unless their name says otherwise"
    )


def _loss_panel(axis: Axes, row: BoardRow, title: str, width: float) -> None:
    labels = _curve_labels(row)
    handles = [_draw_curves(axis, row, name, label=labels[name], **_curve_style(i)) for i, name in enumerate(labels)]
    low, high = axis.dataLim.intervaly
    if 0 < low < math.inf and high > 20 * low:
        axis.set_yscale("log")
        axis.yaxis.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0)))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.yaxis.set_minor_locator(NullLocator())
    axis.autoscale_view()
    axis.set_title(title, y=1)
    axis.set_xlabel("epoch")
    axis.xaxis.set_label_coords(0.5, -0.26 / _LOSS_HEIGHT)
    axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axis.set_ylabel("loss")
    axis.yaxis.set_label_coords(-0.53 / width, 0.5)
    axis.tick_params(axis="y", labelsize=7.5, labelcolor=SOFT)
    axis.grid(axis="y")
    axis.set_axisbelow(True)
    add_legend(axis, handles, at=(0.5, 0), width=width, pad=_BELOW_AXIS)


def _draw_curves(axis: Axes, row: BoardRow, name: str, **style: Any) -> LineCollection:
    # One matplotlib artist for the lines of all trainings is fast. A missing value breaks a line.
    cells = [(curve.epochs, curve.losses[name]) for curve in row.curves if name in curve.losses]
    lines = [np.column_stack([epochs, np.array(losses, dtype=float)]) for epochs, losses in cells]
    drawn = LineCollection(lines, lw=1, alpha=0.85, **style)
    axis.add_collection(drawn, autolim=False)
    points = np.concatenate(lines)
    axis.update_datalim(points[np.isfinite(points).all(axis=1)])
    return drawn


def _curve_style(order: int) -> dict[str, Any]:
    dash, colour = divmod(order, len(_CURVES))
    return {"color": _CURVES[colour], "linestyle": _DASHES[dash % len(_DASHES)]}


def _curve_labels(row: BoardRow) -> dict[str, str]:
    return shortened((name for curve in row.curves for name in curve.losses), _LONGEST_LABEL)
