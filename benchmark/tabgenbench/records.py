"""Records: what a run leaves behind. A board is made from these alone, without any plugin.

Unknown fields of a newer program survive a read and a write (``extra="allow"``).
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "SCHEMA_VERSION",
    "Card",
    "CellIdentity",
    "CellRecord",
    "DrawScores",
    "Environment",
    "Fallback",
    "Phase",
    "RunInfo",
    "ScoreRecord",
    "ScoreSpec",
    "Status",
    "SuiteRecord",
    "SuiteRow",
]

SCHEMA_VERSION = 1

Status = Literal["ok", "failed", "timeout", "out_of_memory", "crashed", "skipped"]


class _Record(BaseModel):
    model_config = ConfigDict(extra="allow", ser_json_inf_nan="null")


class Card(_Record):
    """What a reader of a board wants to know of a generator.

    Attributes:
        summary: one sentence on what it is.
        citation: where it was published.
        licence: licence of the code.
        url: where its code or paper is.
    """

    model_config = ConfigDict(frozen=True)

    summary: str = ""
    citation: str = ""
    licence: str = ""
    url: str = ""

    def __init__(self, summary: str = "", citation: str = "", licence: str = "", url: str = "", **more: Any) -> None:
        super().__init__(summary=summary, citation=citation, licence=licence, url=url, **more)


class CellIdentity(_Record):
    """Which cell this is: dataset, split, generator with its resolved config, seed."""

    dataset: str = Field(description="name of the dataset with the options that differ from its defaults")
    dataset_fingerprint: str
    dataset_note: str = Field("", description="such as '27 of 52 files, 1,078 rows'")
    split: int = Field(description="index of the split in the suite, which is its seed")
    split_fingerprint: str
    split_kind: str = Field("", description="such as 'stratified, grouped'")
    n_train: int
    n_validation: int
    n_test: int
    n_features: int
    generator: str
    label: str = Field(description="name of the generator with the options that differ from its defaults")
    config: dict[str, Any]
    card: Card
    is_control: bool
    seed: int
    draws: int


class Phase(_Record):
    """How one phase (fit, sample) went."""

    status: Status
    seconds: float | None = None
    peak_memory_bytes: int | None = Field(None, description="peak of the process tree above the level before fit")
    peak_gpu_bytes: int | None = Field(None, description="what torch allocated on the GPU at most, fit and samples")


class Fallback(_Record):
    """Rows of a condition that a rule sampled in place of the model."""

    condition: str
    rows: int = Field(description="in all draws together")
    rule: str


class Environment(_Record):
    """Where it ran."""

    packages: dict[str, str] = Field(default_factory=dict)
    python: str = ""
    platform: str = ""
    git_commit: str = ""
    cpu: str = ""
    cores: int = 0
    threads: int = 0
    workers: int = Field(1, description="cells at a time; with more than one, times are not of an idle machine")
    timing: bool = Field(False, description="whether the run kept to one cell at a time so that times can be compared")
    device: str = "cpu"
    gpu: str = ""
    host: str = ""
    cpu_mhz: float | None = Field(None, description="clock of the processor when the task ended, mean over cores")
    clock: str = Field("", description="what seconds were measured with, and its resolution")
    started: str = Field("", description="UTC time in ISO 8601")
    finished: str = Field("", description="UTC time in ISO 8601")


class CellRecord(_Record):
    """``cells/<key>/fit.json``: how training and sampling of a cell went."""

    schema_version: int = SCHEMA_VERSION
    key: str
    cell: CellIdentity
    status: Status
    reason: str = ""
    traceback: str = ""
    output: str = Field("", description="tail of what its process wrote to stdout and stderr, where it is not ok")
    phases: dict[str, Phase] = Field(
        default_factory=dict, description="'prepare' (imports, reading, warm-up; in no cost), 'fit' and 'sample'"
    )
    draw_bytes: list[int] = Field(default_factory=list, description="size of each synthetic table's file")
    draw_hashes: list[str] = Field(
        default_factory=list, description="SHA-256 of each synthetic table's file: whether scores are of one training"
    )
    losses: dict[str, list[float | None]] = Field(
        default_factory=dict, description="curves by name; 'epoch' holds the epochs they were reported at"
    )
    fallbacks: list[Fallback] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
    environment: Environment = Field(default_factory=Environment)


class ScoreSpec(_Record):
    """What a reader must know of a score; it is kept in every record, so a board needs no plugin.

    Attributes:
        name: unique over all metrics, such as ``gamma-within``.
        direction: ``higher`` or ``lower`` is better, or ``one``: best at 1.
        low: smallest possible value, or None.
        high: largest possible value, or None.
        unit: unit, or empty for a plain number.
        description: one sentence on what it measures.
        blind_to: what a good value does not show.
        floor: the control that marks a bad value, or empty.
        citation: where the score comes from.
        ranked: whether a board may mark a best value; False for a score too noisy to rank by.
        headline: whether the score belongs to the few that a board shows first. Of a metric with several, the first
            that has a value on a table comes first.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    direction: Literal["higher", "lower", "one"]
    low: float | None = None
    high: float | None = None
    unit: str = ""
    description: str = ""
    blind_to: str = ""
    floor: str = ""
    citation: str = ""
    ranked: bool = True
    headline: bool = False


class DrawScores(_Record):
    """What a metric gave on one draw."""

    draw: int
    scores: dict[str, float] = Field(default_factory=dict)
    undefined: dict[str, str] = Field(default_factory=dict, description="reason by score name")
    notes: list[str] = Field(default_factory=list)


class ScoreRecord(_Record):
    """``cells/<key>/scores/<metric-key>.json``: the scores of one metric. No time in it: equal scores, equal bytes."""

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
    """``cells/<key>/runs/<metric-key>.json``: when, where and how long a metric ran."""

    schema_version: int = SCHEMA_VERSION
    metric: str
    seconds: float | None = None
    peak_memory_bytes: int | None = None
    output: str = Field("", description="tail of what the process wrote, where the metric is not ok")
    environment: Environment = Field(default_factory=Environment)


class SuiteRow(_Record):
    """One cell that a suite asks for: its key, how it is called before it has a record, the keys of its scores."""

    key: str
    dataset: str
    split: int
    label: str
    seed: int
    is_control: bool
    scores: dict[str, str] = Field(description="metric name (with options) to metric key")
    title: str = Field("", description="what the suite calls the generator on boards; empty: its label")

    @property
    def shown(self) -> str:
        """What a board calls the generator."""
        return self.title or self.label


class SuiteRecord(_Record):
    """``suites/<name>.json``: what the last run of a suite asked for; a board is made from it and the cells."""

    schema_version: int = SCHEMA_VERSION
    name: str
    summary: str = ""
    command: str = Field("", description="the command line that asked for it")
    rows: list[SuiteRow] = Field(default_factory=list)
