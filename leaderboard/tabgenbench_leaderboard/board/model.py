"""What a board is: frozen values, made by `aggregate.build_board` and written as ``board.json``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tabgenbench.records import Card, ScoreSpec

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
    "ScoreColumn",
    "ScoreValue",
    "State",
    "TimedCells",
    "Verdict",
]

BOARD_VERSION = 2
"""Version 2 added figures of metrics and headline scores; a board of version 1 is read as one without them."""

State = Literal["value", "undefined", "failed", "skipped", "waiting", "not asked"]
Verdict = Literal["better", "worse", "not distinguishable", "too few splits"]
CellStatus = Literal["failed", "timeout", "out_of_memory", "crashed", "skipped", "waiting"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Range(_Part):
    """Mean, smallest and largest of something measured once a cell."""

    mean: float
    low: float
    high: float


class ScoreColumn(_Part):
    """One score of one metric: a column of the table.

    Attributes:
        metric: name of the metric with the options that differ from its defaults.
        title: name of the score; with the metric's where two metrics of the suite give a score of that name.
        spec: direction, range, meaning and blind spot, as the records keep them.
    """

    metric: str
    title: str
    spec: ScoreSpec


class ScoreValue(_Part):
    """A score of one generator: draws averaged, then seeds, inside each split; the mean over splits.

    Attributes:
        state: ``value``, or why there is none.
        mean: mean over the splits that have a value.
        ci_low: lower end of the two-sided 95 % t-interval over splits; None below two splits.
        ci_high: upper end.
        n: splits with a value.
        splits: splits asked for.
        by_split: value by split.
        best: whether it is the best of the models and distinguishable from each of the others.
        why: reasons for what is missing, each once.
    """

    state: State
    mean: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    n: int = 0
    splits: int = 0
    by_split: dict[int, float] = Field(default_factory=dict)
    best: bool = False
    why: tuple[str, ...] = ()


class Costs(_Part):
    """What the cells of a row that ended well took; the sampling time is that of all draws of a cell."""

    fit_seconds: Range | None = None
    sample_seconds: Range | None = None
    peak_memory_bytes: int | None = None
    peak_gpu_bytes: int | None = None


class Fallbacks(_Part):
    """Rows that a rule sampled in place of the model's own way, summed over the draws and cells of a row."""

    condition: str
    rule: str
    rows: int
    cells: int


class Curve(_Part):
    """Loss curves of one cell, thinned; the whole ones are in the cell's record."""

    split: int
    seed: int
    epochs: tuple[float, ...]
    losses: dict[str, tuple[float | None, ...]]


class BoardRow(_Part):
    """One generator with one config on one dataset.

    Attributes:
        label: name with the options that differ from the defaults, or what the suite calls it; unique in a dataset.
        options: those options as JSON with sorted keys.
        config: the whole config; empty where no cell has run.
        scores: aligned with the columns of the dataset.
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
    fallbacks: tuple[Fallbacks, ...] = ()
    curves: tuple[Curve, ...] = ()


class Comparison(_Part):
    """Paired per-split differences of two rows on one ranked score.

    Attributes:
        model: the row that is judged.
        against: the row that it is judged by, a control or another model.
        title: title of the score's column.
        difference: mean over common splits of model minus other (of the distances from 1 where 1 is best).
        ci_low: lower end of the 95 % t-interval of that mean; None below two common splits.
        ci_high: upper end.
        n: common splits.
        verdict: how ``model`` does.
    """

    model: str
    against: str
    against_control: bool
    title: str
    difference: float | None
    ci_low: float | None
    ci_high: float | None
    n: int
    verdict: Verdict


class Problem(_Part):
    """Cells, or a metric on cells, that gave nothing, grouped by reason.

    Attributes:
        what: ``fit``, ``sample`` and so on for a cell, else the metric.
        status: what the record says; ``waiting`` where there is no record.
        cells: (split, seed) of each.
        keys: keys of those cells, for finding the traceback in the store.
        output: end of what the first of those cells that wrote anything wrote to stdout and stderr.
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


class Note(_Part):
    """A sentence that records keep, and the rows that it was kept for."""

    what: str
    text: str
    labels: tuple[str, ...]


class MetricCost(_Part):
    """Seconds that a metric took for all draws of a cell."""

    metric: str
    seconds: Range
    cells: int


class TimedCells(_Part):
    """Cells whose times were taken under one setting; ``timing``: one at a time, so that times compare."""

    cells: int
    timing: bool
    workers: int
    threads: int
    cpu: str
    gpu: str


class FigureNote(_Part):
    """A figure of a metric, and the words that a page needs to show it.

    Attributes:
        metric: name of the metric with the options that differ from its defaults.
        name: stem of the figure's files.
        label: the generator, where the figure shows only one.
    """

    metric: str
    name: str
    alt: str
    caption: str
    intro: str = ""
    label: str = ""


class DatasetBoard(_Part):
    """The table of one dataset. Sizes are (smallest, largest) over splits, None where no cell has run.

    Attributes:
        fit_settings: settings under which the cells that ended well were trained and sampled.
        metric_settings: settings under which metrics ran, counted once a cell and metric.
        figures: figures of metrics, once they are drawn; those of scores and losses are drawn from this board.
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
    columns: tuple[ScoreColumn, ...]
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


class Machine(_Part):
    """Where cells ran: one line for each kind of machine and setting."""

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


class Board(_Part):
    """Everything that a reader is shown; holds nothing that the records do not say."""

    board_version: int = BOARD_VERSION
    suite: str
    summary: str
    command: str
    datasets: tuple[DatasetBoard, ...]
    machines: tuple[Machine, ...]
    packages: dict[str, tuple[str, ...]]
    first_finished: str
    last_finished: str
