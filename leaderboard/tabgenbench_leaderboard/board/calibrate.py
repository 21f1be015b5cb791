"""Tests of scores against planted failures, computed from the values by split.

The page ``docs/statistics.md`` gives the reasons for the test and for its families.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tabgenbench.store.calibration import CalibratedScore, FailureTest
from tabgenbench_leaderboard.board.intervals import CONFIDENCE, holm, worse_by

__all__ = ["MIN_SPLITS", "judge_scores"]

MIN_SPLITS = 2
"""Number of common splits without which there is no test."""


def judge_scores(scores: Sequence[CalibratedScore]) -> tuple[CalibratedScore, ...]:
    """Return the scores with their tests recomputed from their values by split.

    The planted failures of all scores of a question are one family of Holm's correction; the floors of these scores are
    another. A test that has a reason, such as a failure that does not apply to the dataset, is not made.
    """
    found = {(i, test.name): test for i, score in enumerate(scores) for test in _raw_tests(score, score.tests)}
    floors = {
        (i, test.name): test
        for i, score in enumerate(scores)
        for test in _raw_tests(score, [score.floor] if score.floor else [])
    }
    for question in dict.fromkeys(score.question for score in scores):
        members = [i for i, score in enumerate(scores) if score.question == question]
        for tests in (found, floors):
            _correct(tests, members)
    return tuple(
        score.model_copy(
            update={
                "tests": tuple(found[i, test.name] for test in score.tests),
                "floor": floors[i, score.floor.name] if score.floor else None,
            }
        )
        for i, score in enumerate(scores)
    )


def _raw_tests(score: CalibratedScore, tests: Sequence[FailureTest]) -> Iterator[FailureTest]:
    """Yield each test without Holm's correction."""
    real = score.values.get(score.reference, {})
    for test in tests:
        values = score.values.get(test.name, {})
        if test.reason or len(real.keys() & values.keys()) < MIN_SPLITS:
            reason = test.reason or f"fewer than {MIN_SPLITS} splits with values"
            yield FailureTest(name=test.name, reason=reason)
            continue
        difference, p = worse_by(values, real, score.direction)
        yield FailureTest(name=test.name, difference=difference, p=p)


def _correct(tests: dict[tuple[int, str], FailureTest], members: Sequence[int]) -> None:
    """Set the adjusted p-values of the tests of some scores, which are one family."""
    family = [place for place, test in tests.items() if place[0] in members and test.p is not None]
    adjusted = holm([p for place in family if (p := tests[place].p) is not None])
    for place, p in zip(family, adjusted, strict=True):
        update = {"p_adjusted": round(p, 12), "detected": round(p, 12) < 1 - CONFIDENCE}
        tests[place] = tests[place].model_copy(update=update)
