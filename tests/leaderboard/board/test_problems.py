from __future__ import annotations

import json
from typing import Any

import pytest

from tabgenbench.records import RunInfo
from tabgenbench_leaderboard.board.aggregate import build_board
from tabgenbench_leaderboard.board.model import Board
from tabgenbench_leaderboard.figures.drawn_rows import MAX_CONTROLS, MAX_MODELS, drawn_rows
from tabgenbench_leaderboard.files import render_board
from tabgenbench_leaderboard.pages.page import MAX_OUTPUTS
from tabgenbench_leaderboard.pages.to_terminal import render_text

FakeRun = Any


def board_of(run: FakeRun) -> Board:
    return build_board(run.store, run.suite)


def broken(
    run: FakeRun, label: str, output: str, *, split: int = 0, status: str = "crashed", reason: str = "signal 11"
) -> None:
    row = run.broken(label, status, reason, split=split)
    record = run.store.read_cell(row.key)
    run.store.write_cell(record.model_copy(update={"output": output}))


def test_what_a_failed_cell_wrote_is_in_json_and_html_but_not_in_markdown(run: FakeRun) -> None:
    broken(run, "ctgan", "", split=0)
    broken(run, "ctgan", "loading\nSegmentation <fault>\n", split=1)
    files = {name: content.decode() for name, content in render_board(board_of(run)).items() if "figures" not in name}
    [problem] = json.loads(files["board.json"])["datasets"][0]["problems"]
    assert (problem["output"], problem["output_key"]) == ("loading\nSegmentation <fault>", run.suite.rows[1].key)
    page = files["web/generator-ctgan.html"]
    assert "<pre>loading\nSegmentation &lt;fault&gt;</pre>" in page
    assert f"of <code>ctgan</code> (<code>cells/{run.suite.rows[1].key}</code>)" in page
    assert "Segmentation" not in files["README.md"]


@pytest.mark.parametrize(
    ("output", "kept"),
    [
        ("\x1b[31mred\x1b[0m\x07 \n", "red"),
        ("10 %\r50 %\r\n\tin a loop\r\n", "50 %\n\tin a loop"),
        ("\n".join(map(str, range(100))), "…" + "\n".join(map(str, range(80, 100)))),
        ("x" * 3000, "…" + "x" * 2000),
        ("\n\n", ""),
    ],
)
def test_an_output_is_shortened_and_cleaned(run: FakeRun, output: str, kept: str) -> None:
    broken(run, "ctgan", output)
    assert board_of(run).datasets[0].problems[0].output == kept


def test_what_a_failed_metric_wrote_is_shown(run: FakeRun) -> None:
    run.cell("cvae", {"gamma": {"gamma": 0.9}, "moments": {"mean-ks": 0.1, "variance-ratio": 1.0}})
    row = run.suite.rows[0]
    run.score(row, "moments", {}, status="crashed", reason="signal 11", draws=[])
    for metric in ("gamma", "moments"):
        record = run.store.read_score(row.key, row.scores[metric])
        run.store.write_score(record, RunInfo(metric=metric, seconds=1.0, output="out of luck"))
    [problem] = board_of(run).datasets[0].problems
    assert (problem.what, problem.output) == ("moments", "out of luck")


def test_many_outputs_and_many_problems_are_cut_with_a_sentence(run: FakeRun) -> None:
    for i in range(210):
        broken(run, "ctgan", f"epoch {i}", split=i, reason=f"signal {i}")
    files = render_board(board_of(run), ["md", "html"])
    page, html = files["README.md"].decode(), files["web/generator-ctgan.html"].decode()
    assert "and 10 more lines in board.json" in page
    assert html.count("<details>\n<summary>") == MAX_OUTPUTS + 1
    assert f"and {210 - MAX_OUTPUTS} more outputs in board.json" in html
    assert "  and 10 more (--out DIR writes them)\n" in render_text(board_of(run))


def test_figures_of_a_long_board_say_what_they_leave_out(run: FakeRun) -> None:
    for i in range(MAX_MODELS + 5):
        run.cell(f"cvae:epochs={i + 100}", {"gamma": {"gamma": 0.5 + i / 1000}})
    run.cell("shuffled", {"gamma": {"gamma": 0.1}})
    board = board_of(run)
    files = render_board(board, ["md"])
    sentence = f"Figures show the first {MAX_MODELS} of {MAX_MODELS + 5} models by name; the tables show all."
    page, figure = files["README.md"].decode(), files["figures/cells-scores.svg"].decode()
    assert sentence in page
    last = f"cvae:epochs={MAX_MODELS + 104}"
    assert last in page
    assert last not in figure
    assert "shuffled" in figure
    shown = drawn_rows(board.datasets[0])
    assert (len(shown.models), len(shown.controls)) == (MAX_MODELS, min(1, MAX_CONTROLS))
