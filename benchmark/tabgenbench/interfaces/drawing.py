"""Colours, settings and helpers for figures on boards (pages of results)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl

from tabgenbench.formatting import number_text, shortened, spaced
from tabgenbench.interfaces.legends import (
    add_legend,
    fitted,
    legend_columns,
    legend_height,
    text_width,
)

__all__ = [
    "CONTROL",
    "INK",
    "LINE",
    "MODEL",
    "PAPER",
    "SOFT",
    "add_legend",
    "drawing",
    "fitted",
    "legend_columns",
    "legend_height",
    "number_text",
    "shortened",
    "spaced",
    "text_width",
]

# Each colour has one role, so that a page can replace it, for example in a dark theme.
PAPER, INK, SOFT, LINE, MODEL, CONTROL = "#ffffff", "#1b1f24", "#57606a", "#d0d7de", "#0067a8", "#6e7781"

_STYLE: Any = {  # matplotlib's type of settings lists every name
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.facecolor": PAPER,
    "axes.labelcolor": INK,
    "axes.titlesize": 8.5,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.dpi": 160,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": SOFT,
    "xtick.labelsize": 7.5,
    "ytick.color": LINE,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "text.parse_math": False,
    "svg.hashsalt": "tabgenbench",
}


@contextmanager
def drawing() -> Iterator[None]:
    """Apply the style of boards inside a ``with`` block; ignore the matplotlib settings of the caller.

    A figure must also be saved inside the block, because saving uses the style too.
    """
    with mpl.rc_context(), warnings.catch_warnings():
        # A character missing in the font is a box in a PNG; an SVG shows it in the reader's fonts.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield
