"""Normal scores and principal components: exact on small tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtri

from tabgenbench import Table
from tabgenbench_plugins.generators.parts.components import Components
from tabgenbench_plugins.generators.parts.normal_scores import MAX_QUANTILES, NormalScores
from tabgenbench_plugins.generators.parts.prepared_rows import DEFAULT_COMPONENTS, PreparedRows, n_components_of

VALUES = np.array([[3, 0, 7], [1, 0, 7], [2, 5, 7], [8, 4, 7]], dtype=np.float32)
SCORES = ndtri((np.arange(4) + 0.5) / 4)


def test_scores_are_the_normal_quantiles_of_the_ranks() -> None:
    scores = NormalScores.fit(VALUES).of_training_rows(VALUES, None, np.random.default_rng(0))
    np.testing.assert_allclose(scores[:, 0], SCORES[[2, 0, 1, 3]], rtol=1e-6)
    np.testing.assert_allclose(np.sort(scores[:2, 1]), SCORES[:2], rtol=1e-6)  # ties in random order
    np.testing.assert_array_equal(scores[:, 2], 0)  # a constant


def test_values_of_scores_are_the_training_values_and_stay_in_their_range() -> None:
    fitted = NormalScores.fit(VALUES)
    scores = fitted.of_training_rows(VALUES, None, np.random.default_rng(0))
    np.testing.assert_allclose(fitted.values(scores), VALUES, atol=1e-6)
    extremes = fitted.values(np.array([[-9] * 3, [9] * 3], dtype=np.float32))
    np.testing.assert_array_equal(extremes, [[1, 0, 7], [8, 5, 7]])
    middle = fitted.values(np.zeros((1, 3), dtype=np.float32))
    np.testing.assert_allclose(middle, [[2.5, 2.0, 7.0]])  # halfway between the two values in the middle


def test_gaps_have_no_influence_and_their_scores_are_drawn() -> None:
    present = np.array([[True], [False], [True], [True]])
    column = np.array([[3.0], [99.0], [2.0], [8.0]], dtype=np.float32)
    fitted = NormalScores.fit(column, present)
    assert (fitted.quantiles[0], fitted.quantiles[-1], fitted.n_present) == (2.0, 8.0, 3)
    first, second = (fitted.of_training_rows(column, present, np.random.default_rng(seed)) for seed in (1, 2))
    np.testing.assert_allclose(first[present[:, 0], 0], ndtri([0.5, 1 / 6, 5 / 6]), rtol=1e-5)
    assert first[1, 0] != second[1, 0]


def test_more_rows_than_quantiles_keep_the_distribution() -> None:
    column = np.random.default_rng(3).exponential(size=(5000, 1)).astype(np.float32)
    fitted = NormalScores.fit(column)
    assert fitted.quantiles.shape == (MAX_QUANTILES, 1)
    scores = fitted.of_training_rows(column, None, np.random.default_rng(0))
    # Between neighbouring quantiles, two in 1,000 of the rows apart, values are interpolated.
    ranks = np.argsort(np.argsort(np.stack([column[:, 0], fitted.values(scores)[:, 0]])))
    assert np.abs(ranks[0] - ranks[1]).max() <= 10


@pytest.mark.parametrize("n_rows", [1, 2])
def test_single_rows_come_back(n_rows: int) -> None:
    fitted = NormalScores.fit(VALUES[:n_rows])
    scores = fitted.of_training_rows(VALUES[:n_rows], None, np.random.default_rng(0))
    np.testing.assert_allclose(fitted.values(scores), VALUES[:n_rows], atol=1e-6)


def test_components_and_their_noise_are_those_of_the_decomposition() -> None:
    rng = np.random.default_rng(0)
    group = np.arange(60) % 3
    values = (rng.normal(size=(60, 4)) @ rng.normal(size=(4, 9)) + 0.1 * rng.normal(size=(60, 9))).astype(np.float32)
    fitted = Components.fit(values, 4, group)
    scores = fitted.scores(values)
    np.testing.assert_allclose(scores.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(scores.T @ scores / 60, np.eye(4), atol=1e-4)
    left_out = values - (fitted.mean + (scores * fitted.scale) @ fitted.axes)
    squares = np.stack([len(left_out[group == k]) * left_out[group == k].var(axis=0) for k in range(3)])
    pooled = squares.sum(axis=0) / (60 - 3)
    np.testing.assert_allclose(fitted.noise_sd[-1] ** 2, pooled, rtol=1e-3)
    np.testing.assert_allclose(fitted.noise_sd[:3] ** 2, (squares + 10 * pooled) / (19 + 10), rtol=1e-3)
    for k in (1, -1):
        made = fitted.values(np.zeros((9000, 4), dtype=np.float32), np.full(9000, k), np.random.default_rng(1))
        np.testing.assert_allclose(made.std(axis=0), fitted.noise_sd[k], rtol=0.04)
        np.testing.assert_allclose(made.mean(axis=0), fitted.mean, atol=0.02)


def test_as_many_components_as_features_leave_no_noise() -> None:
    values = np.random.default_rng(0).normal(size=(30, 5)).astype(np.float32)
    fitted = Components.fit(values, 99, np.zeros(30, dtype=np.int64))
    assert fitted.noise_sd.max() < 1e-5
    group = np.zeros(30, dtype=np.int64)
    np.testing.assert_allclose(fitted.values(fitted.scores(values), group, np.random.default_rng(0)), values, atol=1e-4)


@pytest.mark.parametrize(
    ("option", "n_rows", "n_features", "expected"),
    [
        ("auto", 800, 200, None),
        ("auto", 800, 201, DEFAULT_COMPONENTS),
        ("auto", 20, 500, 19),
        ("none", 800, 969, None),
        (8, 800, 20, 8),
        (8, 800, 5, 5),
        (8, 1, 5, 1),
        (8, 800, 0, None),
    ],
)
def test_the_number_of_components(option: Any, n_rows: int, n_features: int, expected: int | None) -> None:
    assert n_components_of(option, n_rows, n_features) == expected


@pytest.mark.parametrize("n_components", [None, 3])
def test_arrays_describe_the_preparation(n_components: int | None, make_table: Callable[..., Table]) -> None:
    train = make_table()
    group = np.zeros(train.n_rows, dtype=np.int64)
    fitted, z = PreparedRows.fit(train, n_components, group, np.random.default_rng(0))
    loaded = PreparedRows.from_arrays({**fitted.arrays(), "other": np.zeros(1)})
    assert fitted.width == loaded.width == z.shape[1]
    first, second = (rows.values(z, group, np.random.default_rng(1)) for rows in (fitted, loaded))
    np.testing.assert_array_equal(first, second)
    if n_components is None:
        np.testing.assert_allclose(first, train.X, atol=1e-5)
