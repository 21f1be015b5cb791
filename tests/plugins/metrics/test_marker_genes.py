"""Markers of conditions: scores from the definitions, and what they distinguish."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from tabgenbench import Result, Unsupported
from tabgenbench_plugins.metrics.marker_genes import MarkerGenes

P = 24
LABELS = ["colon"] * 14 + ["liver"] * 12 + ["lung"] * 10 + ["skin"] * 3
Values = np.ndarray[Any, Any]


def rows(seed: int, noise: float = 1.0) -> Values:
    """Return rows of four conditions with means of their own."""
    means = np.random.default_rng(99).normal(size=(4, P))
    shift = means[np.unique(LABELS, return_inverse=True)[1]]
    return np.asarray(shift + noise * np.random.default_rng(seed).normal(size=(len(LABELS), P)), dtype=np.float32)


def by_hand(real: Values, synthetic: Values, condition: str) -> tuple[float, float, Values, Values]:
    inside = np.array(LABELS) == condition
    a, b = (np.array([stats.pearsonr(inside, one[:, j]).statistic for j in range(P)]) for one in (real, synthetic))
    tops = [set(np.argsort(-one)[: P // 4]) for one in (a, b)]
    return len(tops[0] & tops[1]) / (P // 4), float(np.corrcoef(a, b)[0, 1]), a, b


def test_scores_are_those_of_the_definitions(score: Any) -> None:
    real, synthetic = rows(1), rows(2)
    result: Result = score(MarkerGenes(), real, synthetic, labels=LABELS)
    found = [by_hand(real, synthetic, condition) for condition in ("colon", "liver", "lung")]
    a, b = (np.concatenate([one[k] for one in found]) for k in (2, 3))
    expected = {
        "marker-overlap": np.mean([one[0] for one in found]),
        "marker-effect-correlation": np.mean([one[1] for one in found]),
        "marker-effect-ratio": np.sqrt((b @ b) / (a @ a)),
    }
    assert result.scores == pytest.approx(expected, abs=1e-6)
    table = result.artifacts["conditions"]
    assert table["condition"].tolist() == ["tissue=colon", "tissue=liver", "tissue=lung"]
    assert table["test_rows"].tolist() == [14, 12, 10]
    assert table["markers"].tolist() == [6, 6, 6]
    assert result.notes == ("conditions scored: 3 of 4",)


def test_ranks_give_rank_biserial_correlations(score: Any) -> None:
    real, synthetic = rows(1), rows(2)
    metric = MarkerGenes(MarkerGenes.Config(effect="rank-biserial"))
    effects = []
    for one in (real, synthetic):
        for condition in ("colon", "liver", "lung"):
            inside = np.array(LABELS) == condition
            u = stats.mannwhitneyu(one[inside], one[~inside], method="asymptotic").statistic
            effects.append(2.0 * u / (inside.sum() * (~inside).sum()) - 1.0)
    correlations = [np.corrcoef(a, b)[0, 1] for a, b in zip(effects[:3], effects[3:], strict=True)]
    found = score(metric, real, synthetic, labels=LABELS).scores
    assert found["marker-effect-correlation"] == pytest.approx(np.mean(correlations), abs=1e-6)


@pytest.mark.parametrize("effect", ["point-biserial", "rank-biserial"])
def test_the_same_rows_score_best_in_any_order(score: Any, effect: str) -> None:
    metric = MarkerGenes(MarkerGenes.Config(effect=effect))
    real, synthetic = rows(1), rows(2)
    order = np.random.default_rng(3).permutation(len(LABELS))
    moved = [LABELS[i] for i in order]
    best = {"marker-overlap": 1.0, "marker-effect-ratio": 1.0, "marker-effect-correlation": 1.0}
    same = score(metric, real, real[order], labels=LABELS, synthetic_labels=moved).scores
    assert same == pytest.approx(best, abs=1e-9)
    found = score(metric, real, synthetic, labels=LABELS).scores
    again = score(metric, real, synthetic[order], labels=LABELS, synthetic_labels=moved).scores
    assert again == pytest.approx(found, abs=1e-9)


def test_swapped_labels_weaken_effects_and_rows_without_noise_strengthen_them(score: Any) -> None:
    real = rows(1)
    swapped = list(LABELS)
    swapped[:3], swapped[14:17], swapped[26:28] = ["liver"] * 3, ["lung"] * 3, ["colon"] * 2
    name = "marker-effect-ratio"
    assert score(MarkerGenes(), real, real, labels=LABELS, synthetic_labels=swapped).scores[name] < 0.85
    assert score(MarkerGenes(), real, rows(2, noise=0.0), labels=LABELS).scores[name] > 1.2


def test_conditions_exchanged_have_other_markers(score: Any) -> None:
    real = rows(1)
    other = {"colon": "liver", "liver": "lung", "lung": "colon", "skin": "skin"}
    result = score(MarkerGenes(), real, real, labels=LABELS, synthetic_labels=[other[one] for one in LABELS])
    assert result.scores["marker-overlap"] < 0.5
    assert result.scores["marker-effect-correlation"] < 0.3


def test_tables_that_cannot_be_scored_have_a_reason(score: Any) -> None:
    real = rows(1)
    with pytest.raises(Unsupported, match="the dataset has no condition column"):
        score(MarkerGenes(), real, real)
    result = score(MarkerGenes(MarkerGenes.Config(min_rows=20)), real, real, labels=LABELS)
    assert set(result.undefined.values()) == {"no condition has 20 real test rows, and as many other rows"}
    constant = score(MarkerGenes(), np.ones((39, P)), real, labels=LABELS)
    assert set(constant.undefined) == {"marker-overlap", "marker-effect-ratio", "marker-effect-correlation"}


def test_a_condition_without_synthetic_rows_counts_as_no_effect(score: Any) -> None:
    real = rows(1)
    renamed = ["skin" if one == "lung" else one for one in LABELS]
    result = score(MarkerGenes(), real, real, labels=LABELS, synthetic_labels=renamed)
    assert result.artifacts["conditions"]["marker-overlap"].tolist() == [1.0, 1.0, 0.0]
    assert result.notes[-1].endswith("all synthetic rows are equal: tissue=lung - others")


def test_golden_score(score: Any, golden_tables: Any) -> None:
    real, synthetic, labels = golden_tables
    expected = {"marker-overlap": 0.5, "marker-effect-ratio": 1.0442867, "marker-effect-correlation": 0.9727669}
    assert score(MarkerGenes(), real, synthetic, labels=labels).scores == pytest.approx(expected, abs=1e-6)
