from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats.contingency import association

from tabgenbench import Evaluation, MetricContext, Result, Schema, Table, Transform, Unsupported
from tabgenbench.interfaces.contract_table import KitSplit, make_mixed_split
from tabgenbench_plugins.metrics.associations import PairAssociations
from tabgenbench_plugins.metrics.parts.association import associations, correlation_ratios, cramers_v

NAMES = [f"{kind}association-error" for kind in ("", "numeric-", "mixed-", "categorical-", "strong-")]


def compute(split: KitSplit, synthetic: Table, **options: Any) -> Result:
    evaluation = Evaluation(split.train, split.test, synthetic, split.transform)
    return PairAssociations(PairAssociations.Config(**options)).compute(evaluation, MetricContext(seed=0))


def shuffled(split: KitSplit) -> Table:
    rng = np.random.default_rng(3)
    categories = {name: rng.permutation(column.astype(object)) for name, column in split.test.categories.items()}
    frame = pd.DataFrame(categories, index=split.test.obs.index)
    return split.test.like(rng.permuted(split.test.dense(), axis=0), split.test.conditions, frame)


def test_cramers_v_by_hand() -> None:
    # chi squared of [[10, 20], [20, 10]]: expected 15 in each of four cells, 4 x 25 / 15; V = sqrt(20 / 3 / 60)
    assert cramers_v(np.array([[10, 20], [20, 10]])) == pytest.approx(1 / 3)
    assert cramers_v(np.array([[10, 20, 0], [20, 10, 0]])) == pytest.approx(1 / 3)  # an empty category does not count
    assert cramers_v(np.array([[5, 7]])) == 0.0


def test_cramers_v_is_that_of_scipy() -> None:
    table = np.random.default_rng(2).integers(1, 30, size=(4, 3))
    assert cramers_v(table) == pytest.approx(association(table, method="cramer"))


def test_the_correlation_ratio_by_hand() -> None:
    values = np.array([[1.0], [3.0], [5.0], [7.0], [99.0]])  # means 2 and 6, total mean 4
    present = np.array([[True], [True], [True], [True], [False]])
    eta = correlation_ratios(values, present, [np.array([0, 0, 1, 1, 1], dtype=np.int32)])
    assert eta == pytest.approx(np.array([[math.sqrt(16 / 20)]]))


def test_correlations_of_pairs_use_the_rows_with_both_values() -> None:
    rng = np.random.default_rng(4)
    values = (rng.normal(size=(40, 3)) @ rng.normal(size=(3, 3)) + 100.0).astype(np.float32)
    present = rng.random((40, 3)) < 0.7
    frame = pd.DataFrame(np.where(present, values, np.nan)).astype(np.float64)
    expected = frame.corr().to_numpy()[np.triu_indices(3, 1)]
    found = associations(np.where(present, values, 7.0), present, [])
    assert found.numeric == pytest.approx(expected, abs=1e-9)
    assert found.mixed.shape == (3, 0)


def test_real_rows_score_zero_and_shuffled_rows_do_not() -> None:
    split = make_mixed_split()
    test = split.test
    same = compute(split, test.like(test.dense().copy(), test.conditions, test.categories))
    assert same.scores == dict.fromkeys(NAMES, 0.0)
    assert all(value > 0.05 for value in compute(split, shuffled(split)).scores.values())


def test_pairs_are_counted_without_those_of_two_conditions() -> None:
    split = make_mixed_split()
    notes = compute(split, shuffled(split)).notes
    assert notes[0].startswith(
        "pairs of columns: 6 numeric, 19 mixed, 10 categorical; "
    )  # 4 x 5, less weight and its gaps
    rng = np.random.default_rng(0)
    obs = pd.DataFrame({name: list("abab") * 5 for name in ("ward", "sex")}, dtype="category")
    obs.index = obs.index.astype(str)
    values = rng.normal(size=(20, 2)).astype(np.float32)
    table = Table(values, obs, ("x", "y"), Schema(conditions=("ward", "sex")), scale="standardized")
    evaluation = Evaluation(table, table, table, Transform(np.zeros(2), np.ones(2), "linear", False))
    result = PairAssociations().compute(evaluation, MetricContext(seed=0))
    assert result.notes[0].startswith("pairs of columns: 1 numeric, 4 mixed, 0 categorical; ")
    assert result.undefined["categorical-association-error"].startswith("no categorical pair of columns varies")


def test_the_association_of_conditions_with_features_counts() -> None:
    split = make_mixed_split()
    test, order = split.test, np.argsort(split.test.obs["ward"].to_numpy(), kind="stable")[::-1]
    swapped = test.like(test.dense()[order], test.conditions, test.categories.iloc[order])
    result = compute(split, swapped)  # whole rows, for other conditions
    assert result.scores["numeric-association-error"] == pytest.approx(0.0, abs=1e-9)
    assert result.scores["mixed-association-error"] > 0.01


def test_the_training_rows_choose_the_strong_pairs() -> None:
    split = make_mixed_split()
    everything = compute(split, shuffled(split), strong=1e-9).scores
    assert everything["strong-association-error"] == pytest.approx(everything["association-error"])
    none = compute(split, shuffled(split), strong=1.0)
    assert none.undefined == {"strong-association-error": "no pair has an association of 1 in the training rows"}


def test_categories_alone_are_scored() -> None:
    split = make_mixed_split(numeric=False)
    result = compute(split, shuffled(split))
    assert result.scores["association-error"] == result.scores["categorical-association-error"] > 0
    assert set(result.undefined) == {"numeric-association-error", "mixed-association-error"}


def test_constant_columns_are_excluded_and_counted() -> None:
    split = make_mixed_split()
    values = split.test.dense().copy()
    values[:, 0] = 2.0
    constant = split.test.like(values, split.test.conditions, split.test.categories)
    result = PairAssociations().compute(
        Evaluation(split.train, constant, split.test, split.transform), MetricContext(seed=0)
    )
    assert "1 columns are constant in the real test rows and are excluded" in result.notes
    assert result.scores["association-error"] == 0.0


def test_a_wide_table_is_declined() -> None:
    split = make_mixed_split()
    with pytest.raises(Unsupported, match="got 9 columns, expected at most 8"):
        compute(split, split.test, max_columns=8)


def test_golden_scores_of_a_numeric_table(score: Any, golden_tables: Any) -> None:
    real, synthetic, labels = golden_tables
    expected = {
        "association-error": 0.18560475537912732,
        "strong-association-error": 0.18895626467782017,
        "numeric-association-error": 0.22100288685287134,
        "mixed-association-error": 0.07941036095789512,
    }
    result = score(PairAssociations(), real, synthetic, labels=labels)
    assert result.scores == pytest.approx(expected, rel=1e-9)
    assert set(result.undefined) == {"categorical-association-error"}
