"""Data model of a board: immutable values, computed by `aggregate.build_board` and written as ``board.json``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from tabgenbench.records import Card, ScoreSpec
from tabgenbench_leaderboard.board.intervals import Verdict
from tabgenbench_leaderboard.board.summary import (
    AcrossMeasure,
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

BOARD_VERSION = 3
"""Version 2 added figures of metrics and headline scores; version 3 ranks, scaled scores, questions and datasets
together, which are computed from the values by split when an older board is read."""

State = Literal["value", "undefined", "failed", "skipped", "waiting", "not asked"]
CellStatus = Literal["failed", "timeout", "out_of_memory", "crashed", "skipped", "waiting"]


class Range(Part):
    """Mean, smallest and largest value of a quantity that is measured once per cell."""

    mean: float
    low: float
    high: float


class ScoreColumn(Part):
    """One score of one metric: a column of the table.

    Attributes:
        metric: name of the metric with the options that differ from its defaults.
        title: name of the score, with the metric's name if two metrics of the suite have a score of that name.
        spec: direction, range, meaning and limitations, from the records.
        unscaled: why the score is not rescaled to its controls on this dataset; empty if it is.
    """

    metric: str
    title: str
    spec: ScoreSpec
    unscaled: str = ""


class ScaledScore(Estimate):
    """A score rescaled in each split: 0 at the control that marks its floor, 1 at its ceiling; not clipped.

    Attributes:
        by_split: scaled value by split.
    """

    by_split: dict[int, float] = Field(default_factory=dict)


class ScoreValue(Part):
    """A score of one generator: the mean over splits; within each split, draws are averaged first, then seeds.

    Attributes:
        state: ``value``, or why there is no value.
        mean: mean over the splits that have a value.
        ci_low: lower end of the two-sided 95 % t-interval over splits; None for fewer than two splits.
        ci_high: upper end.
        n: number of splits with a value.
        splits: number of requested splits.
        by_split: value by split.
        best: whether it is the best of the models and distinguishable from every other model.
        rank: rank interval among the models with a value (`ranks.find_standings`); None for controls, for scores that
            are not ranked, and for fewer than five splits.
        scaled: the score rescaled to its controls; None if it is not.
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
    """Costs of the successful cells of a row; the sampling time of a cell includes all its draws."""

    fit_seconds: Range | None = None
    sample_seconds: Range | None = None
    peak_memory_bytes: int | None = None
    peak_gpu_bytes: int | None = None


class Fallbacks(Part):
    """Number of rows that a fallback rule sampled instead of the model, summed over the draws and cells of a row."""

    condition: str
    rule: str
    rows: int
    cells: int


class Curve(Part):
    """Thinned loss curves of one cell; the cell's record contains the complete curves."""

    split: int
    seed: int
    epochs: tuple[float, ...]
    losses: dict[str, tuple[float | None, ...]]


class BoardRow(Part):
    """One generator with one config on one dataset.

    Attributes:
        label: label of the suite, or the name with the options that differ from the defaults; unique in a dataset.
        options: those options as JSON with sorted keys.
        config: all options; empty if no cell has run.
        scores: one per column of the dataset.
        questions: one per question of the dataset.
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
    """Paired per-split differences of two rows on one ranked score.

    Attributes:
        model: label of the judged row.
        against: label of the row that it is compared with, a control or another model.
        title: title of the score's column.
        difference: mean over common splits of model minus other (of the distances from 1 if 1 is best).
        ci_low: lower end of the 95 % t-interval of that mean, not adjusted for the number of comparisons; None for
            fewer than two common splits.
        ci_high: upper end.
        n: number of common splits.
        p: two-sided p-value of the paired t-test; None for fewer than two common splits.
        p_adjusted: the p-value after Holm's correction over the comparisons of this score on this dataset, of models
            with controls or of models with each other.
        verdict: verdict on ``model``, by the adjusted p-value.
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
    """Cells without a result, or cells on which a metric has no result, grouped by reason.

    Attributes:
        what: phase of the cell (``fit``, ``sample``, ...), or name of the metric.
        status: status of the record; ``waiting`` if there is no record.
        cells: (split, seed) of each cell.
        keys: keys of the cells, with which the tracebacks can be found in the store.
        output: end of the output (stdout and stderr) of the first of these cells that has output.
        output_key: key of that cell.
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
    """A note from the records, and the labels of the rows that have it."""

    what: str
    text: str
    labels: tuple[str, ...]


class MetricCost(Part):
    """Seconds of a metric for all draws of a cell."""

    metric: str
    seconds: Range
    cells: int


class TimedCells(Part):
    """Number of cells whose times were measured under one setting; ``timing``: one cell at a time, by ``--timing``."""

    cells: int
    timing: bool
    workers: int
    threads: int
    cpu: str
    gpu: str


class FigureNote(Part):
    """A figure of a metric, with the texts for a page.

    Attributes:
        metric: name of the metric with the options that differ from its defaults.
        name: stem of the figure's files.
        label: label of the generator, if the figure shows only one.
    """

    metric: str
    name: str
    alt: str
    caption: str
    intro: str = ""
    label: str = ""


class DatasetBoard(Part):
    """The results on one dataset. Sizes are (smallest, largest) over splits, None if no cell has run.

    Attributes:
        n_features: numeric features.
        n_categorical: categorical features; None, and not in ``board.json``, if there are none.
        fit_settings: settings under which the successful cells were trained and sampled.
        metric_settings: settings under which metrics ran, counted once per cell and metric.
        figures: figures of metrics, set after drawing; figures of scores and losses are not listed.
        figures_left_out: sentences on figures that could not be drawn.
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
    comparisons: tuple[Comparison, ...]
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
    """A kind of machine with its settings, and the number of cells that ran on it."""

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
    """Everything that the pages show, computed from records alone.

    Attributes:
        missing: what a missing result means over datasets.
        across: questions, or the headline scores of a board without questions, over at least two datasets.
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
