"""Figure of the headline scores by number of training rows. Lengths in this module are in inches."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from tabgenbench.interfaces.drawing import SOFT, add_legend, legend_height, shortened
from tabgenbench_leaderboard.board.formatting import direction_text
from tabgenbench_leaderboard.board.headline import headline_columns
from tabgenbench_leaderboard.board.learning_curves import LearningCurve
from tabgenbench_leaderboard.board.model import ScoreValue
from tabgenbench_leaderboard.figures.drawn_rows import drawn_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["learning_figure"]

# Okabe and Ito's colours: distinguishable for colour-blind readers, and visible on white and on black.
_LINES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_MARKERS = "osD^vP"
_WIDTH, _HEIGHT = 5.5, 2.6
_LEFT, _BELOW, _TITLE, _FOOT = 0.75, 0.45, 0.35, 0.25
_LONGEST_LABEL = 40  # characters
_FOOT_TEXT = "mean over splits and 95 % interval; dashed: controls"


def learning_figure(curve: LearningCurve) -> Figure | None:
    """Draw one panel per headline score, with one line per generator over the number of training rows (log scale).

    Returns:
        The figure, or None if no headline score has a value.
    """
    titles = dict.fromkeys(dataset.columns[i].title for dataset in curve.datasets for i in headline_columns(dataset))
    if not titles:
        return None
    labels = shortened(_labels(curve), _LONGEST_LABEL)
    across = _WIDTH - _LEFT - 0.15
    below = _BELOW + legend_height(list(labels.values()), across)
    share = _TITLE + _HEIGHT + below
    full = 0.3 + len(titles) * share + _FOOT
    figure = Figure(figsize=(_WIDTH, full))
    for place, title in enumerate(titles):
        bottom = full - 0.3 - place * share - _TITLE - _HEIGHT
        axis = figure.add_axes((_LEFT / _WIDTH, bottom / full, across / _WIDTH, _HEIGHT / full))
        _panel(axis, curve, title, labels)
        add_legend(axis, axis.get_lines()[: len(labels)], at=(0.5, 0), width=across, pad=_BELOW)
    head: Any = {"fontsize": 9.5, "fontweight": "bold", "va": "top", "ha": "center"}
    figure.text(0.5, 1 - 0.05 / full, f"{curve.name}: scores by number of training rows", **head)
    figure.text(0.5, 0.04 / full, _FOOT_TEXT, fontsize=7.5, color=SOFT, ha="center", va="bottom")
    return figure


def _labels(curve: LearningCurve) -> list[str]:
    rows = [row for dataset in curve.datasets for row in drawn_rows(dataset).rows]
    return list(dict.fromkeys(row.label for row in sorted(rows, key=lambda row: row.is_control)))


def _panel(axis: Axes, curve: LearningCurve, title: str, labels: dict[str, str]) -> None:
    column = next(one for dataset in curve.datasets for one in dataset.columns if one.title == title)
    controls = {row.label for dataset in curve.datasets for row in dataset.controls}
    bars: list[tuple[float, ScoreValue, str]] = []
    for place, (label, shown) in enumerate(labels.items()):
        points = _points(curve, title, label)
        colour = _LINES[place % len(_LINES)]
        # Points at the same number of rows are slightly apart, so that their intervals do not cover each other.
        shift = 1.0 + 0.025 * (place - (len(labels) - 1) / 2)
        style: Any = {
            "ls": "--" if label in controls else "-",
            "marker": _MARKERS[place // len(_LINES) % len(_MARKERS)],
        }
        means = [score.mean or 0.0 for _, score in points]
        axis.plot([rows * shift for rows, _ in points], means, color=colour, lw=1.2, ms=3.5, label=shown, **style)
        bars += [(rows * shift, score, colour) for rows, score in points]
    for x, score, colour in bars:
        if score.ci_low is not None and score.ci_high is not None:
            axis.vlines(x, score.ci_low, score.ci_high, colour, lw=0.9)
    if column.title.endswith("gain"):
        axis.axhline(0.0, color=SOFT, lw=0.8, ls=":", zorder=0)
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(FixedLocator(curve.rows))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axis.set_xlabel("training rows")
    axis.xaxis.set_label_coords(0.5, -0.28 / _HEIGHT)
    axis.set_title("\n".join([*textwrap.wrap(column.title, 60), direction_text(column)]), y=1)
    axis.grid(axis="y")
    axis.set_axisbelow(True)


def _points(curve: LearningCurve, title: str, label: str) -> list[tuple[int, ScoreValue]]:
    found = []
    for n_rows, dataset in zip(curve.rows, curve.datasets, strict=True):
        for i, column in enumerate(dataset.columns):
            for row in dataset.rows:
                if (column.title, row.label) == (title, label) and row.scores[i].mean is not None:
                    found.append((n_rows, row.scores[i]))
    return found
