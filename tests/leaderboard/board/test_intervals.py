from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from simulated_shares import false_families

from tabgenbench_leaderboard.board.intervals import Direction, Paired, compare_paired, holm, mean, t_interval, t_tails

FINITE = st.floats(-1e3, 1e3)


def compare(first: dict[int, float], second: dict[int, float], direction: Direction) -> Paired:
    return compare_paired([(first, second)], direction)[0]


@settings(deadline=None)  # the first example imports scipy
@given(st.lists(FINITE, min_size=2, max_size=12))
def test_the_interval_is_that_of_scipy(values: list[float]) -> None:
    interval = t_interval(values)
    error = stats.sem(values)
    half = stats.t.ppf(0.975, len(values) - 1) * error
    assert interval.n == len(values)
    assert interval.low is not None
    assert interval.high is not None
    assert interval.mean == pytest.approx(np.mean(values), abs=1e-9)
    assert interval.high - interval.low == pytest.approx(2 * half, rel=1e-6, abs=1e-9)


def test_hand_numbers_for_three_splits() -> None:
    # t(0.975, 2) = 4.30265; sd of 1, 2, 3 is 1
    interval = t_interval([1.0, 2.0, 3.0])
    assert interval.mean == 2
    assert interval.low == pytest.approx(2 - 4.302653 / math.sqrt(3), abs=1e-6)


def test_one_split_has_no_interval_and_none_no_mean() -> None:
    one, none = t_interval([0.5]), t_interval([])
    assert (one.mean, one.low, one.high, one.n) == (0.5, None, None, 1)
    assert (none.mean, none.n) == (None, 0)


@given(st.lists(FINITE, min_size=1, max_size=9), st.randoms())
def test_the_mean_does_not_depend_on_the_order(values: list[float], random: object) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert mean(shuffled) == mean(values)


def test_pairing_tells_apart_what_overlapping_intervals_do_not() -> None:
    first = {0: 0.90, 1: 0.93, 2: 0.96}
    second = {split: value - 0.01 - 0.0005 * split for split, value in first.items()}
    paired = compare(first, second, "higher")
    assert paired.verdict == "better"
    assert compare(second, first, "higher").verdict == "worse"
    assert compare(first, second, "lower").verdict == "worse"
    difference = stats.ttest_rel(list(first.values()), list(second.values())).confidence_interval(0.95)
    assert paired.interval.low == pytest.approx(difference.low, abs=1e-12)
    assert paired.interval.high == pytest.approx(difference.high, abs=1e-12)


def test_best_at_one_compares_distances_from_one() -> None:
    near, far = {0: 1.10, 1: 1.11}, {0: 0.50, 1: 0.51}
    assert compare(near, far, "one").verdict == "better"
    mirrored = {0: 0.9, 1: 0.89}
    assert compare(near, mirrored, "one").verdict == "not distinguishable"


def test_only_common_splits_count() -> None:
    paired = compare({0: 1.0, 1: 2.0}, {1: 1.0, 2: 5.0}, "higher")
    assert paired.verdict == "too few splits"
    assert paired.interval.n == 1
    assert compare({0: 1.0}, {1: 1.0}, "higher").interval.mean is None


def test_rounding_is_not_a_difference() -> None:
    first = {0: 0.1 + 0.2, 1: 0.3 * 3}
    second = {0: 0.3, 1: 0.9 - 1e-16}
    assert compare(first, second, "higher").verdict == "not distinguishable"


@given(st.dictionaries(st.integers(0, 5), FINITE, min_size=2), st.dictionaries(st.integers(0, 5), FINITE, min_size=2))
def test_swapping_the_rows_swaps_the_verdict(first: dict[int, float], second: dict[int, float]) -> None:
    swap = {"better": "worse", "worse": "better"}
    one, other = compare(first, second, "higher").verdict, compare(second, first, "higher").verdict
    assert other == swap.get(one, one)


def test_the_interval_covers_the_truth_about_95_percent_of_the_time() -> None:
    samples = np.random.default_rng(0).normal(3.0, 2.0, (2000, 3))
    hits = 0
    for sample in samples:
        interval = t_interval(sample.tolist())
        assert interval.low is not None
        assert interval.high is not None
        hits += interval.low <= 3.0 <= interval.high
    assert hits / 2000 == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("n", [2, 3, 11, 31, 32, 100])
def test_the_quantile_is_exact_for_any_number_of_splits(n: int) -> None:
    interval = t_interval([float(i % 2) for i in range(n)])
    assert interval.low is not None
    assert interval.high is not None
    half = stats.t.ppf(0.975, n - 1) * stats.sem([i % 2 for i in range(n)])
    assert interval.high - interval.low == pytest.approx(2 * half, rel=1e-12)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 7, 9, 30, 99])
def test_the_tails_of_t_are_those_of_scipy(degrees: int) -> None:
    for t in (0.0, 0.3, 1.0, 2.5, 12.0, 1e3, 1e12):
        assert t_tails(t, degrees) == pytest.approx(2 * stats.t.sf(t, degrees), abs=2e-14)
        assert t_tails(-t, degrees) == t_tails(t, degrees)


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_rejects_in_steps(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    order = sorted(p_values)
    steps = [(len(order) - place) * p for place, p in enumerate(order)]
    assert sorted(adjusted) == [min(1.0, max(steps[: place + 1])) for place in range(len(order))]
    assert all(a >= p for a, p in zip(adjusted, p_values, strict=True))


def test_p_values_of_pairs_are_those_of_scipy_and_holm_counts_the_tested_pairs() -> None:
    first = {0: 0.90, 1: 0.93, 2: 0.96, 3: 0.91}
    second = {0: 0.89, 1: 0.91, 2: 0.95, 3: 0.91}
    third = {0: 0.70, 1: 0.71, 2: 0.78, 3: 0.70}
    alone = {7: 0.5}
    found = compare_paired([(first, second), (first, third), (first, alone)], "higher")
    p = [stats.ttest_rel(list(first.values()), list(other.values())).pvalue for other in (second, third)]
    assert [one.p for one in found] == pytest.approx([*p, None])
    assert [one.p_adjusted for one in found] == pytest.approx([p[0], 2 * p[1], None])
    assert [one.verdict for one in found] == ["not distinguishable", "better", "too few splits"]


@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_equal_differences_have_the_p_value_of_the_sign_test(n: int) -> None:
    first = {split: 0.5 + 0.25 * split for split in range(n)}
    assert compare(first, first, "lower").p == 1
    found = compare(first, {split: value - 0.25 for split, value in first.items()}, "lower")
    assert found.p == pytest.approx(stats.binomtest(n, n).pvalue)
    assert found.verdict == ("worse" if n == 10 else "not distinguishable")


def test_differences_that_are_equal_up_to_rounding_are_equal() -> None:
    found = compare({0: 57 / 60, 1: 56 / 60, 2: 54 / 60}, {0: 56 / 60, 1: 55 / 60, 2: 53 / 60}, "higher")
    assert found.p == 0.25


@pytest.mark.parametrize(("n_splits", "with_zero"), [(2, 180), (3, 40)])
def test_no_false_differences_in_scores_of_few_distinct_values(n_splits: int, with_zero: int) -> None:
    found, with_p_0 = false_families(60, 0.95, n_splits, families=200)
    assert found == 0
    assert with_p_0 >= with_zero, "p = 0 for equal differences would find false differences"


def test_a_family_is_corrected_where_single_tests_are_not() -> None:
    # t = 0.2 / (0.1 / sqrt(5)) = 4.47 with 4 degrees of freedom: p = 0.011, below 0.05 in a family of 4, not of 5.
    first = {split: 0.2 + change for split, change in enumerate((-0.1, -0.1, 0.0, 0.1, 0.1))}
    zero = dict.fromkeys(range(5), 0.0)
    four, five = (compare_paired([(first, zero), *[(zero, zero)] * (n - 1)], "higher")[0] for n in (4, 5))
    assert four.p == pytest.approx(0.011, abs=1e-4)
    assert (four.verdict, five.verdict) == ("better", "not distinguishable")
    assert four.interval == five.interval
