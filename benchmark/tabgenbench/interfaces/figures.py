"""Figures of a metric: what it left on a table for each generator, and what it draws from that."""

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
    """What a metric left for one generator: the first draw of its first split that has artifacts.

    Attributes:
        label: what the board calls the generator.
        is_control: whether it is a control.
        split: index of the split.
        draw: which of its draws.
        config: options of the metric.
        scores: scores of all metrics on this split by name, draws averaged.
        tables: artifacts by name, as `Result.artifacts` gave them; every value is text.
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
    """What a metric left on one dataset: one row a generator, models before controls."""

    dataset: str
    rows: tuple[ArtifactRow, ...]


@dataclass(frozen=True, kw_only=True)
class MetricFigure:
    """A figure of a metric and the words that a page needs to show it.

    Attributes:
        name: a word for the name of its file; figures of single generators may share it.
        draw: draws the figure; called inside `tabgenbench.drawing.drawing`.
        alt: what it shows, for a reader who cannot see it.
        caption: how to read it, in whole sentences.
        intro: what to know before looking at it; shown once, above the first figure of the metric.
        label: the generator, where the figure shows only one; a page that shows all in one file leaves it out.
    """

    name: str
    draw: Callable[[], Figure]
    alt: str
    caption: str
    intro: str = ""
    label: str = ""
