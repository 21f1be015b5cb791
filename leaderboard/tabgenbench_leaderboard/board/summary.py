"""Data model of the summaries of a board: values of a question on one dataset, and of a generator over datasets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tabgenbench_leaderboard.board.intervals import Direction, t_interval

__all__ = [
    "AcrossMeasure",
    "AcrossRow",
    "Estimate",
    "MissingRule",
    "Part",
    "QuestionColumn",
    "QuestionValue",
    "estimate",
]

MissingRule = Literal["apart", "floor"]
"""What a missing result means over datasets: its row is listed apart, or it counts as the floor."""


class Part(BaseModel):
    """An immutable part of a board."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Estimate(Part):
    """A mean with its two-sided 95 % t-interval.

    Attributes:
        mean: None without values.
        ci_low: lower end; None for fewer than two values.
        ci_high: upper end.
        n: number of values.
    """

    mean: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    n: int = 0


def estimate(values: Sequence[float]) -> Estimate:
    """Return the mean of values with its interval."""
    found = t_interval(values)
    return Estimate(mean=found.mean, ci_low=found.low, ci_high=found.high, n=found.n)


class QuestionColumn(Part):
    """A question that the headline scores of a dataset answer.

    Attributes:
        question: name of the question, such as ``fidelity``.
        titles: titles of the scores whose scaled values are averaged.
    """

    question: str
    titles: tuple[str, ...]


class QuestionValue(Estimate):
    """A generator's value on a question: the mean over splits of the mean of its scaled scores, each clipped to [0, 1].

    Attributes:
        splits: number of requested splits.
        by_split: value by split; a split in which one of the scores has no scaled value has none.
        rank: rank interval among the models; None for controls and without ranks.
        best: whether the model is significantly better than every other model.
        lacking: titles of the scores without a scaled value in some requested split.
    """

    splits: int = 0
    by_split: dict[int, float] = Field(default_factory=dict)
    rank: tuple[int, int] | None = None
    best: bool = False
    lacking: tuple[str, ...] = ()


class AcrossRow(Part):
    """A generator over the datasets of a measure.

    Attributes:
        label: its label, or its name if it has one row with another label on each dataset.
        datasets: number of datasets on which it has a value in every split.
        complete: whether it has a value on all of them, or its missing results count as the floor.
        floored: number of datasets on which a missing result counts as the floor.
        mean_rank: mean over datasets of its rank among the complete models; None for controls and incomplete rows.
        win_rate: mean over datasets of the share of the other complete models that are worse, where ties count half.
        scaled: mean over datasets of its scaled value, over the datasets that it has if it is incomplete.
    """

    label: str
    is_control: bool
    datasets: int
    complete: bool
    floored: int = 0
    mean_rank: Estimate | None = None
    win_rate: Estimate | None = None
    scaled: Estimate | None = None


class AcrossMeasure(Part):
    """A question, or a score of a board without questions, over the datasets on which it has values.

    Attributes:
        title: name of the question or title of the score.
        kind: which of the two it is.
        direction: which values are better.
        datasets: names of the datasets, at least two.
        rows: complete rows first; within both, models precede controls, sorted by label.
    """

    title: str
    kind: Literal["question", "score"]
    direction: Direction
    datasets: tuple[str, ...]
    rows: tuple[AcrossRow, ...]
