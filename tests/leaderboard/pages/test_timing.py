from __future__ import annotations

import re
from typing import Any

import pytest

from tabgenbench.records import Environment, Phase, RunInfo
from tabgenbench_leaderboard.board.aggregate import build_board
from tabgenbench_leaderboard.files import render_board
from tabgenbench_leaderboard.pages.to_terminal import render_text

FakeRun = Any
SCORES = {"gamma": {"gamma": 0.5}}


def environment(**more: Any) -> Environment:
    return Environment(**{"cpu": "A CPU", "threads": 1, "workers": 1, **more})


def page(run: FakeRun) -> str:
    text = render_board(build_board(run.store, run.suite), ["md"])["README.md"].decode()
    return re.sub(" +", " ", text)  # columns are padded


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"timing": True}, "Times were measured one cell at a time (`--timing`).\n"),
        ({}, "Times were measured one cell at a time (one worker, without `--timing`).\n"),
        (
            {"workers": 4},
            "Times were measured with 4 cells in parallel, so they are longer than on an idle machine (use",
        ),
    ],
)
def test_a_board_says_in_which_mode_times_were_taken(run: FakeRun, setting: dict[str, Any], sentence: str) -> None:
    for split in range(2):
        run.cell("cvae", SCORES, split=split, environment=environment(**setting))
    assert sentence in page(run)
    assert "not comparable" not in page(run)
    text = " ".join(render_text(build_board(run.store, run.suite)).split())
    assert sentence.strip().replace("`", "") in text


def test_mixed_modes_are_warned_of(run: FakeRun) -> None:
    run.cell("cvae", SCORES, environment=environment(timing=True))
    for split in range(2):
        run.cell("shuffled", SCORES, split=split, environment=environment(workers=2))
    sentence = (
        "Times were measured in different modes and are not comparable: one cell at a time (`--timing`), 1 cell; with "
        "2 cells in parallel, so they are longer than on an idle machine (use `--timing` for comparable times), "
        "2 cells. Use `--timing` for all."
    )
    assert sentence in page(run)


def test_different_machines_are_warned_of(run: FakeRun) -> None:
    run.cell("cvae", SCORES, environment=environment(timing=True, cpu="B|CPU", threads=2, gpu="G"))
    run.cell("shuffled", SCORES, environment=environment(timing=True))
    text = page(run)
    assert "Times were measured on different processors: A CPU, 1 cell; B\\|CPU, 1 cell; they are not" in text
    assert "Times were measured on different numbers of threads: 1 thread, 1 cell; 2 threads, 1 cell; they" in text
    assert "Times were measured on different devices: G, 1 cell; no GPU, 1 cell; they are not comparable." in text
    assert "| 1 (`--timing`) |" in text


def test_a_cell_that_failed_has_no_time_to_compare(run: FakeRun) -> None:
    run.cell("cvae", SCORES, environment=environment(timing=True))
    run.broken("ctgan", "failed", "ValueError: no")
    assert "Times were measured one cell at a time (`--timing`).\n" in page(run)


def test_times_of_metrics_taken_otherwise_are_said_apart(run: FakeRun) -> None:
    run.cell("cvae", SCORES, environment=environment(timing=True))
    row = run.suite.rows[0]
    record = run.store.read_score(row.key, row.scores["gamma"])
    run.store.write_score(record, RunInfo(metric="gamma", seconds=1.0, environment=environment(workers=2)))
    text = page(run)
    assert text.index("(`--timing`).") < text.index("with 2 cells in parallel") < text.index("| metric |")


def test_start_up_is_no_cost(run: FakeRun) -> None:
    phases = {
        "prepare": Phase(status="ok", seconds=500.0, peak_memory_bytes=2**40),
        "fit": Phase(status="ok", seconds=10.0, peak_memory_bytes=2**30),
        "sample": Phase(status="ok", seconds=1.0, peak_memory_bytes=2**20),
    }
    run.cell("cvae", SCORES, phases=phases)
    costs = build_board(run.store, run.suite).datasets[0].rows[0].costs
    assert costs.fit_seconds is not None
    assert costs.sample_seconds is not None
    assert (costs.fit_seconds.mean, costs.sample_seconds.mean, costs.peak_memory_bytes) == (10.0, 1.0, 2**30)


def test_what_fails_before_the_fit_is_said(run: FakeRun) -> None:
    row = run.broken("ctgan", "failed", "ImportError: no such module")
    record = run.store.read_cell(row.key)
    run.store.write_cell(record.model_copy(update={"phases": {"prepare": Phase(status="failed")}}))
    [problem] = build_board(run.store, run.suite).datasets[0].problems
    assert (problem.what, problem.reason) == ("prepare", "ImportError: no such module")
