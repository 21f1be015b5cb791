"""Differential expression: scores of contrasts with a known answer, and the choice of contrasts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tabgenbench import Evaluation, MetricContext, Result, Schema, Table, Transform, Unsupported
from tabgenbench_plugins.metrics.differential_expression import DifferentialExpression

P = 40
SD = np.linspace(0.5, 2.0, P)
Values = np.ndarray[Any, Any]
BEST = {
    "logfc-correlation": 1.0,
    "logfc-ratio": 1.0,
    "logfc-sign-agreement": 1.0,
    "de-top-overlap": 1.0,
    "de-significant-overlap": 1.0,
}


def table(values: Values, **columns: list[str]) -> Table:
    obs = pd.DataFrame(columns, index=[f"r{i}" for i in range(len(values))]).astype("category")
    names = tuple(f"g{j}" for j in range(values.shape[1]))
    schema = Schema(conditions=tuple(columns))
    return Table(values.astype(np.float32), obs, names, schema, scale="standardized")


TISSUE = ["liver"] * 20 + ["lung"] * 24 + ["skin"] * 6
STATUS = ["cancer", "normal"] * 22 + ["normal"] * 6


def rows(seed: int, effect: float = 1.0) -> Table:
    """Return 50 rows; cancer raises other features in the liver than in the lung, and skin has no cancer."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(50, P))
    cancer = np.array(STATUS) == "cancer"
    shift = np.random.default_rng(99).normal(size=(2, P)) * effect
    for k, tissue in enumerate(("liver", "lung")):
        values[cancer & (np.array(TISSUE) == tissue)] += shift[k]
    return table(values, tissue=TISSUE, status=STATUS)


def score(real: Table, synthetic: Table, *, log2p1: bool = True, **options: Any) -> Result:
    transform = Transform(np.zeros(real.n_features), SD[: real.n_features], "linear", log2p1)
    metric = DifferentialExpression(DifferentialExpression.Config(**options))
    return metric.compute(Evaluation(real, real, synthetic, transform), MetricContext(seed=0))


def by_hand(real: Table, synthetic: Table, tissue: str) -> dict[str, float]:
    """Return the scores of one tissue, from scipy and the definitions."""
    cancer, inside = np.array(STATUS) == "cancer", np.array(TISSUE) == tissue
    change, p = [], []
    for one in (real, synthetic):
        x, y = (one.dense()[inside & group].astype(np.float64) for group in (cancer, ~cancer))
        change.append((x.mean(axis=0) - y.mean(axis=0)) * SD)
        p.append(stats.ttest_ind(x, y, equal_var=False).pvalue)
    tops = [{(j, np.sign(c[j])) for j in np.argsort(q)[: P // 4]} for c, q in zip(change, p, strict=True)]
    found = [
        {(j, np.sign(c[j])) for j in np.flatnonzero(stats.false_discovery_control(q) < 0.05)}
        for c, q in zip(change, p, strict=True)
    ]
    return {
        "logfc-correlation": float(np.corrcoef(*change)[0, 1]),
        "logfc-sign-agreement": float((np.sign(change[0]) == np.sign(change[1])).mean()),
        "de-top-overlap": len(tops[0] & tops[1]) / len(tops[0]),
        "de-significant-overlap": len(found[0] & found[1]) / len(found[0] | found[1]),
    }


def test_scores_are_means_over_tissues_of_the_definitions() -> None:
    real, synthetic = rows(1), rows(2)
    result = score(real, synthetic)
    liver, lung = (by_hand(real, synthetic, tissue) for tissue in ("liver", "lung"))
    for name, value in liver.items():
        assert result.scores[name] == pytest.approx((value + lung[name]) / 2.0, abs=1e-6), name
    contrasts = result.artifacts["contrasts"]
    assert contrasts["contrast"].tolist() == ["liver: cancer - normal", "lung: cancer - normal"]
    assert contrasts["test_rows"].tolist() == [20, 24]
    assert result.notes == ("compares values of 'status' within values of 'tissue': 2 contrasts",)


@pytest.mark.parametrize("test", ["welch", "mann-whitney"])
def test_the_same_rows_score_best_in_any_order(test: str) -> None:
    real = rows(1)
    order = np.random.default_rng(0).permutation(real.n_rows)
    assert score(real, real.take(order), test=test).scores == pytest.approx(BEST, abs=1e-9)
    one, other = (score(real, rows(2).take(way), test=test).scores for way in (np.arange(50), order))
    assert one == pytest.approx(other, abs=1e-9)


def test_halved_fold_changes_lower_the_ratio_and_the_significance_but_not_the_correlation() -> None:
    real, same, halved = rows(1, effect=2.0), rows(2, effect=2.0), rows(2, effect=1.0)
    right, small = score(real, same).scores, score(real, halved).scores
    assert right["logfc-ratio"] == pytest.approx(1.0, abs=0.1)
    assert small["logfc-ratio"] == pytest.approx(0.55, abs=0.1)
    assert small["logfc-correlation"] > 0.85
    assert small["de-significant-overlap"] < right["de-significant-overlap"] - 0.15


def test_reversed_fold_changes_score_worst() -> None:
    real = rows(1)
    turned = replace(real, X=-real.dense())
    worst = {"logfc-correlation": -1.0, "logfc-sign-agreement": 0.0, "de-top-overlap": 0.0}
    found = score(real, turned).scores
    assert {name: found[name] for name in worst} == pytest.approx(worst)
    assert found["de-significant-overlap"] == 0.0
    assert found["logfc-ratio"] == pytest.approx(1.0)


def test_rows_without_noise_are_significant_everywhere() -> None:
    real = rows(1)
    values = real.to_frame().groupby(["tissue", "status"], observed=True)[list(real.features)].transform("mean")
    contrasts = score(real, replace(real, X=values.to_numpy(dtype=np.float32))).artifacts["contrasts"]
    assert contrasts["significant_synthetic"].tolist() == [P, P]


def test_a_group_without_synthetic_rows_counts_as_no_difference() -> None:
    real = rows(1)
    moved = table(real.dense(), tissue=["skin" if one == "liver" else one for one in TISSUE], status=STATUS)
    result = score(real, moved)
    assert result.artifacts["contrasts"]["logfc-correlation"].tolist() == pytest.approx([0.0, 1.0])
    assert result.artifacts["contrasts"]["logfc-sign-agreement"].tolist() == pytest.approx([0.5, 1.0])
    assert result.notes[-1] == (
        "differences count as 0 because a group has fewer than 2 synthetic rows, or all synthetic rows are equal: "
        "liver: cancer - normal"
    )


def test_without_a_log2_scale_differences_are_in_train_sd() -> None:
    real, synthetic = rows(1), rows(2)
    result = score(real, synthetic, log2p1=False)
    assert result.notes[-1].startswith("fold changes are differences of means in standard deviations")
    a, b = (one.dense()[:20:2].mean(axis=0) - one.dense()[1:20:2].mean(axis=0) for one in (real, synthetic))
    found = result.artifacts["contrasts"]["logfc-correlation"][0]
    assert found == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-6)


def test_one_condition_of_three_values_has_three_contrasts_and_one_of_two_has_one() -> None:
    values = rows(1).dense()
    three, two = table(values, tissue=TISSUE), table(values, status=STATUS)
    names = score(three, three).artifacts["contrasts"]["contrast"].tolist()
    assert names == ["liver - others", "lung - others", "skin - others"]
    assert score(two, two).artifacts["contrasts"]["contrast"].tolist() == ["cancer - normal"]


def test_options_name_the_columns_and_the_number_of_rows() -> None:
    real = rows(1)
    result = score(real, real, tissue="status", status="tissue", min_rows=6)
    assert result.artifacts["contrasts"]["contrast"].tolist() == [
        "cancer: liver - lung",
        "normal: liver - others",
        "normal: lung - others",
        "normal: skin - others",
    ]
    reason = score(real, real, min_rows=13).undefined
    assert set(reason.values()) == {"no value of 'tissue' has 13 real test rows in each of two groups of 'status'"}
    with pytest.raises(Unsupported, match="'state' is not a condition column of this dataset; did you mean 'status'"):
        score(real, real, status="state")


def test_conditions_without_the_usual_names_take_the_one_of_two_values_as_status() -> None:
    real = table(rows(1).dense(), treated=STATUS, organ=TISSUE)
    assert score(real, real).notes == ("compares values of 'treated' within values of 'organ': 2 contrasts",)


def test_a_table_without_conditions_is_declined() -> None:
    values = rows(1).dense()
    with pytest.raises(Unsupported, match="the dataset has no condition column"):
        score(table(values), table(values))


def test_constant_features_and_few_features_give_reasons() -> None:
    constant = table(np.ones((50, P)), tissue=TISSUE, status=STATUS)
    none = "the real test rows give no value in any contrast: too few features, or none that differs"
    size = "the real test rows have no difference in any contrast"
    expected = {name: size if name == "logfc-ratio" else none for name in BEST}
    assert score(constant, rows(1)).undefined == expected
    two = table(rows(1, effect=5.0).dense()[:, :2], tissue=TISSUE, status=STATUS)
    assert score(two, two).undefined == {name: none for name in ("logfc-correlation", "de-top-overlap")}


def test_a_constant_feature_is_left_out() -> None:
    values = rows(1).dense().copy()
    values[:, 3] = 0.25
    real = table(values, tissue=TISSUE, status=STATUS)
    assert score(real, rows(2)).artifacts["contrasts"]["features"].tolist() == [P - 1, P - 1]


def test_features_of_equal_significance_are_ordered_by_their_difference() -> None:
    sign = np.where(np.array(STATUS) == "cancer", 1.0, -1.0)[:, None]
    change = np.linspace(1.0, 2.0, P)  # without noise, every p is 0
    real, synthetic = (table(sign * one / SD, tissue=TISSUE, status=STATUS) for one in (change, change[::-1]))
    assert score(real, real).scores["de-top-overlap"] == 1.0
    assert score(real, synthetic).scores["de-top-overlap"] == 0.0  # the last and the first ten features


def test_rows_in_several_blocks_have_the_same_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    from tabgenbench_plugins.metrics.parts import comparison

    whole = score(rows(1), rows(2)).scores
    monkeypatch.setattr(comparison, "CHUNK", 3)
    assert score(rows(1), rows(2)).scores == pytest.approx(whole, rel=1e-9)


def test_real_rows_are_compared_once_per_split(monkeypatch: pytest.MonkeyPatch) -> None:
    from tabgenbench_plugins.metrics.parts import comparison

    calls = []
    monkeypatch.setattr(comparison, "contrasts_of", lambda *a, **k: calls.append(1) or [])
    real = rows(1)
    evaluation = Evaluation(real, real, rows(2), Transform(np.zeros(P), SD, "linear", True))
    for _ in range(2):
        DifferentialExpression().compute(evaluation, MetricContext(seed=0))
        evaluation.shared.next_draw()
    assert calls == [1]


def test_golden_score() -> None:
    expected = {
        "logfc-correlation": 0.8129635,
        "logfc-ratio": 1.1398768,
        "logfc-sign-agreement": 0.825,
        "de-top-overlap": 0.6,
        "de-significant-overlap": 0.2868421,
    }
    assert score(rows(1), rows(2)).scores == pytest.approx(expected, abs=1e-6)
