"""Boards built from simulated records whose truth is known; `tests/helpers/simulated_boards.py` prints the shares."""

from __future__ import annotations

import pytest
from scipy import stats
from simulated_boards import simulate, smallest_difference


@pytest.mark.slow
@pytest.mark.parametrize("splits", [5, 10])
@pytest.mark.parametrize("kind", ["normal", "skewed", "nested"])
def test_intervals_and_rank_intervals_hold_the_truth(kind: str, splits: int) -> None:
    found = simulate(kind, splits)
    assert 0.93 <= found.coverage <= 0.97
    assert found.ranks >= 0.95
    assert found.overlap >= 0.95


def test_intervals_hold_the_truth_on_a_hundred_boards() -> None:
    found = simulate("normal", 5, simulations=100)
    assert found.coverage == pytest.approx(0.95, abs=0.04)
    assert found.ranks >= 0.95
    assert found.overlap >= 0.95


@pytest.mark.parametrize(("splits", "comparisons"), [(5, 1), (10, 1), (10, 28)])
def test_the_smallest_difference_has_the_power_of_the_noncentral_t(splits: int, comparisons: int) -> None:
    centre = smallest_difference(splits, comparisons) * splits**0.5
    critical = stats.t.isf(0.025 / comparisons, splits - 1)
    assert stats.nct.sf(critical, splits - 1, centre) == pytest.approx(0.8, abs=1e-3)
