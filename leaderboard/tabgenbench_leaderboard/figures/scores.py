"""Dot plot of every score of a dataset, with the generators on the vertical axis."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from tabgenbench.formatting import number_text
from tabgenbench.interfaces.drawing import CONTROL, LINE, MODEL, PAPER, SOFT
from tabgenbench_leaderboard.board.formatting import direction_text, score_text, shown_columns
from tabgenbench_leaderboard.board.model import BoardRow, DatasetBoard, ScoreColumn

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["score_figure"]

_WIDTH = 8.0
_MOST_COLUMNS = 4
_LABEL_WIDTH = 30
_SCORE_FOOT = (
    "dot: mean over splits of a model; grey square: of a control; bar: 95 % interval; small marks: single splits\n"
    "dotted line: the best possible value; arrow with a number: a mean far outside the panel"
)
_SHORTEST = 1e-3
_FAR = 10.0


def score_figure(dataset: DatasetBoard) -> Figure | None:
    """Draw one panel per score and one panel for the time to fit, with the generators on the vertical axis.

    Returns:
        The figure, or None if no generator has a score.
    """
    chosen = [i for i in shown_columns(dataset) if any(row.scores[i].by_split for row in dataset.rows)]
    if not chosen:
        return None
    rows = [row for row in dataset.rows if row.cells_ok]
    heights = _heights(rows)
    n_lines = math.ceil((len(chosen) + 1) / _MOST_COLUMNS)
    n_columns = math.ceil((len(chosen) + 1) / n_lines)
    figure = Figure(figsize=(_WIDTH, 0.35 + n_lines * (0.85 + 0.2 * (heights[-1] + 1))), layout="constrained")
    axes = figure.subplots(n_lines, n_columns, squeeze=False)
    panels: list[Axes] = list(axes.flat)
    for axis, i in zip(panels, chosen, strict=False):
        _score_panel(axis, dataset.columns[i], [(row, height) for row, height in zip(rows, heights, strict=True)], i)
    _time_panel(panels[len(chosen)], rows, heights)
    for axis in panels[len(chosen) + 1 :]:
        axis.set_visible(False)
    for i, axis in enumerate(panels[: len(chosen) + 1]):
        _name_rows(axis, rows if i % n_columns == 0 else [], heights)
    figure.suptitle(dataset.dataset, fontsize=9.5, fontweight="bold")
    figure.supxlabel(_SCORE_FOOT, fontsize=7.5, color=SOFT)
    return figure


def _heights(rows: Sequence[BoardRow]) -> list[float]:
    models = sum(not row.is_control for row in rows)
    gap = 0.6 if 0 < models < len(rows) else 0.0
    return [i + (gap if row.is_control else 0.0) for i, row in enumerate(rows)]


def _name_rows(axis: Axes, rows: Sequence[BoardRow], heights: Sequence[float]) -> None:
    # Panels with a shared vertical axis would be slower.
    axis.set_ylim(heights[-1] + 0.7, -0.7)
    axis.set_yticks(heights[: len(rows)], [_short(row.label) for row in rows])
    axis.hlines(heights, 0, 1, LINE, lw=0.6, transform=axis.get_yaxis_transform(), zorder=0)


def _short(label: str) -> str:
    return label if len(label) <= _LABEL_WIDTH else label[: _LABEL_WIDTH - 1] + "…"


def _score_panel(axis: Axes, column: ScoreColumn, places: Sequence[tuple[BoardRow, float]], index: int) -> None:
    far = _far_off([row for row, _ in places], column, index)
    shown: list[tuple[BoardRow, float]] = []
    for (row, height), outside in zip(places, far, strict=True):
        score = row.scores[index]
        if score.mean is None:
            _write(axis, "left", height, score_text(score, 0))
        elif outside:
            low, text = outside < 0, number_text(score.mean, 2)
            _write(axis, "left" if low else "right", height, f"◂ {text}" if low else f"{text} ▸", _colour(row))
        else:
            shown.append((row, height))
    ends: list[float] = []
    for control in (False, True):
        ends += _draw_scores(axis, [(row, height) for row, height in shown if row.is_control == control], index)
    _set_limits(axis, column, ends)
    axis.set_title("\n".join([*textwrap.wrap(column.title, 26), direction_text(column)]), y=1)
    axis.xaxis.set_major_locator(MaxNLocator(3, min_n_ticks=2))
    _tidy(axis)


def _far_off(rows: Sequence[BoardRow], column: ScoreColumn, index: int) -> list[int]:
    """Return a number per row (generator): 1 if its mean is far above the median of all means, -1 if far below, else 0.

    The best generator, the best model (generator that is not a control) and less extreme generators get 0. If more
    than a third of the generators with a mean are far from the median, all get 0.
    """
    means = [row.scores[index].mean for row in rows]
    known = [mean for mean in means if mean is not None]
    centre = median(known)
    spread = median(abs(mean - centre) for mean in known)
    near = [mean for mean in known if spread == 0 or abs(mean - centre) <= _FAR * spread]
    models = [mean for row, mean in zip(rows, means, strict=True) if mean is not None and not row.is_control]
    shown = [*near, *(min(kind, key=partial(_badness, column.spec.direction)) for kind in (known, models) if kind)]
    low, high = min(shown), max(shown)
    signs = [0 if mean is None else (mean > high) - (mean < low) for mean in means]
    return signs if 3 * sum(sign != 0 for sign in signs) <= len(known) else [0] * len(signs)


def _badness(direction: str, mean: float) -> float:
    return {"higher": -mean, "lower": mean, "one": abs(mean - 1)}[direction]


def _write(axis: Axes, side: str, height: float, text: str, colour: str = SOFT) -> None:
    x = 0.02 if side == "left" else 0.98
    where: Any = ("axes fraction", "data")
    box = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.8}
    axis.annotate(text, (x, height), xycoords=where, ha=side, va="center", color=colour, fontsize=7, bbox=box)


def _colour(row: BoardRow) -> str:
    return CONTROL if row.is_control else MODEL


def _draw_scores(axis: Axes, places: Sequence[tuple[BoardRow, float]], index: int) -> list[float]:
    means, bars, marks = [], [], []
    for row, height in places:
        score = row.scores[index]
        means.append((score.mean or 0.0, height))
        marks += [(value, height + 0.36) for value in score.by_split.values()]
        if score.ci_low is not None and score.ci_high is not None:
            bars.append((score.ci_low, score.ci_high, height))
    if not places:
        return []
    _draw_rows(axis, means, bars, places[0][0])
    axis.plot([x for x, _ in marks], [y for _, y in marks], "|", color=_colour(places[0][0]), ms=3.4, mew=0.9)
    return [x for x, _ in marks] + [x for low, high, _ in bars for x in (low, high)]


def _draw_rows(
    axis: Axes, dots: Sequence[tuple[float, float]], bars: Sequence[tuple[float, float, float]], kind: BoardRow
) -> None:
    # Few matplotlib artists are fast for many rows.
    colour = _colour(kind)
    axis.hlines([y for _, _, y in bars], [low for low, _, _ in bars], [high for _, high, _ in bars], colour, lw=1.4)
    marker = "s" if kind.is_control else "o"
    axis.plot([x for x, _ in dots], [y for _, y in dots], marker, color=colour, ms=4.2, ls="none")


def _set_limits(axis: Axes, column: ScoreColumn, ends: Sequence[float]) -> None:
    spec = column.spec
    low, high = min(ends), max(ends)
    low = low if spec.low is None else max(low, spec.low)
    high = high if spec.high is None else min(high, spec.high)
    best = {"higher": spec.high, "lower": spec.low, "one": 1.0}[spec.direction]
    if spec.direction == "one":
        low, high = min(low, 1.0), max(high, 1.0)
    margin = 0.06 * (high - low) or 0.05 * max(abs(high), 1e-6)
    axis.set_xlim(low - margin, high + margin)
    if best is not None and low - margin <= best <= high + margin:
        axis.axvline(best, color=SOFT, lw=0.8, ls=":", zorder=0)


def _time_panel(axis: Axes, rows: Sequence[BoardRow], heights: Sequence[float]) -> None:
    for control in (False, True):
        kind = [(row, height) for row, height in zip(rows, heights, strict=True) if row.is_control == control]
        dots, bars = [], []
        for row, height in kind:
            fit = row.costs.fit_seconds
            if fit is not None:
                low, middle, high = (max(value, _SHORTEST) for value in (fit.low, fit.mean, fit.high))
                dots.append((middle, height))
                bars.append((low, high, height))
        if dots:
            _draw_rows(axis, dots, bars, kind[0][0])
    axis.set_xscale("log")
    low, high = axis.get_xlim()
    axis.set_xlim(low / 1.5, max(high * 1.5, low * 100))
    axis.xaxis.set_major_locator(LogLocator(10, numticks=5))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_title("seconds to fit (log)\nmean, smallest, largest", y=1)
    _tidy(axis)


def _tidy(axis: Axes) -> None:
    axis.grid(axis="x")
    axis.set_axisbelow(True)
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
