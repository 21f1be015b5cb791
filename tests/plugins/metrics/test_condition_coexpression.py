from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tabgenbench import Evaluation, MetricContext, Unsupported
from tabgenbench_plugins.metrics.condition_coexpression import ConditionCoexpression
from tabgenbench_plugins.metrics.gamma_by_condition import GammaByCondition

P = 22  # 231 pairs, of which 50 are listed
LABELS = ["colon"] * 24 + ["liver"] * 22 + ["lung"] * 9
Values = np.ndarray[Any, Any]


def rows(seed: int, noise: float = 0.7) -> Values:
    """Return rows whose features share three factors, other ones in each condition."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(3, 3, P))
    code = np.unique(LABELS, return_inverse=True)[1]
    factors = np.einsum("nz,nzp->np", rng.normal(size=(len(LABELS), 3)), mixing[code])
    return np.asarray(factors + noise * rng.normal(size=(len(LABELS), P)), dtype=np.float32)


def pairs(values: Values, condition: str) -> Values:
    inside = values[np.array(LABELS) == condition].astype(np.float64)
    return np.asarray(np.corrcoef(inside, rowvar=False)[np.triu_indices(P, 1)])


def strongest(r: Values) -> set[tuple[int, float]]:
    return {(int(k), float(np.sign(r[k]))) for k in np.argsort(-np.abs(r))[:50]}


def test_scores_are_those_of_the_definitions(make_evaluation: Any) -> None:
    evaluation: Evaluation = make_evaluation(rows(1), rows(2), LABELS)
    train = evaluation.test.like(rows(3), evaluation.test.conditions)
    result = ConditionCoexpression().compute(replace(evaluation, train=train), MetricContext(seed=0))
    overlap, error = [], []
    for condition in ("colon", "liver"):
        real, synthetic, training = (pairs(rows(seed), condition) for seed in (1, 2, 3))
        overlap.append(len(strongest(real) & strongest(synthetic)) / 50)
        chosen = [k for k, _ in strongest(training)]
        error.append(np.abs(real - synthetic)[chosen].mean())
    expected = {"coexpression-overlap": np.mean(overlap), "coexpression-error": np.mean(error)}
    assert result.scores == pytest.approx(expected, abs=1e-6)
    table = result.artifacts["conditions"]
    assert table["condition"].tolist() == ["tissue=colon", "tissue=liver"]
    assert table[["pairs", "test_rows", "synthetic_rows"]].to_numpy().tolist() == [[50, 24, 24], [50, 22, 22]]


def test_the_same_rows_score_best_in_any_order(score: Any) -> None:
    real, synthetic = rows(1), rows(2)
    order = np.random.default_rng(3).permutation(len(LABELS))
    moved = [LABELS[i] for i in order]
    best = {"coexpression-overlap": 1.0, "coexpression-error": 0.0}
    same = score(ConditionCoexpression(), real, real[order], labels=LABELS, synthetic_labels=moved).scores
    assert same == pytest.approx(best, abs=1e-9)
    found = score(ConditionCoexpression(), real, synthetic, labels=LABELS).scores
    again = score(ConditionCoexpression(), real, synthetic[order], labels=LABELS, synthetic_labels=moved).scores
    assert again == pytest.approx(found, abs=1e-9)


def test_features_permuted_within_conditions_lose_the_pairs(score: Any) -> None:
    real, broken, rng = rows(1), rows(2), np.random.default_rng(4)
    for condition in np.unique(LABELS):
        inside = np.array(LABELS) == condition
        broken[inside] = rng.permuted(broken[inside], axis=0)
    right = score(ConditionCoexpression(), real, rows(2), labels=LABELS).scores
    wrong = score(ConditionCoexpression(), real, broken, labels=LABELS).scores
    assert right["coexpression-overlap"] > 0.5 > 0.25 > wrong["coexpression-overlap"]
    assert right["coexpression-error"] < 0.3 < 0.6 < wrong["coexpression-error"]


def test_halved_correlations_are_seen_although_gamma_does_not_see_them(score: Any) -> None:
    real, weak = rows(1), rows(2, noise=2.0)
    gamma = score(GammaByCondition(), real, weak, labels=LABELS).scores["gamma-by-condition"]
    assert gamma > 0.5
    assert score(ConditionCoexpression(), real, weak, labels=LABELS).scores["coexpression-error"] > 0.3


def test_a_condition_without_variation_or_rows_has_no_pairs(score: Any) -> None:
    real, made = rows(1), rows(2)
    made[:24] = 1.0
    renamed = ["lung" if one == "liver" else one for one in LABELS]
    result = score(ConditionCoexpression(), real, made, labels=LABELS, synthetic_labels=renamed)
    assert result.artifacts["conditions"]["coexpression-overlap"].tolist() == [0.0, 0.0]
    assert result.notes == ("correlations count as 0 because there are fewer than 3 rows: tissue=liver",)


def test_tables_that_cannot_be_scored_have_a_reason(score: Any) -> None:
    real = rows(1)
    result = score(ConditionCoexpression(ConditionCoexpression.Config(min_rows=30)), real, real, labels=LABELS)
    assert set(result.undefined.values()) == {
        "no condition has 30 real test rows in which two features are correlated; the largest condition has 24 rows"
    }
    assert score(ConditionCoexpression(), real[:, :2], real[:, :2], labels=LABELS).undefined == dict.fromkeys(
        ("coexpression-overlap", "coexpression-error"), "there are 2 features, and pairs need at least 3"
    )
    wide = np.zeros((4, 4001))
    with pytest.raises(
        Unsupported, match="4,001 numeric features; pairs within conditions are listed for at most 4,000"
    ):
        score(ConditionCoexpression(), wide, wide)


def test_training_rows_without_the_condition_leave_the_error_undefined(make_evaluation: Any) -> None:
    evaluation: Evaluation = make_evaluation(rows(1), rows(2), LABELS)
    train = evaluation.test.take(np.flatnonzero(np.array(LABELS) == "lung"))
    result = ConditionCoexpression().compute(replace(evaluation, train=train), MetricContext(seed=0))
    assert set(result.scores) == {"coexpression-overlap"}
    reason = "no scored condition has training rows in which two features are correlated"
    assert result.undefined == {"coexpression-error": reason}


def test_golden_score(score: Any, golden_tables: Any) -> None:
    real, synthetic, labels = golden_tables
    metric = ConditionCoexpression(ConditionCoexpression.Config(min_rows=12))
    expected = {"coexpression-overlap": 0.2, "coexpression-error": 0.5811945}
    assert score(metric, real, synthetic, labels=labels).scores == pytest.approx(expected, abs=1e-6)
