"""The adversarial random forest: its leaves, rounds, distributions within leaves, and weights given conditions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

from tabgenbench import Schema, Table
from tabgenbench_plugins.generators.arf import ARF
from tabgenbench_plugins.generators.parts.forest_leaves import ForestLeaves

Make = Callable[..., Any]
ROWS = np.array([[0.0, 5.0], [1.0, 6.0], [2.0, 7.0], [10.0, 1.0], [11.0, 2.0], [12.0, 9.0]], dtype=np.float32)
ONE_LEAF = {"trees": 1, "min_leaf": 10_000}  # the forest has no split


@pytest.fixture
def tree() -> Any:
    """A tree with the leaves {0, 1, 2}, {3, 4} and {5} of `ROWS`."""
    return DecisionTreeClassifier(random_state=0).fit(ROWS, [0, 0, 0, 1, 1, 2]).tree_


def members(leaves: ForestLeaves) -> list[list[int]]:
    return [
        sorted(leaves.order[t, s : s + n].tolist())
        for t, s, n in zip(leaves.tree, leaves.start, leaves.count, strict=True)
    ]


def test_leaves_have_their_rows_weights_and_sums(tree: Any) -> None:
    leaves = ForestLeaves.of([tree, tree], ROWS, 1)
    assert members(leaves) == [[0, 1, 2], [3, 4], [5]] * 2
    np.testing.assert_allclose(leaves.weight, np.array([3, 2, 1, 3, 2, 1]) / 12)
    np.testing.assert_allclose(leaves.sums(ROWS)[:3], [[3, 18], [21, 3], [12, 9]])


def test_a_leaf_of_too_few_rows_is_its_ancestor_with_the_weight_of_the_leaf(tree: Any) -> None:
    leaves = ForestLeaves.of([tree], ROWS, 2)
    assert sorted(members(leaves)) == [[0, 1, 2], [3, 4], [3, 4, 5]]
    by_rows = dict(zip(map(tuple, members(leaves)), leaves.weight, strict=True))
    assert by_rows == pytest.approx({(0, 1, 2): 1 / 2, (3, 4): 1 / 3, (3, 4, 5): 1 / 6})


def test_boxes_are_the_bounds_of_the_splits(tree: Any) -> None:
    leaves = ForestLeaves.of([tree], ROWS, 1)
    low, high = leaves.boxes([tree], 2)
    for rows, a, b in zip(members(leaves), low, high, strict=True):
        inside = ((a < ROWS) & (ROWS <= b)).all(axis=1)
        assert np.flatnonzero(inside).tolist() == rows
    assert np.isinf(low).any()


def test_rows_and_leaves_are_drawn_by_weight(tree: Any) -> None:
    leaves, rng = ForestLeaves.of([tree], ROWS, 1), np.random.default_rng(0)
    chosen = leaves.choose(9000, np.array([0.0, 1.0, 2.0]), rng)
    assert np.bincount(chosen, minlength=3) == pytest.approx([0, 3000, 6000], abs=150)
    rows = leaves.draw_rows(np.zeros(9000, dtype=np.int64), rng)
    assert np.bincount(rows) == pytest.approx([3000, 3000, 3000], abs=150)


def test_leaf_weights_given_conditions_are_those_of_bayes_rule(make_correlated: Make, fit: Make, sample: Make) -> None:
    train = make_correlated(600)
    model, _ = fit(ARF, train, trees=4, rounds=2)
    leaves, ward = model._leaves, (train.obs["ward"] == "B").to_numpy()
    drink = (train.obs["drink"] == "wine").to_numpy()
    weight = np.array([w * ward[rows].mean() for rows, w in zip(members(leaves), leaves.weight, strict=True)])
    np.testing.assert_allclose(model._weights(np.array([1])), weight, rtol=1e-9)
    expected = (weight * [drink[rows].mean() for rows in members(leaves)]).sum() / weight.sum()
    asked = pd.DataFrame({"ward": ["B"] * 20_000}, dtype="category")
    made, context = sample(model, asked)
    assert (made.obs["ward"] == "B").all()
    assert (made.obs["drink"] == "wine").mean() == pytest.approx(expected, abs=0.015)
    assert not context.fallbacks


def test_dependence_and_gaps_are_kept(make_correlated: Make, fit: Make, sample: Make) -> None:
    train = make_correlated(1500)
    for family in ("truncated-normal", "leaf-values"):
        made, _ = sample(fit(ARF, train, family=family, trees=20, rounds=3)[0], train.conditions)
        present = ~made.is_gap("weight")
        size, weight = made.X[present].T  # 2 + size in the data, where it is present
        assert np.corrcoef(size, weight)[0, 1] > 0.9
        assert weight.mean() == pytest.approx(2 + size.mean(), abs=0.1)
        smokes = (made.obs["smoker"] == "yes").to_numpy()
        assert (~present[smokes]).mean() - (~present[~smokes]).mean() == pytest.approx(0.6, abs=0.1)


def test_a_number_and_the_mark_of_its_gap_come_from_one_row_in_each_round(make_correlated: Make, fit: Make) -> None:
    train = make_correlated(400)
    model, _ = fit(ARF, train, rounds=1, **ONE_LEAF)
    rows = np.hstack([model._values, model._category_codes, model._condition_codes]).astype(np.float32)
    drawn = model._draw_encoded(rows, model._leaves, np.zeros(5000, dtype=np.int64), np.random.default_rng(0))
    [(number, mark)] = model._gaps
    assert set(map(tuple, drawn[:, [number, mark]])) <= set(map(tuple, rows[:, [number, mark]]))
    others = [0, mark]  # drawn from separate rows
    assert not set(map(tuple, drawn[:, others])) <= set(map(tuple, rows[:, others]))


def test_rounds_end_when_the_forest_cannot_tell_the_rows_apart(fit: Make) -> None:
    values = np.random.default_rng(0).normal(size=(300, 3))
    values[:, 2] = values[:, 0] + 0.1 * values[:, 1]
    obs = pd.DataFrame(index=[str(i) for i in range(300)])
    table = Table(values.astype(np.float32), obs, ("a", "b", "c"), scale="standardized")
    _, context = fit(ARF, table, trees=20, rounds=5)
    accuracies = [progress.losses["accuracy"] for progress in context.curve]
    assert accuracies[0] > 0.65
    assert accuracies[-1] <= 0.5
    assert 2 <= len(accuracies) < 6
    _, context = fit(ARF, table, trees=20, rounds=1, delta=0.0)
    assert len(context.curve) == 2


@pytest.mark.parametrize("family", ["truncated-normal", "leaf-values"])
def test_the_mixture_has_mean_and_variance_of_the_training_rows(family: str, fit: Make, sample: Make) -> None:
    values = np.random.default_rng(0).exponential(size=(400, 2)).astype(np.float32)
    obs = pd.DataFrame(index=[str(i) for i in range(400)])
    train = Table(values, obs, ("a", "b"), scale="standardized")
    model, _ = fit(ARF, train, family=family, **ONE_LEAF)
    made, _ = sample(model, pd.DataFrame(index=[str(i) for i in range(20_000)]))
    np.testing.assert_allclose(made.X.mean(axis=0), values.mean(axis=0), atol=0.03)
    np.testing.assert_allclose(made.X.std(axis=0), values.std(axis=0), rtol=0.03)
    assert set(made.X[:, 0]) <= set(values[:, 0]) or family == "truncated-normal"


def test_truncated_values_stay_in_their_box(make_correlated: Make, fit: Make) -> None:
    model, _ = fit(ARF, make_correlated(400), trees=4, rounds=1)
    leaves = np.arange(len(model._mean)).repeat(20)
    drawn = model._draw_normals(leaves, np.random.default_rng(0))
    assert (drawn >= model._low[leaves]).all()
    assert (drawn <= model._high[leaves]).all()
    assert np.isfinite(drawn).all()


def test_smoothing_adds_rows_to_each_category(make_mixed: Make, fit: Make, sample: Make) -> None:
    train = make_mixed(50)
    share = (train.obs["colour"] == "green").mean()
    model, _ = fit(ARF, train, smoothing=25, **ONE_LEAF)
    made, _ = sample(model, train.conditions.iloc[[0] * 20_000])
    assert (made.obs["colour"] == "green").mean() == pytest.approx((50 * share + 25) / 100, abs=0.015)


def test_a_condition_with_one_row_is_not_a_copy_of_it(make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table({("lung", "normal"): 30, ("skin", "normal"): 1})
    asked = train.conditions.iloc[[30] * 40].set_axis([f"asked{i}" for i in range(40)])
    made, context = sample(fit(ARF, train, rounds=1)[0], asked)
    assert len(np.unique(made.X[:, 0])) == 40
    assert not context.fallbacks


def test_a_wide_table_is_fitted_on_components(make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table({("lung", "normal"): 40, ("liver", "normal"): 40}, n_features=201)
    model, context = fit(ARF, train, trees=5, rounds=1)
    assert any("20 principal components of 201 features" in note for note in context.notes)
    made, _ = sample(model, train.conditions)
    assert made.X.shape == train.X.shape
    ratio = made.X[:, :-1].var(axis=0).mean() / train.X[:, :-1].var(axis=0).mean()
    assert ratio == pytest.approx(1.0, abs=0.2)
    assert fit(ARF, train, trees=2, rounds=1, components=0)[0]._components is None


def test_memory_counts_components_in_place_of_features() -> None:
    wide, narrow = (ARF(ARF.Config(components=k)).estimate_memory(Schema(), 1000, 5000) for k in (0, 20))
    assert narrow < wide
