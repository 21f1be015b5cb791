"""Prediction of conditions: the score by its definition, and what it sees."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tabgenbench import Unsupported
from tabgenbench_plugins.metrics.condition_prediction import ConditionPrediction

LABELS = np.array(["colon"] * 20 + ["liver"] * 16 + ["lung"] * 12 + ["skin"] * 3, dtype=object)
Values = np.ndarray[Any, Any]


def rows(seed: int) -> Values:
    """Return rows of four conditions with means of their own."""
    means = 0.5 * np.random.default_rng(99).normal(size=(4, 6))
    shift = means[np.unique(LABELS, return_inverse=True)[1]]
    return np.asarray(shift + np.random.default_rng(seed).normal(size=shift.shape), dtype=np.float32)


def auc(score: Any, real: Values, synthetic: Values, **labels: Any) -> float:
    return float(score(ConditionPrediction(), real, synthetic, **labels).scores["condition-auc"])


def test_the_score_is_that_of_its_definition(score: Any) -> None:
    real, synthetic = rows(1), rows(2)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(real, LABELS)
    p = model.predict_proba(synthetic)
    areas = [roc_auc_score(LABELS == name, p[:, k]) for k, name in enumerate(model.classes_) if name != "skin"]
    assert auc(score, real, synthetic, labels=LABELS) == pytest.approx(np.mean(areas), abs=1e-3)
    found = score(ConditionPrediction(), real, synthetic, labels=LABELS).artifacts["conditions"]
    assert list(found["condition"]) == ["tissue=colon", "tissue=liver", "tissue=lung"]
    assert list(found["test_rows"]) == [20, 16, 12]


def test_permuted_conditions_score_as_chance_and_order_does_not_matter(score: Any) -> None:
    real, synthetic = rows(1), rows(2)
    right = auc(score, real, synthetic, labels=LABELS)
    backwards = auc(score, real, synthetic[::-1], labels=LABELS, synthetic_labels=LABELS[::-1])
    chance = [
        auc(score, real, synthetic, labels=LABELS, synthetic_labels=np.random.default_rng(i).permutation(LABELS))
        for i in range(20)
    ]
    assert backwards == pytest.approx(right, abs=1e-12)
    assert right > 0.75
    assert abs(np.mean(chance) - 0.5) < 0.05


def test_a_condition_without_synthetic_rows_counts_as_chance(score: Any) -> None:
    real = rows(1)
    others = np.where(LABELS == "lung", "liver", LABELS)
    result = score(ConditionPrediction(), real, real, labels=LABELS, synthetic_labels=others)
    assert result.artifacts["conditions"].set_index("condition").loc["tissue=lung", "auc"] == 0.5
    assert "counts 0.5 because there are no synthetic rows: tissue=lung" in result.notes


def test_a_table_without_two_conditions_has_a_reason(score: Any) -> None:
    one = np.array(["colon"] * len(LABELS), dtype=object)
    undefined = score(ConditionPrediction(), rows(1), rows(2), labels=one).undefined
    assert undefined == {"condition-auc": "all real test rows have the same condition"}
    with pytest.raises(Unsupported, match="no condition column"):
        score(ConditionPrediction(), rows(1), rows(2))
