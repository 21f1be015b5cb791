"""Tests of scores against planted failures, by hand and against scipy."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from scipy.stats import nct, t, ttest_rel

from tabgenbench.store.calibration import CalibratedScore, FailureTest
from tabgenbench_leaderboard.board.calibrate import judge_score
from tabgenbench_leaderboard.board.intervals import worse_by


def by_split(*values: float) -> dict[int, float]:
    return dict(enumerate(values))


def calibrated(values: dict[str, dict[int, float]], *tests: str, **more: object) -> CalibratedScore:
    fields = {"metric": "m", "key": "k", "score": "s", "direction": "lower", "reference": "real-resample"}
    found = tuple(FailureTest(name=name) for name in tests)
    return judge_score(CalibratedScore.model_validate({**fields, "values": values, "tests": found, **more}))


@pytest.mark.parametrize(("direction", "alternative"), [("lower", "greater"), ("higher", "less"), ("one", "greater")])
def test_the_p_value_is_that_of_scipy(direction: Literal["lower", "higher", "one"], alternative: str) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        first, second = rng.normal(1.1, 0.2, size=(2, 7))
        a, b = (np.abs(x - 1) if direction == "one" else x for x in (first, second))
        difference, p = worse_by(by_split(*first), by_split(*second), direction)
        assert p == pytest.approx(ttest_rel(a, b, alternative=alternative).pvalue, abs=1e-9)
        assert difference == pytest.approx((b - a if direction == "higher" else a - b).mean())


@pytest.mark.parametrize(("family", "size"), [(1, 0.85), (7, 1.26)])
def test_ten_splits_resolve_what_the_page_states(family: int, size: float) -> None:
    limit = t.isf(0.05 / family, 9)
    assert nct.sf(limit, 9, size * 10**0.5) == pytest.approx(0.8, abs=0.005)


@pytest.mark.parametrize(("shift", "p"), [(0.5, 1 / 8), (-0.5, 7 / 8), (0.0, 1 / 2)])
def test_one_side_of_equal_differences(shift: float, p: float) -> None:
    real = by_split(1.0, 2.0, 3.0)
    assert worse_by({i: value + shift for i, value in real.items()}, real, "lower") == (shift, p)


def test_only_common_splits_count() -> None:
    assert worse_by({0: 1.0, 1: 2.0, 5: 99.0}, {0: 0.0, 1: 0.0, 7: 99.0}, "lower")[0] == 1.5


def test_the_failures_of_a_score_are_one_family_and_its_floor_another() -> None:
    real = by_split(0.0, 0.1, 0.0, 0.1)
    a, b = by_split(0.2, 0.35, 0.2, 0.3), by_split(0.1, 0.1, 0.1, 0.25)
    values = {"real-resample": real, "a": a, "b": b, "floor": b}
    score = calibrated(values, "a", "b", "c", floor=FailureTest(name="floor"))
    raw = {name: worse_by(values[name], real, "lower")[1] for name in ("a", "b")}
    assert raw["a"] < raw["b"] < 0.1
    assert [test.p for test in score.tests] == [raw["a"], raw["b"], None]
    assert [test.p_adjusted for test in score.tests] == [pytest.approx(2 * raw["a"]), pytest.approx(raw["b"]), None]
    assert [test.detected for test in score.tests] == [True, raw["b"] < 0.05, None]
    assert score.tests[2].reason == "fewer than 2 splits with values"
    assert score.floor is not None
    assert score.floor.p_adjusted == raw["b"]


def test_a_missed_failure_is_one_that_was_tested_and_must_be_detected() -> None:
    real = by_split(0.0, 0.1, 0.05)
    values = {"real-resample": real, "far": by_split(1.0, 1.1, 1.0), "near": by_split(0.05, 0.05, 0.05)}
    assert calibrated(values, "far", "near", detects=("far", "near")).missed == ("near",)
    assert calibrated(values, "far", "near", detects=("far",)).missed == ()
    assert calibrated(values, "far", "absent", detects=("absent",)).missed == ()


def test_a_test_with_a_reason_is_not_made_and_judging_twice_changes_nothing() -> None:
    real = by_split(0.0, 0.1, 0.05)
    score = calibrated({"real-resample": real, "far": by_split(1.0, 1.1, 1.05)}, "far")
    excluded = score.model_copy(update={"tests": (FailureTest(name="far", reason="does not apply"),)})
    assert judge_score(excluded).tests[0].detected is None
    assert judge_score(score) == score
    assert CalibratedScore.model_validate_json(score.model_dump_json()) == score
