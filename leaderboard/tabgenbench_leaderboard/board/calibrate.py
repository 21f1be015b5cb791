"""Tests of whether a score detects planted failures (synthetic tables with a known fault).

The page ``docs/statistics.md`` explains the test and its correction for multiple comparisons.
"""

from __future__ import annotations

from collections.abc import Sequence

from tabgenbench.store.calibration import CalibratedScore, FailureTest
from tabgenbench_leaderboard.board.intervals import CONFIDENCE, DECIMALS, holm, worse_by

__all__ = ["MIN_SPLITS", "judge_score"]

MIN_SPLITS = 2
"""Minimum number of splits in which both compared tables have a value; with fewer splits, no test is made."""


def judge_score(score: CalibratedScore) -> CalibratedScore:
    """Return a score with new tests of whether it detects each planted failure (table with a known fault).

    Holm's correction covers the tests of all planted failures on this score. The test of the score's floor (a control
    with bad values) is not corrected. An entry with a ``reason``, such as that the planted failure does not apply to
    the dataset, is not tested.
    """
    floor = _judged(score, [score.floor])[0] if score.floor else None
    return score.model_copy(update={"tests": _judged(score, score.tests), "floor": floor})


def _judged(score: CalibratedScore, tests: Sequence[FailureTest]) -> tuple[FailureTest, ...]:
    raw = [_test(score, test) for test in tests]
    adjusted = iter(holm([test.p for test in raw if test.p is not None]))
    return tuple(test if test.p is None else _with_adjusted(test, next(adjusted)) for test in raw)


def _test(score: CalibratedScore, test: FailureTest) -> FailureTest:
    real, values = score.values.get(score.reference, {}), score.values.get(test.name, {})
    if test.reason or len(real.keys() & values.keys()) < MIN_SPLITS:
        return FailureTest(name=test.name, reason=test.reason or f"fewer than {MIN_SPLITS} splits with values")
    difference, p = worse_by(values, real, score.direction)
    return FailureTest(name=test.name, difference=difference, p=p)


def _with_adjusted(test: FailureTest, p: float) -> FailureTest:
    adjusted = round(p, DECIMALS)
    return test.model_copy(update={"p_adjusted": adjusted, "detected": adjusted < 1 - CONFIDENCE})
