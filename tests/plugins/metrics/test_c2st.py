from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tabgenbench_plugins.metrics import c2st as module
from tabgenbench_plugins.metrics.c2st import ClassifierTest
from tabgenbench_plugins.metrics.parts.row_groups import row_groups


@pytest.mark.slow
def test_trees_see_lost_dependence_and_a_linear_model_sees_means(score: Any) -> None:
    rng = np.random.default_rng(1)
    real = np.repeat(rng.normal(size=(200, 1)), 3, axis=1) + 0.1 * rng.normal(size=(200, 3))
    alike = np.repeat(rng.normal(size=(200, 1)), 3, axis=1) + 0.1 * rng.normal(size=(200, 3))
    broken, shifted = rng.permuted(alike, axis=0), alike + np.array([1.0, 0.0, 0.0])
    found = [score(ClassifierTest(), real, one).scores for one in (alike, broken, shifted)]
    assert found[0]["c2st-trees"] < 0.6
    assert found[0]["c2st-linear"] < 0.6
    assert found[1]["c2st-trees"] > 0.9
    assert found[1]["c2st-linear"] < 0.6
    assert found[2]["c2st-linear"] > 0.9


def test_the_linear_score_is_the_mean_area_over_folds(score: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = []
    area = module._linear_area
    monkeypatch.setattr(module, "_linear_area", lambda *part: parts.append(part) or area(*part))
    rng = np.random.default_rng(2)
    found = score(ClassifierTest(), rng.normal(size=(50, 3)), rng.normal(0.5, 1.0, (50, 3)))
    areas = []
    for x, y, asked, labels in parts:
        assert (y.sum(), len(y), labels.sum(), len(labels)) == (40, 80, 10, 20)
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
        areas.append(roc_auc_score(labels, model.predict_proba(asked)[:, 1]))
    assert len(areas) == 5
    assert found.scores["c2st-linear"] == pytest.approx(np.mean(areas), abs=1e-6)


def test_copies_of_test_rows_cannot_be_told_apart(score: Any) -> None:
    x = np.random.default_rng(3).normal(size=(60, 4))
    assert score(ClassifierTest(), x, x[::-1]).scores == {"c2st-trees": 0.5, "c2st-linear": 0.5}


def test_a_row_and_its_copy_are_in_one_fold_and_a_row_with_many_copies_is_in_all() -> None:
    rng = np.random.default_rng(4)
    values = np.concatenate([np.repeat(rng.normal(size=(40, 2)), 2, axis=0), np.zeros((33, 2))]).astype(np.float32)
    groups = row_groups(values, seed=0)
    order = np.argsort(groups, kind="stable")
    groups, values = groups[order], values[order]
    fold = module._fold_of_rows(groups, np.arange(len(groups)) % 2 == 0, 5)
    for one in np.unique(groups):
        n_folds = len(np.unique(fold[groups == one]))
        assert n_folds == (5 if not values[groups == one].any() else 1)
    assert np.ptp(np.bincount(fold)) <= 4


def test_the_same_row_for_all_is_detected(score: Any) -> None:
    """Its copies are in all folds."""
    real = np.random.default_rng(5).normal(size=(60, 3))
    assert score(ClassifierTest(), real, np.zeros((60, 3))).scores["c2st-trees"] > 0.95


def test_lost_dependence_on_conditions_is_detected(score: Any) -> None:
    rng = np.random.default_rng(6)
    labels = ["lung", "liver"] * 150
    real, synthetic = rng.normal(size=(2, 300, 2))
    real += 2.0 * (np.arange(300) % 2)[:, None]
    synthetic += 2.0 * (rng.permutation(300) % 2)[:, None]
    assert score(ClassifierTest(), real, synthetic, labels=labels).scores["c2st-trees"] > 0.6
    assert score(ClassifierTest(), real, synthetic).scores["c2st-trees"] < 0.6


def test_a_wide_table_is_scored_on_some_of_its_columns(score: Any) -> None:
    x, y = np.random.default_rng(7).normal(size=(2, 30, 12))
    notes = score(ClassifierTest(ClassifierTest.Config(max_columns=5)), x, y).notes
    assert notes[0] == "uses 5 of 12 columns, drawn at random (option max_columns)"
    assert notes[1].startswith("standard errors over folds: c2st-trees 0.")


def test_too_few_rows_have_a_reason(score: Any) -> None:
    x = np.zeros((2, 3))
    result = score(ClassifierTest(), x, x)
    assert set(result.undefined) == {"c2st-trees", "c2st-linear"}
    assert "too few different rows" in result.undefined["c2st-trees"]


def test_codes_of_rows_depend_on_their_content_alone() -> None:
    values = np.random.default_rng(8).integers(0, 2, size=(50, 3)).astype(np.float32)
    order = np.random.default_rng(9).permutation(50)
    groups = row_groups(values, seed=1)
    np.testing.assert_array_equal(row_groups(values[order], seed=1), groups[order])
    np.testing.assert_array_equal(row_groups(-0.0 * values, seed=1), np.zeros(50))
    assert len(np.unique(groups)) == len(np.unique(values, axis=0)) == groups.max() + 1
    assert (row_groups(values, seed=2) != groups).any()
