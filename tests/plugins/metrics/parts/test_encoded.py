from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tabgenbench import Evaluation, Table
from tabgenbench.interfaces.contract_table import KitSplit, make_kit_split, make_mixed_split
from tabgenbench_plugins.correlation import Undefined
from tabgenbench_plugins.metrics.parts.encoded import encoded, known_categories


def evaluation_of(split: KitSplit, synthetic: Table) -> Evaluation:
    return Evaluation(split.train, split.test, synthetic, split.transform)


def test_numeric_features_come_first_and_each_category_is_an_indicator() -> None:
    split = make_mixed_split()
    evaluation = evaluation_of(split, split.test)
    values = encoded(evaluation, "test")
    np.testing.assert_array_equal(values[:, :4], split.test.dense())
    blocks = np.split(values[:, 4:], np.cumsum([len(one) + 1 for one in known_categories(evaluation).values()])[:-1], 1)
    assert list(known_categories(evaluation)) == list(split.test.schema.categorical_features)
    for (name, known), block in zip(known_categories(evaluation).items(), blocks, strict=True):
        assert [(*known, "?")[i] for i in block.argmax(axis=1)] == list(split.test.obs[name])
        assert (block.sum(axis=1) == 1.0).all()
    assert encoded(evaluation, "test") is values


def test_two_categories_have_the_squared_distance_two_and_so_has_an_unknown_one() -> None:
    split = make_mixed_split(numeric=False)
    categories = split.test.categories.astype(object)
    categories.iloc[0] = split.test.categories.iloc[0]
    categories.loc[categories.index[1:], "smoker"] = "never seen"
    synthetic = split.test.like(split.test.dense(), split.test.conditions, categories)
    evaluation = evaluation_of(split, synthetic)
    difference = encoded(evaluation, "synthetic") - encoded(evaluation, "test")
    assert (difference**2).sum(axis=1).tolist() == [0.0] + [2.0] * (split.test.n_rows - 1)


def test_conditions_are_coordinates_where_they_are_wanted() -> None:
    split = make_kit_split()
    evaluation = evaluation_of(split, split.test)
    assert np.shares_memory(encoded(evaluation, "train"), split.train.dense())  # no copy
    known = known_categories(evaluation, conditions=True)
    assert list(known) == ["tissue", "status"]
    with_conditions = encoded(evaluation, "train", conditions=True)
    assert with_conditions.shape[1] == split.train.n_features + sum(len(one) + 1 for one in known.values())


def test_rows_that_cannot_be_encoded_have_a_reason() -> None:
    split = make_kit_split()
    with pytest.raises(Undefined, match=r"^there are no synthetic rows$"):
        encoded(evaluation_of(split, split.test.take([])), "synthetic")
    values = split.test.dense().copy()
    values[0, 0] = np.nan
    with pytest.raises(Undefined, match=r"^the synthetic rows contain values that are not finite numbers$"):
        encoded(evaluation_of(split, replace(split.test, X=values)), "synthetic")
    thirds = replace(evaluation_of(split, split.test), reference=replace(split.test, X=values))
    with pytest.raises(Undefined, match=r"^the reference rows contain values that are not finite numbers$"):
        encoded(thirds, "reference")
    with pytest.raises(Undefined, match=r"^needs reference rows"):
        encoded(evaluation_of(split, split.test), "reference")
    empty = replace(split.test, X=split.test.X[:, :0], features=())
    with pytest.raises(Undefined, match=r"^there are no features$"):
        encoded(Evaluation(empty, empty, empty, split.transform), "test")
