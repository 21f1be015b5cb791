"""Figures of a metric, and the artifacts (stored tables) from which the metric draws them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["ArtifactRow", "Artifacts", "MetricFigure"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ArtifactRow:
    """The artifacts (tables for figures) of a metric for one generator, from the first draw that has any.

    Attributes:
        label: label of the generator on the board.
        is_control: whether the generator is a control.
        split: index of the split.
        draw: number of the draw.
        config: options of the metric.
        scores: scores of all metrics on this split by name, as means over draws and seeds.
        tables: the tables of `Result.artifacts` by name. Every value is text.
    """

    label: str
    is_control: bool
    split: int
    draw: int
    config: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True)
class Artifacts:
    """The artifacts of a metric on one dataset: one `ArtifactRow` per generator; controls come last."""

    dataset: str
    rows: tuple[ArtifactRow, ...]


@dataclass(frozen=True, kw_only=True)
class MetricFigure:
    """A figure drawn by a metric, with its texts for a page.

    Attributes:
        name: part of the file name. Figures of different generators may have the same name.
        draw: function that draws the figure. The board calls it inside ``with tabgenbench.drawing.drawing():``.
        alt: description of the figure for readers who cannot see it.
        caption: explanation of the figure in whole sentences.
        intro: introduction, which a page shows once, above the first figure of the metric.
        label: label of the generator, if the figure shows a single generator. Pages about all generators omit such a
            figure.
    """

    name: str
    draw: Callable[[], Figure]
    alt: str
    caption: str
    intro: str = ""
    label: str = ""
