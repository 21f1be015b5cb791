from __future__ import annotations

from typing import Any

import pytest

from tabgenbench.records import DrawScores, Environment, ScoreRecord, ScoreSpec, SuiteRecord, SuiteRow
from tabgenbench_leaderboard.publish.compare_scores import Repeated, ScoreComparer, other_machine

cell_record = pytest.importorskip("cell_records").cell_record
HERE = Environment(cpu="A CPU", python="3.11.9", packages={"torch": "2.1"}, threads=1, device="cuda:0")
ELSEWHERE = HERE.model_copy(update={"cpu": "Another CPU"})
SPEC = ScoreSpec(name="gamma", direction="higher", low=-1, high=1)
OPEN = ScoreSpec(name="ratio", direction="one", low=0)


def score(*values: float, spec: ScoreSpec = SPEC) -> ScoreRecord:
    draws = [DrawScores(draw=i, scores={spec.name: value}) for i, value in enumerate(values)]
    return ScoreRecord(key="m", cell_key="k", metric="gamma", specs=[spec], status="ok", draws=draws)


def row(split: int, label: str = "cvae") -> SuiteRow:
    key = f"{label}-{split}"
    return SuiteRow(key=key, dataset="d", split=split, label=label, seed=0, is_control=False, scores={"gamma": "m"})


def found(
    value: float, again: ScoreRecord, *others: float, environment: Environment = ELSEWHERE, **more: Any
) -> list[str]:
    """Compare a recorded value of split 0 with a repetition; ``others`` are the values of further splits."""
    spec = again.specs[0]
    rows = [row(split) for split in range(1 + len(others))]
    scores = {row.key: {"gamma": score(one, spec=spec)} for row, one in zip(rows, (value, *others), strict=True)}
    comparer = ScoreComparer(SuiteRecord(name="s", rows=rows), scores, more.pop("tolerance", None))
    recorded = cell_record("cvae-0", environment=HERE)
    repeated = cell_record("cvae-0", environment=environment, **more)
    findings, _ = comparer.compare(
        rows[0], recorded, before=scores["cvae-0"], again=Repeated(repeated, {"gamma": again})
    )
    return [str(finding) for finding in findings]


def test_on_the_same_kind_of_machine_the_last_digit_counts() -> None:
    assert found(0.5, score(0.5), environment=HERE) == []
    assert found(0.5, score(0.5000000000000001), environment=HERE) == [
        "cells/cvae-0/scores/m.json: gamma of draw 0 is 0.5; expected 0.5000000000000001, when trained again"
    ]


def test_elsewhere_two_percent_of_the_range_are_accepted() -> None:
    assert found(0.5, score(0.539)) == []
    assert found(0.5, score(0.541)) == [
        "cells/cvae-0/scores/m.json: gamma is 0.5; "
        "expected 0.541 ± 0.04, the value when trained again and the tolerance"
    ]
    assert found(2.0, score(1.97, spec=OPEN)) == []
    assert len(found(2.0, score(1.9, spec=OPEN))) == 1


def test_elsewhere_noise_over_splits_widens_the_tolerance() -> None:
    assert len(found(0.5, score(0.6), 0.5, 0.5)) == 1
    assert found(0.5, score(0.6), 0.4, 0.5) == []


def test_a_made_up_value_does_not_widen_its_own_tolerance() -> None:
    assert len(found(0.95, score(0.5), 0.5, 0.51, 0.5)) == 1


def test_a_given_tolerance_replaces_the_rule() -> None:
    assert found(0.5, score(0.6), tolerance=0.06) == []
    assert len(found(0.5, score(0.6), 0.1, 0.9, tolerance=0.04)) == 1


def test_means_over_draws_are_compared_elsewhere() -> None:
    assert found(0.5, score(0.4, 0.6)) == []


def test_a_repetition_that_fails_or_is_undefined_is_a_finding() -> None:
    failed = found(0.5, score(0.5), status="timeout", reason="too long")
    assert failed == ["cells/cvae-0/fit.json: status is ok; expected timeout: too long, when trained again here"]
    undefined = score()
    undefined.draws = [DrawScores(draw=0, undefined={"gamma": "constant"})]
    assert found(0.5, undefined) == ["cells/cvae-0/scores/m.json: gamma is 0.5; expected undefined, when trained again"]
    broken = score().model_copy(update={"status": "failed", "reason": "no"})
    assert "expected failed: no, when scored again here" in found(0.5, broken)[0]


def test_other_machines_differ_by_what_may_change_a_digit() -> None:
    assert other_machine(HERE, HERE.model_copy(update={"host": "x", "cores": 9, "device": "cuda:1"})) == ""
    other = {"cpu": "B", "packages": {"torch": "2.2"}, "device": "cpu"}
    assert other_machine(HERE, HERE.model_copy(update=other)) == "other cpu, device, torch"
