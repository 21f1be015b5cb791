from __future__ import annotations

from typing import Any

import pytest

from tabgenbench_leaderboard.board.aggregate import build_board
from tabgenbench_leaderboard.board.generators import group_generators, tie_groups

FakeRun = Any


def test_models_that_share_a_possible_rank_share_a_letter() -> None:
    assert tie_groups({"a": (1, 2), "b": (1, 3), "c": (3, 3), "d": (4, 4)}) == {"a": "a", "b": "ab", "c": "b", "d": ""}
    assert tie_groups({}) == {}


@pytest.mark.parametrize("n", [3, 30])
def test_a_group_in_which_all_share_a_rank_has_one_letter(n: int) -> None:
    assert set(tie_groups({str(i): (1, n) for i in range(n)}).values()) == {"a"}


def test_costs_over_datasets_are_the_mean_time_and_the_largest_memory(run: FakeRun) -> None:
    run.cell("cvae:epochs=30", {"gamma": {"gamma": 0.5}}, dataset="a", fit_seconds=2.0, title="CVAE, 30 epochs")
    run.cell("cvae:epochs=200", {"gamma": {"gamma": 0.5}}, dataset="b", fit_seconds=4.0, title="CVAE, 200 epochs")
    run.broken("ctgan", "failed", "ValueError: no", dataset="a")
    found = {one.label: one for one in group_generators(build_board(run.store, run.suite).datasets)}
    assert set(found) == {"cvae", "ctgan"}
    assert found["cvae"].fit_seconds == 3.0
    assert found["cvae"].peak_memory_bytes == 300 * 2**20
    assert found["ctgan"].fit_seconds is None
