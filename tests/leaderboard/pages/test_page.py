from __future__ import annotations

import csv
import io
import json
import os
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tabgenbench.errors import ConfigError, StoreError
from tabgenbench.records import ScoreSpec
from tabgenbench_leaderboard.board.aggregate import build_board
from tabgenbench_leaderboard.board.derive import derive_board
from tabgenbench_leaderboard.board.model import Board
from tabgenbench_leaderboard.files import parse_formats, render_board, write_board
from tabgenbench_leaderboard.pages.document import Block, Bullets, Cell, Grid, Heading, Paragraph, Section
from tabgenbench_leaderboard.pages.to_html import render_blocks
from tabgenbench_leaderboard.pages.to_markdown import render_markdown
from tabgenbench_leaderboard.pages.to_terminal import render_text

FakeRun = Any
GOLD = Path(__file__).parents[1] / "gold"


def board_of(run: FakeRun) -> Board:
    return build_board(run.store, run.suite)


def check_gold(name: str, text: str) -> None:
    """Compare with a gold file; UPDATE_GOLD=1 overwrites the file."""
    path = GOLD / name
    if os.environ.get("UPDATE_GOLD"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_gold_markdown(full_run: FakeRun) -> None:
    check_gold("README.md", render_board(board_of(full_run), ["md"])["README.md"].decode())


def test_gold_text(full_run: FakeRun) -> None:
    check_gold("board.txt", render_text(board_of(full_run)))


def test_gold_costs(full_run: FakeRun) -> None:
    files = render_board(board_of(full_run), ["csv"])
    check_gold("costs.csv", files["costs.csv"].decode())


def test_text_keeps_to_the_width(full_run: FakeRun) -> None:
    board = board_of(full_run)
    for width in range(80, 131):  # also the widths at which a table just fits or just does not
        text = render_text(board, width=width)
        assert max(len(line) for line in text.splitlines()) <= width
        for label in ("ctgan", "condition-mvn", "real-resample"):
            assert label in text


def test_scores_csv_holds_exact_numbers_and_the_stated_columns(full_run: FakeRun) -> None:
    board = board_of(full_run)
    lines = list(csv.DictReader(io.StringIO(render_board(board, ["csv"])["scores.csv"].decode())))
    assert list(lines[0]) == ["dataset", "generator", "config", "metric", "score", "mean", "ci_low", "ci_high", "n"]
    assert len(lines) == 8 * 4
    places = {(line["generator"], line["config"], line["metric"], line["score"]): line for line in lines}
    assert len(places) == len(lines)
    titles = [column.title for column in board.datasets[0].columns]
    cvae = next(row for row in board.datasets[0].rows if row.label == "cvae").scores[titles.index("gamma")]
    assert float(places["cvae", "{}", "gamma", "gamma"]["mean"]) == cvae.mean


def test_the_same_records_give_the_same_bytes(full_run: FakeRun) -> None:
    first, second = render_board(board_of(full_run)), render_board(board_of(full_run))
    assert first == second
    assert {"README.md", "scores.csv", "costs.csv", "board.json", "index.html"} <= set(first)
    assert {name for name in first if name.startswith("figures/")} == {
        f"figures/cells-{kind}.svg" for kind in ("scores", "losses")
    }


def test_board_json_reads_back_as_the_board(full_run: FakeRun) -> None:
    board = board_of(full_run)
    text = render_board(board, ["json"])["board.json"].decode()
    content = json.loads(text)
    assert content["board_version"] == 4
    assert [dataset.get("comparisons") for dataset in content["datasets"]] == [None]
    assert board.datasets[0].comparisons
    assert derive_board(Board.model_validate_json(text)) == board


def test_board_json_has_a_line_for_each_score_of_a_row(full_run: FakeRun) -> None:
    board = board_of(full_run)
    lines = render_board(board, ["json"])["board.json"].decode().splitlines()
    scores = [score for dataset in board.datasets for row in dataset.rows for score in row.scores]
    assert [line.rstrip(",") for line in lines if line.startswith('{"state":')] == [
        json.dumps(json.loads(score.model_dump_json()), separators=(",", ":")) for score in scores
    ]


def test_comparisons_have_p_values_of_both_kinds(full_run: FakeRun) -> None:
    board = board_of(full_run)
    text = render_board(board, ["csv"])["comparisons.csv"].decode()
    lines = list(csv.DictReader(io.StringIO(text)))
    found = {(line["score"], line["model"], line["against"]): line for line in lines}
    assert list(found) == sorted(found)
    assert len(found) == len(board.datasets[0].comparisons)
    for one in board.datasets[0].comparisons:
        line = found[one.title, one.model, one.against]
        assert (line["n"], line["verdict"]) == (str(one.n), one.verdict)
        for name in ("difference", "ci_low", "ci_high", "p", "p_adjusted"):
            value = getattr(one, name)
            assert line[name] == ("" if value is None else f"{value:.9g}")


def test_figures_are_svg_and_png_if_asked_for(full_run: FakeRun) -> None:
    files = render_board(board_of(full_run), ["md", "png"])
    root = ElementTree.fromstring(files["figures/cells-scores.svg"])
    text = " ".join(root.itertext())
    for word in ("gamma", "condition-mvn", "cvae:epochs=30", "best at 1", "seconds to fit"):
        assert word in text
    assert files["figures/cells-scores.png"].startswith(b"\x89PNG")
    assert not [name for name in render_board(board_of(full_run), ["md"]) if name.endswith(".png")]


def test_foreign_text_cannot_break_a_page() -> None:
    nasty = "<script>a|b</script> *x* _y_ a_b [z](u)"
    blocks: list[Block] = [
        Heading(1, nasty),
        Paragraph(nasty),
        Bullets((nasty,)),
        Grid(("a", "b"), (Section(nasty), (Cell(f"`{nasty}`"), Cell(nasty, strong=True))), nasty),
    ]
    markdown = render_markdown(blocks)
    rows = [line for line in markdown.splitlines() if line.startswith("| ")]
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 3 for row in rows)
    assert "\\<script\\>" in markdown
    assert "a_b" in markdown
    html = render_blocks(blocks, {})
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 8


def test_signs_of_mathematics_in_a_name_do_not_break_a_figure(run: FakeRun) -> None:
    for split in range(2):
        run.cell("cvae:note=$x_$", {"gamma": {"gamma": 0.5 + split / 10}}, dataset="a/b $c", split=split)
        run.cell("cvae", {"gamma": {"gamma": 0.5 + split / 10}}, dataset="a b $c", split=split)
    files = render_board(board_of(run), ["md"])
    assert {"figures/a-b-c-1-scores.svg", "figures/a-b-c-2-scores.svg"} <= set(files)
    assert all(".." not in name and name.count("/") <= 1 for name in files)


@pytest.mark.parametrize("value", [0.0, -0.00001, 1e-9, 123456.0, 1e12])
def test_any_size_of_score_can_be_shown(run: FakeRun, value: float) -> None:
    for split in range(2):
        run.cell("cvae", {"gamma": {"gamma": value * (1 + split / 100)}}, split=split)
    files = render_board(board_of(run))
    assert re.search(r"\| `cvae` +\|", files["README.md"].decode())
    assert not re.search(r"-0\.0+ ", render_text(board_of(run)))


def test_a_board_without_any_score_still_shows_what_failed(run: FakeRun) -> None:
    run.broken("cvae", "failed", "ValueError: nothing fits")
    files = render_board(board_of(run))
    assert "ValueError: nothing fits" in files["README.md"].decode()
    assert not any(name.startswith("figures/") for name in files)
    assert "No score yet." in render_text(board_of(run))


def test_the_legend_says_what_a_score_is_blind_to(full_run: FakeRun) -> None:
    text = render_board(board_of(full_run), ["md"])["README.md"].decode()
    assert "Blind to: variance, and anything inside a condition." in text
    assert "Floor: `shuffled`, ceiling: `real-resample`." in text
    assert "27 of 52 files, 1,078 rows; 3 splits (stratified, grouped)" in text
    assert "What condition-mvn is. Someone 2023. Licence: MIT. https://x.org/a_b" in text


def test_writing_replaces_files_and_leaves_nothing_else(full_run: FakeRun, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "board"
    board = board_of(full_run)
    first = {path: path.read_bytes() for path in write_board(board, out, ["csv", "json"])}
    again = {path: path.read_bytes() for path in write_board(board, out, ["csv", "json"])}
    assert first == again
    assert {path for path in out.rglob("*") if path.is_file()} == set(first)


def test_a_place_that_cannot_be_written_is_one_sentence(full_run: FakeRun, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="--out: cannot write to"):
        write_board(board_of(full_run), tmp_path / "file" / "board", ["csv"])


def test_formats_are_checked() -> None:
    assert parse_formats("md, csv,md") == ("md", "csv")
    with pytest.raises(ConfigError, match="unknown format 'htm'; did you mean 'html'"):
        parse_formats("htm")
    with pytest.raises(ConfigError, match="expected some of md,csv,html,json"):
        parse_formats(" ,")


def test_rows_without_a_score_for_one_reason_stand_in_one_sentence(run: FakeRun) -> None:
    for label in ("cvae", "condition-mvn", "shuffled"):
        run.cell(label, {"moments": {"mean-ks": 0.1, "variance-ratio": "no row varies"}})
    text = render_board(board_of(run), ["md"])["README.md"].decode()
    assert "- variance-ratio, every row: undefined in 1 of 2 draws: no row varies\n" in text
    assert text.count("no row varies") == 1


def test_units_and_limits_are_in_the_page(run: FakeRun) -> None:
    run.cell("cvae", {"gamma": {"gamma": 0.5}})
    row = run.suite.rows[0]
    record = run.store.read_score(row.key, row.scores["gamma"])
    spec = ScoreSpec(name="gamma", direction="lower", low=0, unit="log2")
    run.store.write_score(record.model_copy(update={"specs": [spec]}), run.store.read_info(row.key, record.key))
    text = render_board(board_of(run), ["md"])["README.md"].decode()
    assert "gamma \\[log2\\] ↓ lower is better" in text
    assert "↓ lower is better, at least 0, of metric `gamma`) in log2" in text
