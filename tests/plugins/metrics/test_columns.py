from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tabgenbench import ArtifactRow, Artifacts, Evaluation, MetricContext, Result, Table, drawing
from tabgenbench.interfaces.contract_table import KitSplit, make_mixed_split
from tabgenbench_plugins.metrics.columns import Columns, distribution_distances


def compute(split: KitSplit, synthetic: Table, **options: Any) -> Result:
    evaluation = Evaluation(split.train, split.test, synthetic, split.transform)
    return Columns(Columns.Config(**options)).compute(evaluation, MetricContext(seed=0))


def resampled(split: KitSplit, seed: int = 0) -> Table:
    rows = np.random.default_rng(seed).integers(0, split.train.n_rows, split.test.n_rows)
    drawn = split.train.take(rows)
    return split.test.like(drawn.dense(), split.test.conditions, drawn.categories)


@pytest.mark.parametrize("decimals", [0, 6])  # with ties, and without
def test_distances_of_a_numeric_feature_are_those_of_scipy(decimals: int) -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=83).round(decimals), rng.normal(0.4, 1.5, size=61).round(decimals)
    expected = (stats.ks_2samp(a, b).statistic, stats.wasserstein_distance(a, b))
    assert distribution_distances(a, b) == pytest.approx(expected, abs=1e-12)


def test_scores_are_means_over_columns_of_present_values() -> None:
    split = make_mixed_split()
    synthetic = resampled(split)
    table = compute(split, synthetic).artifacts["columns"].set_index("column")
    present = split.test.present(), synthetic.present()
    weight = [side.dense()[~side.is_gap("weight"), 1] for side in (split.test, synthetic)]
    assert present[0] is not None
    assert table.loc["weight", "distance"] == pytest.approx(stats.ks_2samp(*weight).statistic, abs=1e-6)
    assert table.loc["weight", "wasserstein"] == pytest.approx(stats.wasserstein_distance(*weight), abs=1e-6)
    assert table.loc["weight", "test_values"] == present[0][:, 1].sum() < split.test.n_rows
    shares = [side.obs["colour"].astype(str).value_counts(normalize=True) for side in (split.test, synthetic)]
    by_hand = shares[0].sub(shares[1], fill_value=0.0).abs().sum() / 2
    assert table.loc["colour", "distance"] == pytest.approx(by_hand, abs=1e-6)
    assert list(table.index) == [*split.test.features, "colour", "smoker", "stage"]  # not: weight is missing
    scores = compute(split, synthetic).scores
    assert scores["ks-distance"] == pytest.approx(table["distance"].iloc[:4].mean(), abs=1e-6)
    assert scores["wasserstein"] == pytest.approx(table["wasserstein"].iloc[:4].mean(), abs=1e-6)
    assert scores["category-distance"] == pytest.approx(table["distance"].iloc[4:].mean(), abs=1e-6)


def test_values_at_gaps_have_no_part() -> None:
    split = make_mixed_split()
    synthetic = resampled(split)
    other = synthetic.dense().copy()
    other[synthetic.is_gap("weight"), 1] = 50.0
    changed = replace(synthetic, X=other)
    assert compute(split, changed).scores == compute(split, synthetic).scores


def test_a_feature_that_is_always_missing_in_synthetic_rows_counts_as_constant() -> None:
    split = make_mixed_split()
    median = split.test.dense()[split.test.is_gap("weight"), 1][0]
    values, categories = split.test.dense().copy(), split.test.categories.astype(object)
    values[:, 1], categories["weight is missing"] = median, "yes"
    table = compute(split, split.test.like(values, split.test.conditions, categories)).artifacts["columns"]
    weight = split.test.dense()[~split.test.is_gap("weight"), 1]
    expected = stats.wasserstein_distance(weight, [median])
    assert table.set_index("column").loc["weight", "wasserstein"] == pytest.approx(expected, abs=1e-6)


def test_a_category_that_real_rows_lack_is_a_difference() -> None:
    split = make_mixed_split(numeric=False)
    categories = split.test.categories.astype(object)
    categories["smoker"] = "sometimes"
    result = compute(split, split.test.like(split.test.dense(), split.test.conditions, categories))
    assert result.scores == {"category-distance": pytest.approx(1 / 3)}
    assert result.undefined["ks-distance"] == "the table has no numeric feature with a value in the real test rows"


def test_golden_scores_of_a_numeric_table(score: Any, golden_tables: Any) -> None:
    real, synthetic, labels = golden_tables
    result = score(Columns(), real, synthetic, labels=labels)
    assert result.undefined == {"category-distance": "the table has no categorical feature"}
    assert result.scores == pytest.approx(
        {"ks-distance": 0.2202380952380953, "wasserstein": 0.30235906688765335}, rel=1e-12
    )


def test_the_figure_shows_the_columns_with_the_largest_distances_first() -> None:
    split = make_mixed_split()
    tables = [compute(split, resampled(split, seed)).artifacts["columns"].astype(str) for seed in (0, 1)]
    rows = tuple(
        ArtifactRow(label=f"model {i}", is_control=False, split=0, draw=0, tables={"columns": table})
        for i, table in enumerate(tables)
    )
    (found,) = Columns.figures(Artifacts("mixed", rows))
    with drawing.drawing():
        figure = found.draw()
        figure.canvas.draw()
    (axis,) = figure.axes
    distances = sum(table.set_index("column")["distance"].astype(float) for table in tables)
    assert axis.get_yticklabels()[0].get_text().removesuffix(" (c)") == distances.idxmax()
    assert [label.get_text() for label in axis.get_xticklabels()] == ["model 0", "model 1"]
    assert len(axis.get_yticklabels()) == 7


def test_a_wide_table_stores_no_distances() -> None:
    split = make_mixed_split()
    assert compute(split, resampled(split), figure_columns=6).artifacts == {}
    assert list(Columns.figures(Artifacts("mixed", ()))) == []
