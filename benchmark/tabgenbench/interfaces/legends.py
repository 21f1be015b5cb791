"""Labels and legends that fit into a figure; text that is too wide is cut. Widths and heights are in inches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from tabgenbench.formatting import end_cut

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["add_legend", "fitted", "legend_columns", "legend_height", "text_width"]

FONT = "DejaVu Sans"
_SIZE = 8.0  # font size of legends in points
_HANDLE, _HANDLE_PAD, _COLUMN_SPACE = 1.7, 0.5, 1.2  # in units of the font size
_ENTRY = (_HANDLE + _HANDLE_PAD + _COLUMN_SPACE) * _SIZE / 72
_LINE_SPACE, _BORDER = 0.01 + 0.5 * _SIZE / 72, 0.8 * _SIZE / 72  # rendered letters are slightly higher
_MOST_COLUMNS = 8


def text_width(text: str, size: float = _SIZE) -> float:
    """Return the width of a line of text with font size ``size`` (points)."""
    return _extent(text, size)[0]


@lru_cache(maxsize=4096)
def _extent(text: str, size: float) -> tuple[float, float]:
    font = FontProperties(family=FONT, size=size)
    width, height, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(width) / 72, float(height) / 72


def fitted(text: str, width: float, size: float = _SIZE) -> str:
    """Return a text, cut to at most ``width`` inches; a cut text ends with an ellipsis."""
    cut = len(text)
    while cut > 1 and text_width(end_cut(text, cut), size) > width:
        cut -= 1
    return end_cut(text, cut)


def legend_columns(labels: Sequence[str], width: float) -> int:
    """Return the smallest number of columns (at most 8) with the fewest lines; 0 if a label does not fit."""
    widths = np.array([_ENTRY + text_width(label) for label in labels])
    fitting = [
        n
        for n in range(1, min(_MOST_COLUMNS, len(labels)) + 1)
        if sum(float(part.max()) for part in np.array_split(widths, n)) <= width
    ]
    return next((n for n in fitting if _lines(labels, n) == _lines(labels, max(fitting))), 0)


def _lines(labels: Sequence[str], columns: int) -> int:
    return math.ceil(len(labels) / columns)


def legend_height(labels: Sequence[str], width: float) -> float:
    """Return the height of a legend of a given width."""
    line = _LINE_SPACE + max(_extent(label, _SIZE)[1] for label in ("lp", *labels))
    return _BORDER + line * _lines(labels, max(1, legend_columns(labels, width)))


def add_legend(
    parent: Figure | Axes, handles: Sequence[Artist], *, at: tuple[float, float], width: float, pad: float = 0.0
) -> None:
    """Draw a legend that lists the labels of the given handles.

    Args:
        parent: figure or axes of the legend.
        handles: artists with labels.
        at: centre of the upper edge, as fractions of the parent's width and height.
        width: maximum width in inches.
        pad: distance between ``at`` and the legend, in inches.
    """
    labels = [str(handle.get_label()) for handle in handles]
    legend = parent.legend(
        handles=list(handles),
        labels=["."] * len(handles),
        loc="upper center",
        bbox_to_anchor=at,
        ncols=max(1, legend_columns(labels, width)),
        borderaxespad=72 * pad / _SIZE,
        fontsize=_SIZE,
        handlelength=_HANDLE,
        handletextpad=_HANDLE_PAD,
        columnspacing=_COLUMN_SPACE,
    )
    for text, label in zip(legend.get_texts(), labels, strict=True):
        text.set_text(label)  # matplotlib omits labels that begin with "_"
