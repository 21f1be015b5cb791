"""Calibration on a board: which planted failures (tables with a known fault) each score detects."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from tabgenbench.store.calibration import CalibratedScore, CalibrationRecord
from tabgenbench_leaderboard.board.model import ScoreColumn
from tabgenbench_leaderboard.board.summary import CalibrationRow, CalibrationTable

__all__ = ["calibrated_columns", "calibration_table"]


def calibrated_columns(
    columns: Sequence[ScoreColumn], keys: Mapping[str, Collection[str]], record: CalibrationRecord | None
) -> tuple[ScoreColumn, ...]:
    """Return the score columns of a dataset, with the results of the calibration.

    A tested score is ``uncalibrated`` if it misses a planted failure (table with a known fault) that it must detect,
    otherwise ``calibrated``. A score is ``not calibrated`` if it has no test for a key (hash of code and options) that
    its metric has in the results of the suite, even if it was tested for other keys.

    Args:
        columns: the columns of the dataset.
        keys: keys of the metrics in the results of the suite, by the label of the metric.
        record: the calibration of the dataset; None without calibration.
    """
    known = {} if record is None else {(score.key, score.score): score for score in record.scores}
    return tuple(
        _with_state(column, [known.get((key, column.spec.name)) for key in keys[column.metric]]) for column in columns
    )


def _with_state(column: ScoreColumn, found: Sequence[CalibratedScore | None]) -> ScoreColumn:
    scores = [score for score in found if score is not None and not score.reason]
    if not scores or len(scores) < len(found):
        return column
    missed = tuple(dict.fromkeys(name for score in scores for name in score.missed))
    return column.model_copy(update={"calibration": "uncalibrated" if missed else "calibrated", "missed": missed})


def calibration_table(record: CalibrationRecord, title_of: Callable[[CalibratedScore], str | None]) -> CalibrationTable:
    """Return the table that shows which planted failures (tables with a known fault) each score detects.

    Args:
        record: the calibration of a dataset.
        title_of: function that returns the title of a score, or None for a score that the table leaves out.
    """
    reasons: dict[str, str] = {}
    for failure in record.failures:
        tests = [test for score in record.scores for test in score.tests if test.name == failure.name]
        if tests and all(test.detected is None for test in tests):
            reasons[failure.name] = tests[0].reason
    failures = tuple(failure.name for failure in record.failures if failure.name not in reasons)
    titled = [(title_of(score), score) for score in record.scores if not score.reason]
    return CalibrationTable(
        splits=record.splits,
        failures=failures,
        inapplicable=reasons,
        rows=tuple(_row(title, score, failures) for title, score in titled if title is not None),
    )


def _row(title: str, score: CalibratedScore, failures: Sequence[str]) -> CalibrationRow:
    detected = {test.name: test.detected for test in score.tests}
    return CalibrationRow(
        title=title,
        question=score.question,
        headline=score.headline,
        outcomes=tuple(detected.get(name) for name in failures),
        must=tuple(name for name in failures if name in score.detects),
        floor=score.floor.detected if score.floor else None,
    )
