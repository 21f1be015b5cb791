"""Data model of a board: immutable values, computed by `aggregate.build_board` and written as ``board.json``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from tabgenbench.records import Card, ScoreSpec
from tabgenbench_leaderboard.board.intervals import Verdict
from tabgenbench_leaderboard.board.summary import (
    AcrossMeasure,
    CalibrationTable,
    Estimate,
    MissingRule,
    Part,
    QuestionColumn,
    QuestionValue,
)

__all__ = [
    "BOARD_VERSION",
    "Board",
    "BoardRow",
    "CalibrationState",
    "Comparison",
    "Costs",
    "Curve",
    "DatasetBoard",
    "Fallbacks",
    "FigureNote",
    "Machine",
    "MetricCost",
    "Note",
    "Problem",
    "Range",
    "ScaledScore",
    "ScoreColumn",
    "ScoreValue",
    "State",
    "TimedCells",
]

BOARD_VERSION = 4
"""Version 2 added figures of metrics and headline scores. Version 3 added ranks, scaled scores, questions and summaries
over datasets, which are computed from the values by split when an older board is read. Version 4 added calibration."""

State = Literal["value", "undefined", "failed", "skipped", "waiting", "not asked"]
CalibrationState = Literal["calibrated", "uncalibrated", "not calibrated"]
"""``uncalibrated``: the score misses a failure that it must detect; ``not calibrated``: the score was not tested."""
CellStatus = Literal["failed", "timeout", "out_of_memory", "crashed", "skipped", "waiting"]


class Range(Part):
    """Mean, smallest and largest value of a quantity that is measured once per training."""

    mean: float
    low: float
    high: float


class ScoreColumn(Part):
    """One score of one metric: a column of the table.

    Attributes:
        metric: name of the metric with the options that differ from its defaults.
        title: name of the score; the metric is added if two metrics of the suite have a score of this name.
        spec: direction, range, meaning and limitations of the score.
        unscaled: why the score is not rescaled (see `ScaledScore`) on this dataset; empty if the score is rescaled.
        calibration: ``uncalibrated`` if the score misses a planted failure (table with a known fault) that it must
            detect, ``calibrated`` if it misses none, ``not calibrated`` without a test.
        missed: planted failures that the score must detect and does not detect on this dataset.
    """

    metric: str
    title: str
    spec: ScoreSpec
    unscaled: str = ""
    calibration: CalibrationState = "not calibrated"
    missed: tuple[str, ...] = ()


class ScaledScore(Estimate):
    """A score, rescaled in each split so that the floor gets 0 and the ceiling (a control or the best value) gets 1.

    Attributes:
        by_split: scaled value in each split, which may lie outside [0, 1].
    """

    by_split: dict[int, float] = Field(default_factory=dict)


class ScoreValue(Part):
    """One score of one generator, averaged over draws, then over seeds and folds, then over splits.

    Attributes:
        state: ``value``, or the reason why the score has no value.
        mean: mean over the splits that have a value.
        ci_low: lower end of the two-sided 95 % t-interval over splits; None for fewer than two splits.
        ci_high: upper end of the same interval.
        n: number of splits with a value.
        splits: number of splits that the suite requests.
        by_split: value in each split.
        best: whether the generator is a model that is significantly better than every other model.
        rank: best and worst possible rank among the models with a value (see `ranks.find_standings`). None for a
            control, an unranked score, the only model, or fewer than five splits.
        scaled: the rescaled score; None if the score is not rescaled.
        why: distinct reasons for missing values.
    """

    state: State
    mean: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    n: int = 0
    splits: int = 0
    by_split: dict[int, float] = Field(default_factory=dict)
    best: bool = False
    rank: tuple[int, int] | None = None
    scaled: ScaledScore | None = None
    why: tuple[str, ...] = ()


class Costs(Part):
    """Times and memory of a generator's successful trainings; ``sample_seconds`` is the time to sample all draws."""

    fit_seconds: Range | None = None
    sample_seconds: Range | None = None
    peak_memory_bytes: int | None = None
    peak_gpu_bytes: int | None = None


class Fallbacks(Part):
    """Number of synthetic rows of a condition that the generator sampled by a fallback rule and not by its model."""

    condition: str
    rule: str
    rows: int
    cells: int


class Curve(Part):
    """Loss curves of one training, with at most 150 points each; the record of the training has all points."""

    split: int
    seed: int
    epochs: tuple[float, ...]
    losses: dict[str, tuple[float | None, ...]]


class BoardRow(Part):
    """A row of a board: one generator with one set of options on one dataset.

    Attributes:
        label: label that the suite gives the generator; by default, the generator's name with the options that
            differ from its defaults. Labels are unique in a dataset.
        options: the options that differ from the generator's defaults, as JSON with sorted keys.
        config: all options of the generator; empty if no training has run.
        scores: results of the generator, in the order of `DatasetBoard.columns`.
        questions: mean rescaled score for each aspect of quality (question), such as fidelity.
    """

    label: str
    generator: str
    options: str
    config: dict[str, Any]
    is_control: bool
    card: Card
    cells_ok: int
    cells: int
    costs: Costs
    scores: tuple[ScoreValue, ...]
    questions: tuple[QuestionValue, ...] = ()
    fallbacks: tuple[Fallbacks, ...] = ()
    curves: tuple[Curve, ...] = ()


class Comparison(Part):
    """Comparison of a model with a control or another model on one ranked score, by their differences in each split.

    Attributes:
        model: label of the model.
        against: label of the control or the other model.
        title: title of the score's column.
        difference: score of ``model`` minus score of ``against``, as a mean over common splits. For a score that is
            best at 1, the difference of their distances from 1.
        ci_low: lower end of the 95 % t-interval of the difference, not adjusted for the number of comparisons; None for
            fewer than two common splits.
        ci_high: upper end of the same interval.
        n: number of common splits.
        p: two-sided p-value of the paired t-test; None for fewer than two common splits.
        p_adjusted: the p-value after Holm's correction over all comparisons of the same kind (of two models, or of a
            model with a control) on this score and this dataset.
        verdict: whether ``model`` is better than ``against``, worse, or not distinguishable, by the adjusted p-value.
    """

    model: str
    against: str
    against_control: bool
    title: str
    difference: float | None
    ci_low: float | None
    ci_high: float | None
    n: int
    p: float | None = None
    p_adjusted: float | None = None
    verdict: Verdict


class Problem(Part):
    """A group of trainings (cells) that have no result, or no result of a metric, for the same reason.

    Attributes:
        what: name of the phase (``fit``, ``sample``, ...) or of the metric that has no result.
        status: status of the training or metric; ``waiting`` if its result is not stored yet.
        cells: the pair (split, seed) of each training.
        keys: key of each training, which is the name of the folder with its records.
        output: last lines of stdout and stderr of the first training in the group that printed anything.
        output_key: key of the training with this output.
    """

    label: str
    what: str
    status: CellStatus
    reason: str
    cells: tuple[tuple[int, int], ...]
    keys: tuple[str, ...]
    output: str = ""
    output_key: str = ""


class Note(Part):
    """A note that a generator, split or metric wrote, and the labels of the generators whose results have this note."""

    what: str
    text: str
    labels: tuple[str, ...]


class MetricCost(Part):
    """Time in seconds that a metric takes to score all synthetic tables of one training."""

    metric: str
    seconds: Range
    cells: int


class TimedCells(Part):
    """Number of trainings whose times were measured under the same settings.

    Attributes:
        timing: whether the option ``--timing`` was given, so that the trainings ran one at a time.
    """

    cells: int
    timing: bool
    workers: int
    threads: int
    cpu: str
    gpu: str


class FigureNote(Part):
    """A figure of a metric, with the texts that a page shows beside the figure.

    Attributes:
        metric: name of the metric with the options that differ from its defaults.
        name: stem of the figure's files.
        label: label of the generator, if the figure shows only one generator.
    """

    metric: str
    name: str
    alt: str
    caption: str
    intro: str = ""
    label: str = ""


class DatasetBoard(Part):
    """The results on one dataset.

    The numbers of rows, features and synthetic tables (draws) are pairs of the minimum and the maximum over trainings,
    or None if no training has run.

    Attributes:
        n_features: number of numeric features.
        n_categorical: number of categorical features; None if there are none.
        comparisons: comparisons of pairs of generators, which `derive_board` computes; they are not in ``board.json``.
        calibration: which planted failures (tables with a known fault) the scores detect; None without calibration.
        fit_settings: settings under which the successful trainings ran.
        metric_settings: settings under which metrics ran; here, ``cells`` counts pairs of a training and a metric.
        figures: figures that metrics drew, without the dot plot of scores and the loss curves.
        figures_left_out: sentences on why a figure could not be drawn.
    """

    dataset: str
    note: str
    fingerprint: str
    split_kind: str
    splits: tuple[int, ...]
    seeds: tuple[int, ...]
    draws: tuple[int, int] | None
    n_train: tuple[int, int] | None
    n_validation: tuple[int, int] | None
    n_test: tuple[int, int] | None
    n_features: tuple[int, int] | None
    n_categorical: tuple[int, int] | None = None
    columns: tuple[ScoreColumn, ...]
    questions: tuple[QuestionColumn, ...] = ()
    rows: tuple[BoardRow, ...]
    comparisons: tuple[Comparison, ...] = ()
    calibration: CalibrationTable | None = None
    problems: tuple[Problem, ...]
    notes: tuple[Note, ...]
    metric_costs: tuple[MetricCost, ...]
    fit_settings: tuple[TimedCells, ...] = ()
    metric_settings: tuple[TimedCells, ...] = ()
    figures: tuple[FigureNote, ...] = ()
    figures_left_out: tuple[str, ...] = ()

    @property
    def models(self) -> tuple[BoardRow, ...]:
        """The rows that are models."""
        return tuple(row for row in self.rows if not row.is_control)

    @property
    def controls(self) -> tuple[BoardRow, ...]:
        """The rows that are controls."""
        return tuple(row for row in self.rows if row.is_control)


class Machine(Part):
    """A machine and the settings of a run, with the number of trainings that ran on it with these settings."""

    cells: int
    python: str
    platform: str
    git_commit: str
    cpu: str
    cores: int
    threads: int
    workers: int
    timing: bool = False
    device: str
    gpu: str


class Board(Part):
    """All values that the pages of a board show.

    Attributes:
        missing: how the summary over datasets treats a missing result.
        across: summary of each question (such as fidelity) over datasets, or of each headline score if the board has
            no questions; empty for a single dataset.
    """

    board_version: int = BOARD_VERSION
    suite: str
    summary: str
    command: str
    datasets: tuple[DatasetBoard, ...]
    missing: MissingRule = "apart"
    across: tuple[AcrossMeasure, ...] = ()
    machines: tuple[Machine, ...]
    packages: dict[str, tuple[str, ...]]
    first_finished: str
    last_finished: str

    @property
    def has_external_tables(self) -> bool:
        """Whether a user passed the synthetic tables to `tabgenbench score`, so no command can generate them again."""
        return self.command.startswith(("tabgenbench score", "tabgenbench.score"))
