"""Data model of a board's summaries: questions on one dataset, and generators over several datasets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tabgenbench_leaderboard.board.intervals import Direction, t_interval

__all__ = [
    "AcrossMeasure",
    "AcrossRow",
    "CalibrationRow",
    "CalibrationTable",
    "Estimate",
    "MissingRule",
    "Part",
    "QuestionColumn",
    "QuestionValue",
    "estimate",
]

MissingRule = Literal["apart", "floor"]
"""Rule for a generator without a result on a dataset: it is listed apart, or the result counts as the worst value."""


class Part(BaseModel):
    """Base class of the immutable objects of which a board consists."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Estimate(Part):
    """The mean of a sample with its two-sided 95 % t-interval.

    Attributes:
        mean: the mean; None if there are no values.
        ci_low: lower end of the interval; None for fewer than two values.
        ci_high: upper end of the interval.
        n: number of averaged values.
    """

    mean: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    n: int = 0


def estimate(values: Sequence[float]) -> Estimate:
    """Return the mean of values with its 95 % t-interval."""
    found = t_interval(values)
    return Estimate(mean=found.mean, ci_low=found.low, ci_high=found.high, n=found.n)


class CalibrationRow(Part):
    """Which planted failures (tables with a known fault) a score detects on a dataset.

    Attributes:
        title: title of the score on the board.
        question: the question that the score helps to answer.
        headline: whether the score is a headline score.
        outcomes: for each planted failure of the calibration table, whether the score detects it; None without a test.
        must: planted failures that the score must detect.
        floor: whether the score distinguishes the control that is its floor from real rows; None without a test.
    """

    title: str
    question: str
    headline: bool
    outcomes: tuple[bool | None, ...]
    must: tuple[str, ...] = ()
    floor: bool | None = None

    def missed(self, failures: Sequence[str]) -> tuple[str, ...]:
        """Return the planted failures that the score must detect and does not detect."""
        outcomes = zip(failures, self.outcomes, strict=True)
        return tuple(name for name, outcome in outcomes if outcome is False and name in self.must)


class CalibrationTable(Part):
    """Table of which planted failures (tables with a known fault) each score detects on a dataset.

    Attributes:
        splits: number of splits.
        failures: names of the planted failures that were tested.
        inapplicable: planted failures that do not apply to the dataset, with the reasons.
        rows: the scores that were tested.
    """

    splits: int
    failures: tuple[str, ...]
    inapplicable: dict[str, str] = Field(default_factory=dict)
    rows: tuple[CalibrationRow, ...] = ()


class QuestionColumn(Part):
    """A question, and the headline scores of a dataset that answer the question.

    Attributes:
        question: name of the question, such as ``fidelity``.
        titles: titles of the scores whose scaled values are averaged.
    """

    question: str
    titles: tuple[str, ...]


class QuestionValue(Estimate):
    """A generator's value on a question: the mean over splits and scores of scaled values, each clipped to [0, 1].

    Attributes:
        splits: number of splits that the suite requests.
        by_split: value by split; there is no value for a split in which one of the question's scores has no scaled
            value.
        rank: rank interval among the models; None for a control and if the models have no ranks.
        best: whether the model is significantly better than every other model.
        lacking: titles of the question's scores without a scaled value in some requested split.
    """

    splits: int = 0
    by_split: dict[int, float] = Field(default_factory=dict)
    rank: tuple[int, int] | None = None
    best: bool = False
    lacking: tuple[str, ...] = ()


class AcrossRow(Part):
    """Summary of a generator on a question or a score, over several datasets.

    Attributes:
        label: the generator's label, or its name if its label differs between datasets.
        datasets: number of datasets on which the generator has a value in every split.
        complete: whether the generator has a value in every split of every dataset; True also if missing results count
            as the floor.
        floored: number of datasets on which a missing result counts as the floor.
        mean_rank: mean over datasets of the generator's rank among the complete models; None for a control, for an
            incomplete model, and for the only complete model.
        win_rate: mean over datasets of the share of the other complete models that are worse than the generator, where
            a tie counts half.
        scaled: mean of the generator's scaled value over the datasets on which it has a result, or on which its missing
            result counts as the floor; None if the value on one of these datasets is not scaled.
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
    """Summary over datasets of one question, such as fidelity, or of one score if the board has no questions.

    Attributes:
        title: name of the question or title of the score.
        kind: whether the measure is a question or a score.
        direction: which values of the measure are better.
        datasets: names of the datasets with values of the measure; at least two.
        rows: one row per generator. Generators with all results (``complete``) precede the others; in both groups,
            models precede controls, and labels are sorted.
    """

    title: str
    kind: Literal["question", "score"]
    direction: Direction
    datasets: tuple[str, ...]
    rows: tuple[AcrossRow, ...]
