"""SMOTE: rows lie between a training row and a neighbour of its condition; categories are those of the majority."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabgenbench import Schema, Table
from tabgenbench.data.schema import Gap
from tabgenbench_plugins.generators.smote import SMOTE

Make = Callable[..., Any]


def as_table(values: Any, **columns: list[str]) -> Table:
    """Return a table whose condition is ``c``; other columns are categorical features."""
    x = np.asarray(values, dtype=np.float32)
    obs = pd.DataFrame(columns, index=[f"r{i}" for i in range(len(x))], dtype="category")
    schema = Schema(conditions=("c",), categorical_features=tuple(name for name in columns if name != "c"))
    return Table(x, obs, tuple(f"g{j}" for j in range(x.shape[1])), schema, scale="standardized")


def draw(train: Table, fit: Make, sample: Make, conditions: pd.DataFrame | None = None, **options: Any) -> Table:
    made: Table = sample(fit(SMOTE, train, **options)[0], train.conditions if conditions is None else conditions)[0]
    return made


def test_rows_lie_between_a_row_and_its_nearest_neighbour(fit: Make, sample: Make) -> None:
    """Two pairs of near rows in each condition; without the condition, rows of a and b would be neighbours."""
    train = as_table([[0.0, 0], [1, 0], [9, 0], [10, 2], [0, 1], [0, 5]], c=list("aaaabb"))
    asked = pd.concat([train.conditions] * 50)
    made = draw(train, fit, sample, asked.set_axis([f"s{i}" for i in range(len(asked))]), n_neighbors=1)
    a, b = (made.X[(made.obs["c"] == c).to_numpy()] for c in "ab")
    low, high = a[a[:, 0] < 5], a[a[:, 0] > 5]
    assert len(low) == len(high) == 100, "each training row is used equally often"
    assert np.ptp(low[:, 1]) == 0
    assert 0 <= low[:, 0].min() < 0.1 < 0.9 < low[:, 0].max() <= 1
    np.testing.assert_allclose(high[:, 1], 2 * (high[:, 0] - 9), atol=1e-5)
    assert not b[:, 0].any()
    assert 1 <= b[:, 1].min() < 2 < 4 < b[:, 1].max() <= 5


def test_a_single_row_is_copied_and_few_neighbours_are_enough(fit: Make, sample: Make) -> None:
    train = as_table([[3.0], [1.0], [2.0]], c=list("abb"))
    made = draw(train, fit, sample)
    assert made.X[0, 0] == 3.0
    assert (made.X[1:, 0] >= 1).all()
    assert (made.X[1:, 0] <= 2).all()


def test_categories_are_those_of_most_neighbours_and_ties_go_to_the_nearest(fit: Make, sample: Make) -> None:
    train = as_table([[0.0], [0.1], [0.3], [0.6]], c=list("aaaa"), colour=["red", "blue", "red", "red"])
    assert draw(train, fit, sample, n_neighbors=3).obs["colour"].value_counts().to_dict() == {"red": 4}
    train = as_table([[0.0], [0.1], [1.2]], c=list("aaa"), colour=["red", "blue", "green"])
    assert draw(train, fit, sample, n_neighbors=2).obs["colour"].value_counts().to_dict() == {"blue": 2, "red": 1}


def test_another_category_adds_1_to_the_squared_distance(fit: Make, sample: Make) -> None:
    for last, expected in ((0.9, ["red", "red", "red"]), (1.2, ["blue", "red", "red"])):
        train = as_table([[0.0], [0.3], [last]], c=list("aaa"), colour=["red", "blue", "red"])
        assert sorted(draw(train, fit, sample, n_neighbors=1).obs["colour"]) == expected


def test_missing_values_are_those_of_the_row_itself(fit: Make, sample: Make) -> None:
    train = as_table(
        [[0.0, 0], [1, 7], [2, 1], [3, 7]], c=list("aaaa"), **{"g1 is missing": ["no", "yes", "no", "yes"]}
    )
    gap = Gap(column="g1", shown_by="g1 is missing", value="yes")
    train = replace(train, schema=train.schema.model_copy(update={"gaps": (gap,)}))
    asked = pd.concat([train.conditions] * 10)
    made = draw(train, fit, sample, asked.set_axis([f"s{i}" for i in range(len(asked))]))
    is_gap = made.is_gap("g1")
    assert is_gap.sum() == 20
    assert (made.X[is_gap, 1] == 7).all()
    assert (made.X[~is_gap, 1] <= 1).all()


def test_tables_of_categories_alone_are_sampled(fit: Make, sample: Make) -> None:
    train = as_table(np.empty((4, 0)), c=list("aabb"), colour=["red", "red", "blue", "blue"])
    assert draw(train, fit, sample).obs["colour"].tolist() == ["red", "red", "blue", "blue"]


@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_seed_gives_the_same_rows(fit: Make, sample: Make, make_table: Make, seed: int) -> None:
    train = make_table({("lung", "normal"): 12, ("liver", "normal"): 8}, seed=seed)
    np.testing.assert_array_equal(draw(train, fit, sample).X, draw(train, fit, sample).X)
