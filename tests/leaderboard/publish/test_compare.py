from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from scipy import stats

from tabgenbench_leaderboard.publish.changes import changes
from tabgenbench_leaderboard.publish.compare import ScoreChange, score_changes
from tabgenbench_leaderboard.publish.sides import read_side

FakeRun = Any
Call = Callable[..., Result]
BEFORE, AFTER = (0.50, 0.52, 0.49, 0.51), (0.60, 0.63, 0.585, 0.62)


def fill(run: FakeRun, gamma: Sequence[float], ratio: Sequence[float] = (), *, table: str = "") -> FakeRun:
    for split, value in enumerate(gamma):
        moments = {"moments": {"mean-ks": 0.1, "variance-ratio": ratio[split]}} if ratio else {}
        record = run.cell("cvae", {"gamma": {"gamma": value}, **moments}, split=split)
        if table:
            record.cell.split_fingerprint = f"{table}{split}"
            run.store.write_cell(record)
    run.store.write_suite(run.suite)
    return run


def compared(first: FakeRun, second: FakeRun) -> dict[str, ScoreChange]:
    sides = [read_side(str(run.store.root), Path("none")) for run in (first, second)]
    return {one.title: one for one in score_changes(*sides)}


def test_common_splits_are_paired(make_run: Callable[[str], FakeRun]) -> None:
    first, second = fill(make_run("a"), BEFORE), fill(make_run("b"), AFTER)
    one = compared(first, second)["gamma"]
    expected = stats.ttest_rel(AFTER, BEFORE)
    low, high = expected.confidence_interval()
    assert (one.how, one.n, one.verdict) == ("paired", 4, "better")
    assert (one.p, one.low, one.high) == pytest.approx((expected.pvalue, low, high))
    assert one.difference == pytest.approx(0.10375)


def test_splits_of_other_rows_are_compared_by_welch(make_run: Callable[[str], FakeRun]) -> None:
    first, second = fill(make_run("a"), BEFORE), fill(make_run("b"), AFTER[:3], table="x")
    one = compared(first, second)["gamma"]
    expected = stats.ttest_ind(AFTER[:3], BEFORE, equal_var=False)
    low, high = expected.confidence_interval()
    assert (one.how, one.n) == ("welch", 7)
    assert (one.p, one.low, one.high) == pytest.approx((expected.pvalue, low, high))


@pytest.mark.parametrize(("n", "m"), [(2, 2), (3, 3), (4, 2)])
def test_equal_values_on_each_side_are_compared_by_permutations(
    make_run: Callable[[str], FakeRun], n: int, m: int
) -> None:
    before, after = (0.5,) * n, (0.6,) * m
    one = compared(fill(make_run("a"), before), fill(make_run("b"), after, table="x"))["gamma"]
    expected = stats.permutation_test((after, before), lambda a, b, axis: a.mean(axis) - b.mean(axis), vectorized=True)
    assert (one.how, one.n, one.verdict) == ("welch", n + m, "within noise")
    assert one.p == pytest.approx(expected.pvalue)


def test_holm_corrects_over_all_scores(make_run: Callable[[str], FakeRun]) -> None:
    first = fill(make_run("a"), BEFORE, (0.8, 0.9, 0.8, 0.9))
    second = fill(make_run("b"), AFTER, (1.05, 0.86, 1.16, 1.04))
    found = compared(first, second)
    p = {title: one.p for title, one in found.items()}
    assert p["mean-ks"] == 1
    assert p["gamma"] is not None
    assert p["variance-ratio"] is not None
    assert found["gamma"].p_holm == pytest.approx(3 * p["gamma"])
    assert found["variance-ratio"].p_holm == pytest.approx(2 * p["variance-ratio"])
    assert found["mean-ks"].p_holm == 1
    assert {title: one.verdict for title, one in found.items()} == {
        "gamma": "better",
        "mean-ks": "equal",
        "variance-ratio": "within noise",
    }


def test_distances_from_one_are_compared(make_run: Callable[[str], FakeRun]) -> None:
    first = fill(make_run("a"), BEFORE, (0.5, 0.51, 0.49, 0.5))
    second = fill(make_run("b"), BEFORE, (1.2, 1.21, 1.19, 1.2))
    one = compared(first, second)["variance-ratio"]
    assert (one.first, one.second) == pytest.approx((0.5, 1.2))
    assert (one.difference, one.verdict) == (pytest.approx(-0.3), "better")


def test_one_split_is_too_few(make_run: Callable[[str], FakeRun]) -> None:
    one = compared(fill(make_run("a"), BEFORE[:1]), fill(make_run("b"), AFTER[:1]))["gamma"]
    assert (one.low, one.p, one.p_holm, one.verdict) == (None, None, None, "too few splits")


def test_what_changed_is_said(make_run: Callable[[str], FakeRun]) -> None:
    first, second = make_run("a"), make_run("b")
    first.cell("cvae", {"gamma": {"gamma": 0.5}})
    first.cell("gone", {"gamma": {"gamma": 0.5}})
    first.store.write_suite(first.suite)
    second.draws = 3
    record = second.cell("cvae", {"gamma": {"gamma": 0.5}, "dendrogram": {"s-dend": 0.1}})
    second.cell("cvae", {"gamma": {"gamma": 0.5}}, split=1)
    second.cell("new", {"gamma": {"gamma": 0.5}}, dataset="other")
    record.cell.split_fingerprint = "another"
    record.environment.packages = {"numpy": "3.0", "torch": "2.13.0"}
    second.store.write_cell(record)
    for row in second.suite.rows:
        if (row.label, row.split) == ("cvae", 0):
            row.scores["gamma"] = "f" * 16
    second.store.write_suite(second.suite)
    said = list(changes(*(read_side(str(run.store.root), Path("none")) for run in (first, second))))
    assert "datasets added: other" in said
    assert "cells: splits 0 -> 0, 1" in said
    assert "cells: draws 2 -> 3" in said
    assert "cells: other rows in split 0" in said
    assert "generators removed: gone on cells" in said
    assert "generators added: new on other" in said
    assert "cells added: 1 of cvae" in said
    assert "metrics with other code or options: gamma" in said
    assert "scores added: s-dend" in said
    assert "numpy: 2.4.6 -> 2.4.6 / 3.0" in said


def test_the_command_prints_a_table_or_json(make_run: Callable[[str], FakeRun], tabgenbench: Call) -> None:
    roots = [fill(make_run(name), values).store.root for name, values in (("a", BEFORE), ("b", AFTER))]
    text = tabgenbench("compare", *roots)
    assert text.exit_code == 0, text.output
    assert "The boards have the same datasets, cells, metrics and versions." in text.output
    assert "cvae" in text.output
    assert text.output.endswith("1 score: 1 better.\n")
    facts = json.loads(tabgenbench("compare", *roots, "--format", "json").output)
    assert [one["verdict"] for one in facts["scores"]] == ["better"]
    same = tabgenbench("compare", roots[0], roots[0])
    assert "1 score: 1 equal. --all lists them." in same.output
    missing = tabgenbench("compare", "nowhere", roots[0])
    assert missing.exit_code == 2
    assert "'nowhere': not a board in leaderboard/boards" in missing.output


def test_a_published_board_and_a_board_json_can_be_compared(published_board: Path, tabgenbench: Call) -> None:
    done = tabgenbench("compare", "demo", published_board / "board.json", "--boards", published_board.parent)
    assert done.exit_code == 0, done.output
    assert "2 too few splits, 2 within noise" in done.output
