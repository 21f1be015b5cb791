"""Data model of summaries of related scores on one dataset, and of summaries of generators over several datasets."""

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
        ci_high: upper end of the interval; None for fewer than two values.
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
    """The results of testing whether a score detects planted failures on a dataset.

    Attributes:
        title: title of the score on the board.
        question: the question, such as fidelity, to which the score belongs.
        headline: whether the score counts in the mean of its question.
        outcomes: for each planted failure in `CalibrationTable.failures`, whether the score detects it; None without a
            test.
        must: planted failures that the score must detect.
        floor: whether the score rates its floor (a control with a bad value) worse than real rows; None without a test.
    """

    title: str
    question: str
    headline: bool
    outcomes: tuple[bool | None, ...]
    must: tuple[str, ...] = ()
    floor: bool | None = None

    def missed(self, failures: Sequence[str]) -> tuple[str, ...]:
        """Return the planted failures that the score must detect but misses; ``failures`` as in `CalibrationTable`."""
        outcomes = zip(failures, self.outcomes, strict=True)
        return tuple(name for name, outcome in outcomes if outcome is False and name in self.must)


class CalibrationTable(Part):
    """Table that shows which planted failures each score detects on a dataset.

    Attributes:
        failures: names of the planted failures that were tested.
        inapplicable: names of planted failures that do not apply to the dataset, with reasons.
    """

    splits: int
    failures: tuple[str, ...]
    inapplicable: dict[str, str] = Field(default_factory=dict)
    rows: tuple[CalibrationRow, ...] = ()


class QuestionColumn(Part):
    """A question and its headline scores on a dataset.

    Attributes:
        question: name of the question, such as ``fidelity``.
        titles: titles of the scores whose rescaled values are averaged.
    """

    question: str
    titles: tuple[str, ...]


class QuestionValue(Estimate):
    """A generator's value of a question: the mean of the question's rescaled scores (0 bad, 1 good) over splits.

    Attributes:
        splits: number of splits that the suite requests.
        by_split: value by split, for the splits in which all scores of the question have a rescaled value.
        rank: best and worst possible rank by the tests of all pairs of models (see `ranks`). None for a control, the
            only model with a value, or a model with values in fewer than five splits.
        best: whether the model is significantly better than every other model.
        lacking: titles of the question's scores that have no rescaled value in at least one split.
    """

    splits: int = 0
    by_split: dict[int, float] = Field(default_factory=dict)
    rank: tuple[int, int] | None = None
    best: bool = False
    lacking: tuple[str, ...] = ()


class AcrossRow(Part):
    """Summary of a generator over several datasets, for one question or score.

    Attributes:
        label: the label of the generator, or its name if the label differs between datasets.
        datasets: number of datasets on which the generator has a value in every split.
        complete: whether the generator has a value in every split of every dataset. With the rule ``floor``, true for
            every model, because the worst value replaces missing results.
        floored: number of datasets on which a missing result counts as the worst value.
        mean_rank: mean over datasets of the model's rank among the complete models. None for a control, an incomplete
            model, and the only complete model.
        win_rate: mean over datasets of the share of the other compared models that are worse; a tie counts half. None
            if ``mean_rank`` is None.
        scaled: mean over datasets of the rescaled value (0 is bad, 1 is good); None if a dataset with a result has no
            rescaled value.
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
    """Summary of all generators over datasets, for one question (such as fidelity) or one score.

    Attributes:
        title: name of the question or title of the score.
        direction: whether higher, lower or nearest to 1 is better.
        datasets: names of the datasets with values of the measure; at least two.
        rows: one row per generator, sorted by ``complete`` (True first), then models before controls, then by label.
    """

    title: str
    kind: Literal["question", "score"]
    direction: Direction
    datasets: tuple[str, ...]
    rows: tuple[AcrossRow, ...]
