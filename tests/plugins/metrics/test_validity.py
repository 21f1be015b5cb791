from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabgenbench import Evaluation, MetricContext, Result, Table
from tabgenbench.interfaces.contract_table import KitSplit, make_kit_split, make_mixed_split
from tabgenbench_plugins.metrics.validity import Validity


def compute(split: KitSplit, synthetic: Table, **options: Any) -> Result:
    evaluation = Evaluation(split.train, split.test, synthetic, split.transform)
    return Validity(Validity.Config(**options)).compute(evaluation, MetricContext(seed=0))


def rows_of(split: KitSplit, own: pd.DataFrame, categories: pd.DataFrame) -> Table:
    """Return synthetic rows of values on the own scale."""
    test = split.transform.invert(split.test)
    return split.transform.apply(test.like(own.to_numpy(np.float32), test.conditions, categories))


def own_values(split: KitSplit) -> pd.DataFrame:
    """Return as many training rows as there are test rows, on the own scale."""
    train = split.transform.invert(split.train).take(range(split.test.n_rows))
    return pd.DataFrame(train.dense(), columns=train.features)


def train_categories(split: KitSplit) -> pd.DataFrame:
    return split.train.take(range(split.test.n_rows)).categories.astype(object)


def test_rows_of_the_test_set_score_best_and_copies_of_training_rows_do_not() -> None:
    split = make_kit_split()
    best, copies = compute(split, split.test), compute(split, split.train.take(range(split.test.n_rows)))
    assert best.scores == {"out-of-range-error": 0.0, "invalid-rows-error": 0.0}
    low, high = split.train.dense().min(axis=0), split.train.dense().max(axis=0)
    outside = (split.test.dense() < low - 1e-5) | (split.test.dense() > high + 1e-5)
    assert outside.any()
    assert copies.scores["out-of-range-error"] == pytest.approx(outside.mean())
    assert copies.scores["invalid-rows-error"] == pytest.approx(outside.any(axis=1).mean())


def violations(split: KitSplit, synthetic: Table, test: Table) -> dict[str, float]:
    """Return the scores where the test rows are training rows, which have no violation."""
    evaluation = Evaluation(split.train, test, synthetic, split.transform)
    return dict(Validity().compute(evaluation, MetricContext(seed=0)).scores)


def test_each_kind_of_violation_is_counted_among_its_values() -> None:
    split = make_mixed_split()
    own, categories = own_values(split), train_categories(split)
    n, present = len(own), categories["weight is missing"].to_numpy() == "no"
    categories.iloc[0, categories.columns.get_loc("colour")] = "green"
    own.loc[1, "size"] = 100.0
    own.loc[[1, 2], "visits"] += 0.5
    own.loc[3, "first visit"] = 5_000.0  # a date long after all others
    own.loc[~present, "weight"] = -9.0  # at gaps
    scores = violations(split, rows_of(split, own, categories), split.train)
    assert scores["out-of-range-error"] == pytest.approx(2 / (3 * n + present.sum()), abs=1e-12)
    assert scores["unseen-categories-error"] == pytest.approx(1 / (4 * n))
    assert scores["not-whole"] == pytest.approx(2 / (2 * n))
    assert scores["invalid-rows-error"] == pytest.approx(4 / n)
    table = compute(split, rows_of(split, own, categories)).artifacts["columns"].set_index(["column", "violation"])
    assert table.loc[("visits", "not whole"), "share"] == pytest.approx(2 / n, abs=1e-6)
    assert table.loc[("weight", "outside the range"), "values"] == present.sum()
    assert len(table) == 4 + 4 + 2


def test_large_whole_numbers_are_whole_after_rounding_to_float32() -> None:
    split = make_mixed_split()
    j = split.test.features.index("visits")
    transform = replace(
        split.transform,
        mean=np.where(np.arange(4) == j, 3e6, split.transform.mean),
        std=np.where(np.arange(4) == j, 1e6, split.transform.std),
    )
    values = split.test.dense().copy()
    values[:, j] = ((np.arange(len(values)) * 40_009 + 7 - 3e6) / 1e6).astype(np.float32)
    synthetic = replace(split.test, X=values)
    evaluation = Evaluation(split.train, split.test, synthetic, transform)
    assert Validity().compute(evaluation, MetricContext(seed=0)).scores["not-whole"] == 0.0


def test_notes_have_the_shares_of_the_synthetic_and_the_test_rows() -> None:
    split = make_kit_split()
    synthetic = split.train.take(range(split.test.n_rows))
    notes, scores = compute(split, synthetic).notes, compute(split, synthetic).scores
    assert notes[0] == "synthetic rows: 0.00% of values outside the range, 0.00% of rows with any violation"
    assert notes[1].startswith(f"real test rows: {scores['out-of-range-error']:.2%} of values outside the range")


def test_kinds_that_a_table_lacks_have_a_reason() -> None:
    assert compute(make_kit_split(), make_kit_split().test).undefined == {
        "unseen-categories-error": "the table has no categorical feature",
        "not-whole": "the table has no feature of whole numbers",
    }
    split = make_mixed_split(numeric=False)
    assert compute(split, split.test).undefined == {
        "out-of-range-error": "the table has no numeric feature with a training value",
        "not-whole": "the table has no feature of whole numbers",
    }
    assert set(compute(split, split.test.take([])).undefined.values()) == {"there are no synthetic rows"}


def test_a_value_that_is_no_number_is_outside_the_range() -> None:
    split = make_kit_split()
    values = split.train.take(range(10)).dense().copy()
    values[3, 2] = np.nan
    synthetic = split.test.like(values, split.test.conditions.iloc[:10])
    assert violations(split, synthetic, split.train)["invalid-rows-error"] == pytest.approx(0.1)


def test_a_wide_table_stores_no_shares() -> None:
    split = make_kit_split()
    assert compute(split, split.test, stored_columns=11).artifacts == {}
