"""Record of a calibration: which planted failures (tables with one known fault) each score detects on a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tabgenbench.records import SCHEMA_VERSION, Question
from tabgenbench.store.store import Store

__all__ = [
    "CalibratedScore",
    "CalibrationRecord",
    "FailureTest",
    "PlantedFailure",
    "calibration_path",
    "read_calibration",
    "write_calibration",
]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")


class PlantedFailure(_Part):
    """A table with one known fault, which the main scores of one question (such as fidelity) should detect."""

    name: str
    question: Question = ""
    summary: str = ""


class FailureTest(_Part):
    """Test whether a score is worse for a table with a fault than for real rows.

    Attributes:
        name: name of the planted failure (table with one known fault) or of the score's floor (control with a bad
            value).
        difference: how much worse the table with the fault scores than real rows, mean over splits; negative if it
            scores better. If 1 is best, the difference is that of the distances from 1.
        p: one-sided p-value of the paired t-test.
        p_adjusted: p-value after Holm's correction over all planted failures of this score.
        detected: whether the adjusted p-value is below 0.05; None without a test.
        reason: why there is no test; empty if there is one.
    """

    name: str
    difference: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    detected: bool | None = None
    reason: str = ""


class CalibratedScore(_Part):
    """A score with its values on real rows and on planted failures, and the tests computed from the values.

    Attributes:
        metric: name of the metric with the options that differ from its defaults.
        key: hash of the metric's code and options.
        detects: planted failures that the score must detect.
        misses: planted failures that the score is known not to detect.
        reference: name of the control that returns real rows, with which failures are compared.
        values: for each generator (by name) and split, the score, averaged over the trainings on this split.
        tests: one test per planted failure.
        floor: test of the score's floor, the control that shows a bad value; None if the score names no floor.
        reason: why the score has no values on this dataset; empty if it has values.
    """

    metric: str
    key: str
    score: str
    question: Question = ""
    direction: Literal["higher", "lower", "one"]
    headline: bool = False
    detects: tuple[str, ...] = ()
    misses: tuple[str, ...] = ()
    reference: str
    values: dict[str, dict[int, float]] = Field(default_factory=dict)
    tests: tuple[FailureTest, ...] = ()
    floor: FailureTest | None = None
    reason: str = ""

    @property
    def missed(self) -> tuple[str, ...]:
        """Names of the planted failures that the score must detect but does not detect."""
        return tuple(test.name for test in self.tests if test.name in self.detects and test.detected is False)


class CalibrationRecord(BaseModel):
    """Latest calibration of the scores on a dataset, the content of ``calibrations/<dataset fingerprint>.json``.

    Attributes:
        dataset: name of the dataset with the options that differ from its defaults.
        split: settings of the splits for all scores except privacy scores.
        privacy_split: settings of the splits for privacy scores.
        skipped: for each metric that does not apply to the dataset, the reason.
    """

    model_config = ConfigDict(extra="allow")

    schema_version: int = SCHEMA_VERSION
    dataset: str
    dataset_fingerprint: str
    splits: int
    split: dict[str, Any] = Field(default_factory=dict)
    privacy_split: dict[str, Any] = Field(default_factory=dict)
    failures: tuple[PlantedFailure, ...] = ()
    scores: tuple[CalibratedScore, ...] = ()
    skipped: dict[str, str] = Field(default_factory=dict)


def calibration_path(store: Store, fingerprint: str) -> Path:
    """Return the path of the calibration record of the dataset with this fingerprint."""
    return store.root / "calibrations" / f"{fingerprint}.json"


def read_calibration(store: Store, fingerprint: str) -> CalibrationRecord | None:
    """Return the calibration record of the dataset with this fingerprint, or None if there is none."""
    path = calibration_path(store, fingerprint)
    record = store.read(path, CalibrationRecord)
    if record is not None and record.dataset_fingerprint != fingerprint:
        store.quarantine(path, "the calibration of another dataset")
        return None
    return record


def write_calibration(store: Store, record: CalibrationRecord) -> Path:
    """Write a calibration and return its path; an earlier calibration of the dataset is replaced."""
    path = calibration_path(store, record.dataset_fingerprint)
    store.write_text(path, record.model_dump_json(indent=1) + "\n")
    return path
