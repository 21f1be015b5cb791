from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tabgenbench_plugins.metrics.parts.two_sample import (
    benjamini_hochberg,
    mann_whitney,
    merged,
    moments,
    ranked,
    welch,
)

Values = np.ndarray[Any, Any]
EXACT = 1e-6


def groups(seed: int = 0) -> tuple[Values, Values]:
    """Return two groups of 40 features, of which 15 have many ties."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(23, 40)), rng.normal(0.4, 2.0, size=(11, 40))
    x[:, :15], y[:, :15] = np.round(x[:, :15]), np.round(y[:, :15])
    return x, y


def masks(seed: int = 1) -> tuple[Values, Values]:
    rng = np.random.default_rng(seed)
    return rng.random((23, 40)) < 0.8, rng.random((11, 40)) < 0.8


def test_welch_is_that_of_scipy() -> None:
    x, y = groups()
    expected = stats.ttest_ind(x, y, equal_var=False)
    t, p = welch(moments(x), moments(y))
    assert t == pytest.approx(expected.statistic, abs=EXACT)
    assert p == pytest.approx(expected.pvalue, rel=EXACT)


def test_mann_whitney_is_that_of_scipy() -> None:
    x, y = groups()
    both, first = np.concatenate([x, y]), np.arange(34) < 23
    ranks = ranked(both)
    assert ranks.values == pytest.approx(stats.rankdata(both, axis=0), abs=EXACT)
    expected = stats.mannwhitneyu(x, y, method="asymptotic")
    effect, p = mann_whitney(ranks, first)
    assert effect == pytest.approx(2.0 * expected.statistic / (23 * 11) - 1.0, abs=EXACT)
    assert p == pytest.approx(expected.pvalue, rel=EXACT)


def test_both_tests_use_present_values_alone() -> None:
    (x, y), (mx, my) = groups(), masks()
    gaps = [np.where(mask, values, np.nan) for values, mask in ((x, mx), (y, my))]
    expected = stats.ttest_ind(*gaps, equal_var=False, nan_policy="omit")
    t, p = welch(moments(x, mx), moments(y, my))
    assert t == pytest.approx(np.asarray(expected.statistic), abs=EXACT)
    assert p == pytest.approx(np.asarray(expected.pvalue), rel=EXACT)
    ranks = ranked(np.concatenate([x, y]), np.concatenate([mx, my]))
    expected = stats.mannwhitneyu(*gaps, method="asymptotic", nan_policy="omit")
    effect, p = mann_whitney(ranks, np.arange(34) < 23)
    assert effect == pytest.approx(2.0 * expected.statistic / (mx.sum(axis=0) * my.sum(axis=0)) - 1.0, abs=EXACT)
    assert p == pytest.approx(expected.pvalue, rel=EXACT)


def test_groups_without_variation() -> None:
    first, second = np.array([[1.0, 2.0, 0.1], [1.0, 2.0, 0.1]]), np.array([[1.0, 0.0, 0.1]] * 3)
    t, p = welch(moments(first), moments(second))
    assert t.tolist() == [0.0, np.inf, 0.0]
    assert p.tolist() == [1.0, 0.0, 1.0]
    effect, p = mann_whitney(ranked(np.concatenate([first, second])), np.arange(5) < 2)
    assert effect.tolist() == [0.0, 1.0, 0.0]
    assert p[[0, 2]].tolist() == [1.0, 1.0]
    assert p[1] == pytest.approx(stats.mannwhitneyu([2, 2], [0, 0, 0], method="asymptotic").pvalue)


def test_too_few_values_have_no_difference() -> None:
    t, p = welch(moments(np.array([[1.0]])), moments(np.array([[2.0], [3.0]])))
    assert (t.tolist(), p.tolist()) == ([0.0], [1.0])
    none = np.zeros((3, 1), dtype=bool)
    effect, p = mann_whitney(ranked(np.arange(3.0)[:, None], none), np.array([True, False, False]))
    assert (effect.tolist(), p.tolist()) == ([0.0], [1.0])


@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=5), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_merged_moments_are_those_of_all_rows(sizes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = [rng.normal(1e3, 1.0, size=(n, 4)) for n in sizes]
    present = [rng.random(part.shape) < 0.7 for part in parts]
    found = merged([moments(*pair) for pair in zip(parts, present, strict=True)])
    whole = moments(np.concatenate(parts), np.concatenate(present))
    assert found.count == pytest.approx(whole.count)
    has_value = whole.count > 0
    assert found.mean[has_value] == pytest.approx(whole.mean[has_value], rel=1e-12)
    assert found.squares == pytest.approx(whole.squares, abs=1e-8)


@given(st.lists(st.sampled_from([0.0, 1e-9, 0.003, 0.01, 0.02, 0.02, 0.5, 1.0]), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_benjamini_hochberg_is_that_of_scipy(p: list[float]) -> None:
    assert benjamini_hochberg(np.array(p)) == pytest.approx(stats.false_discovery_control(p), abs=1e-12)


def test_benjamini_hochberg_is_that_of_statsmodels() -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    p = np.random.default_rng(3).random(200) ** 3
    assert benjamini_hochberg(p) == pytest.approx(multitest.multipletests(p, method="fdr_bh")[1], abs=EXACT)
