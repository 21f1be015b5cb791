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
    """A planted failure (table with one known fault), with the question whose headline scores should detect it."""

    name: str
    question: Question = ""
    summary: str = ""


class FailureTest(_Part):
    """Test of a score on a planted failure (table with one known fault), or on the control that is the score's floor.

    Attributes:
        name: name of the planted failure or of the control.
        difference: how much worse the score rates the failure than the reference control, as a mean over splits;
            positive means worse. For a score that is best at 1, distances from 1 are compared.
        p: one-sided p-value of the paired t-test.
        p_adjusted: the p-value after Holm's correction over the planted failures tested on the score.
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
        key: the metric's key, a hash of its code and options.
        score: name of the score.
        detects: planted failures that the score must detect.
        misses: planted failures that the score is known not to detect.
        reference: the control with which failures are compared.
        values: for each generator by name, the value on each split, averaged over seeds and folds.
        tests: one test per planted failure.
        floor: test of the control that is the score's floor (marks a bad value); None if the score names no floor.
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
        """The planted failures (tables with one known fault) that the score must detect and does not detect."""
        return tuple(test.name for test in self.tests if test.name in self.detects and test.detected is False)


class CalibrationRecord(BaseModel):
    """``calibrations/<dataset fingerprint>.json``: the latest calibration of the scores on a dataset.

    Attributes:
        dataset: name of the dataset with the options that differ from its defaults.
        splits: number of splits.
        split: settings of the splits with which scores of privacy are not tested.
        privacy_split: settings of the splits into thirds, with which scores of privacy are tested.
        skipped: metrics that do not apply to the dataset, with the reasons.
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
    """Write a calibration, which replaces an earlier calibration of the dataset, and return its path."""
    path = calibration_path(store, record.dataset_fingerprint)
    store.write_text(path, record.model_dump_json(indent=1) + "\n")
    return path
