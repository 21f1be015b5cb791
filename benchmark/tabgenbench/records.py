"""Records: the results of a run, as JSON files.

Boards (pages of results) are built only from records, so they need no plugins. Fields that a newer version of
TabGenBench has added to a record are kept when the record is read and written again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from tabgenbench.formatting import cell_title

__all__ = [
    "COMMANDS",
    "EMBEDDING",
    "SCHEMA_VERSION",
    "Card",
    "CellIdentity",
    "CellRecord",
    "DrawScores",
    "Environment",
    "Fallback",
    "Phase",
    "Problem",
    "Question",
    "RunInfo",
    "ScoreRecord",
    "ScoreSpec",
    "Status",
    "SuiteRecord",
    "SuiteRow",
]

SCHEMA_VERSION = 2
EMBEDDING = "embedding.npz"  # file with the embedding of a cell, in the folder of its synthetic tables

Status = Literal["ok", "failed", "timeout", "out_of_memory", "crashed", "skipped"]


class _Record(BaseModel):
    model_config = ConfigDict(extra="allow", ser_json_inf_nan="null")


class Card(_Record):
    """Description of a generator for readers of a board.

    Attributes:
        summary: one sentence that describes the generator.
        citation: publication of the generator.
        licence: licence of the code.
        url: web address of the code or paper.
        extra: optional extra of TabGenBench that installs the packages of the generator, such as ``sdv``. TabGenBench
            sets this field; plugins leave it empty.
    """

    model_config = ConfigDict(frozen=True)

    summary: str = ""
    citation: str = ""
    licence: str = ""
    url: str = ""
    extra: str = ""

    def __init__(self, summary: str = "", citation: str = "", licence: str = "", url: str = "", **more: Any) -> None:
        super().__init__(summary=summary, citation=citation, licence=licence, url=url, **more)

    @model_serializer(mode="wrap")
    def _without_empty_extra(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = write(self)
        return {name: value for name, value in values.items() if name != "extra" or value}


class CellIdentity(_Record):
    """Description of one training (a cell): dataset, split, generator with its options, and seed."""

    dataset: str = Field(description="name of the dataset with the options that differ from its defaults")
    dataset_fingerprint: str
    dataset_note: str = Field("", description="such as '27 of 52 files, 1,078 rows'")
    split: int = Field(description="index of the split in the suite, which is its seed")
    fold: int | None = Field(None, description="fold of a split into thirds, 0 or 1; None: the split has no folds")
    split_fingerprint: str
    split_kind: str = Field("", description="such as 'stratified, grouped'")
    n_train: int
    n_validation: int
    n_test: int
    n_features: int = Field(description="numeric features")
    n_categorical: int = Field(0, description="categorical features, without columns that show missing values")
    generator: str
    label: str = Field(description="name of the generator with the options that differ from its defaults")
    config: dict[str, Any]
    card: Card
    is_control: bool
    seed: int
    draws: int
    code: str = Field("", description="hash of the generator's code, part of the cell's key; empty in older records")

    @property
    def title(self) -> str:
        """Title of the cell, such as ``cvae · rnaseqdb · split 0 · seed 0``."""
        return cell_title(self.label, self.dataset, self.split, self.seed, self.fold)


@dataclass(frozen=True)
class Problem:
    """One training of a generator (a cell), or one metric on its samples, with a status other than ``ok``.

    Attributes:
        cell: title of the cell.
        metric: label of the metric, or None if the training has the problem.
        status: how the training or metric ended, such as ``failed``.
        reason: cause of the status, in one sentence.
    """

    cell: str
    metric: str | None
    status: Status
    reason: str

    @property
    def title(self) -> str:
        """Title of the cell, followed by the metric if a metric has the problem."""
        return self.cell + (f" · metric {self.metric}" if self.metric is not None else "")


class Phase(_Record):
    """Status, time and memory of one phase (such as fit) of a training."""

    status: Status
    seconds: float | None = None
    peak_memory_bytes: int | None = Field(None, description="peak of the process tree above the level before fit")
    peak_gpu_bytes: int | None = Field(None, description="peak memory that torch allocated on the GPU, fit and sample")


class Fallback(_Record):
    """A rule that a generator used instead of its model for rows of a condition, and the number of these rows."""

    condition: str
    rows: int = Field(description="number of rows, summed over draws")
    rule: str


class Environment(_Record):
    """Software and hardware that a task used."""

    packages: dict[str, str] = Field(default_factory=dict)
    python: str = ""
    platform: str = ""
    git_commit: str = ""
    cpu: str = ""
    cores: int = 0
    threads: int = 0
    workers: int = Field(1, description="cells in parallel; above 1, times are not those of an idle machine")
    timing: bool = Field(False, description="whether the run executed one cell at a time for comparable times")
    device: str = "cpu"
    gpu: str = ""
    host: str = ""
    cpu_mhz: float | None = Field(None, description="processor clock at the end of the task, mean over cores")
    clock: str = Field("", description="clock that measured the seconds, and its resolution")
    started: str = Field("", description="UTC time in ISO 8601")
    finished: str = Field("", description="UTC time in ISO 8601")


class CellRecord(_Record):
    """Content of ``cells/<key>/fit.json``: the training and sampling of one generator on one split with one seed."""

    schema_version: int = SCHEMA_VERSION
    key: str
    cell: CellIdentity
    status: Status
    reason: str = ""
    traceback: str = ""
    output: str = Field("", description="tail of stdout and stderr, if the status is not ok")
    phases: dict[str, Phase] = Field(
        default_factory=dict,
        description="'prepare' (imports, reading, warm-up; excluded from cost), 'fit' and 'sample'",
    )
    draw_bytes: list[int] = Field(default_factory=list, description="size of each synthetic table's file")
    draw_hashes: list[str] = Field(
        default_factory=list, description="SHA-256 of each synthetic table's file, to detect scores of another training"
    )
    embedding_hash: str = Field("", description="SHA-256 of the embedding's file; empty if the model embeds no rows")
    model_hashes: dict[str, str] = Field(
        default_factory=dict, description="SHA-256 of each file of the kept model; empty if none is kept"
    )
    no_model: str = Field("", description="why no model is kept; empty if one is, or if nobody tried")
    losses: dict[str, list[float | None]] = Field(
        default_factory=dict, description="curves by name; 'epoch' contains the epochs of the reports"
    )
    fallbacks: list[Fallback] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
    environment: Environment = Field(default_factory=Environment)


Question = Literal["", "fidelity", "structure", "utility", "privacy", "generation", "integration", "prediction"]


class ScoreSpec(_Record):
    """Specification of a score.

    The specification is stored with the scores, so that boards need no plugin.

    Attributes:
        name: name of the score, such as ``gamma-within``, which no score of another metric may have.
        direction: ``higher`` or ``lower`` if higher or lower values are better; ``one`` if the best value is 1.
        low: smallest possible value, or None.
        high: largest possible value, or None.
        unit: unit of the score, or empty.
        description: what the score measures, in one sentence.
        blind_to: limitations of the score, such as faults of synthetic rows that a good value does not exclude.
        question: the question, such as ``privacy``, that the score helps to answer. Summaries leave out scores without
            a question.
        floor: name of the control whose score is a typical bad value, or empty. Boards rescale the score so that this
            value becomes 0 and the value of the ceiling becomes 1.
        ceiling: name of the control whose score is a typical good value, or empty. Without a ceiling, the value 1 is
            used if ``direction`` is ``higher``, ``high`` is 1, and ``low`` is 0 or None; otherwise, the score is not
            rescaled.
        detects: names of the planted failures that the score must detect.
        misses: names of the planted failures that the score is known not to detect.
        citation: publication of the score.
        ranked: whether boards mark the best generator. False if the score varies too much between trainings for such a
            comparison.
        headline: whether the score is a headline score, which boards show first.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    direction: Literal["higher", "lower", "one"]
    low: float | None = None
    high: float | None = None
    unit: str = ""
    description: str = ""
    blind_to: str = ""
    question: Question = ""
    floor: str = ""
    ceiling: str = "real-resample"
    detects: tuple[str, ...] = ()
    misses: tuple[str, ...] = ()
    citation: str = ""
    ranked: bool = True
    headline: bool = False


class DrawScores(_Record):
    """Scores of a metric on one synthetic table (draw) of a trained generator."""

    draw: int
    scores: dict[str, float] = Field(default_factory=dict)
    undefined: dict[str, str] = Field(default_factory=dict, description="reason by score name")
    notes: list[str] = Field(default_factory=list)


class ScoreRecord(_Record):
    """Content of ``cells/<key>/scores/<metric-key>.json``: the scores of one metric.

    The file contains no times, so equal scores give files with equal bytes.
    """

    schema_version: int = SCHEMA_VERSION
    key: str
    cell_key: str
    metric: str
    config: dict[str, Any] = Field(default_factory=dict)
    specs: list[ScoreSpec] = Field(default_factory=list)
    status: Status
    reason: str = ""
    traceback: str = ""
    draws: list[DrawScores] = Field(default_factory=list)


class RunInfo(_Record):
    """Content of ``cells/<key>/runs/<metric-key>.json``: when, where and how long a metric was computed."""

    schema_version: int = SCHEMA_VERSION
    metric: str
    code: str = Field("", description="hash of the metric's code, part of the metric's key; empty in older records")
    seconds: float | None = None
    peak_memory_bytes: int | None = None
    output: str = Field("", description="tail of the output, if the metric is not ok")
    environment: Environment = Field(default_factory=Environment)


class SuiteRow(_Record):
    """One training (cell) that a suite requests: its key, its names for display, and the keys of its scores."""

    key: str
    dataset: str
    split: int
    fold: int | None = Field(None, description="fold of the split; boards average the folds of a split, like seeds")
    label: str
    seed: int
    is_control: bool
    scores: dict[str, str] = Field(description="metric name (with options) to metric key")
    title: str = Field("", description="what the suite calls the generator on boards; empty: its label")
    is_planted: bool = Field(False, description="whether the generator is a planted failure, which no board shows")
    split_note: str = Field("", description="conditions that the split does not have on both sides; empty: none")

    @property
    def shown(self) -> str:
        """Name under which boards show the generator."""
        return self.title or self.label

    @property
    def cell_title(self) -> str:
        """Title of the cell, such as ``CVAE · rnaseqdb · split 0 · seed 0``."""
        return cell_title(self.shown, self.dataset, self.split, self.seed, self.fold)


COMMANDS = "; "
"""Separates the command lines of the runs of a suite whose stores were merged."""


class SuiteRecord(_Record):
    """Content of ``suites/<name>.json``: the trainings that the last run of a suite requested and that boards show."""

    schema_version: int = SCHEMA_VERSION
    name: str
    summary: str = ""
    command: str = Field("", description="command line of the run; command lines of several runs if merged")
    split: dict[str, Any] = Field(
        default_factory=dict, description="settings of the splits, with which they can be made again; empty: not known"
    )
    rows: list[SuiteRow] = Field(default_factory=list)
