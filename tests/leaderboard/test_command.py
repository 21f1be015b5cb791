from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

import tabgenbench_leaderboard
from tabgenbench.errors import ConfigError, StoreError
from tabgenbench.records import SuiteRecord
from tabgenbench.store.store import Store
from tabgenbench_leaderboard.board.model import Board
from tabgenbench_leaderboard.pages.to_terminal import print_text, render_text
from tabgenbench_leaderboard.report import Leaderboard

FakeRun = Any


def invoke(*arguments: object) -> Result:
    group = click.Group(context_settings={"help_option_names": ["-h", "--help"]})  # click keeps the first that it sees
    tabgenbench_leaderboard.register_commands(group)
    return CliRunner().invoke(group, ["leaderboard", *map(str, arguments)])


def load_board(store: Store, name: str | None = None) -> Board:
    return Leaderboard().build(store.root, name).board


def test_it_prints_the_board_of_the_latest_suite(full_run: FakeRun) -> None:
    older = full_run.store.root / "suites" / "older.json"
    full_run.store.write_suite(SuiteRecord(name="older"))
    os.utime(older, (1, 1))
    result = invoke("--store", full_run.store.root)
    assert result.exit_code == 0
    assert result.stdout.startswith("tiny: A run.\n")
    assert f"tabgenbench leaderboard tiny --store {full_run.store.root} --out DIR" in result.stdout
    assert not (full_run.store.root / "README.md").exists()


def test_a_tilde_is_the_home_folder(full_run: FakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(full_run.store.root.parent))
    result = invoke("--store=~/store", "--out=~/board", "--format", "csv")
    assert result.exit_code == 0, result.output
    assert (full_run.store.root.parent / "board" / "scores.csv").is_file()


def test_it_writes_a_folder_and_says_where(full_run: FakeRun, tmp_path: Path) -> None:
    out = tmp_path / "board"
    result = invoke("tiny", "--store", full_run.store.root, "--out", out, "--format", "md,csv")
    assert result.exit_code == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "README.md",
        "comparisons.csv",
        "costs.csv",
        "figures",
        "scores.csv",
    ]
    names = "README.md, scores.csv, costs.csv, comparisons.csv"
    assert f"The full board is in {out}:\n  {names} and 2 files in figures\n" in result.stdout


def test_the_whole_board_is_printed_where_it_is_asked_for(full_run: FakeRun) -> None:
    result = invoke("--store", full_run.store.root, "--full")
    assert result.stdout == render_text(load_board(full_run.store))


def test_one_format_without_out_is_printed_alone(full_run: FakeRun) -> None:
    result = invoke("tiny.toml", "--store", full_run.store.root, "--format", "json")
    assert json.loads(result.stdout)["suite"] == "tiny"
    several = invoke("--store", full_run.store.root, "--format", "json,csv")
    assert isinstance(several.exception, ConfigError)
    assert "--out" in str(several.exception)


def test_an_unknown_suite_is_named_with_a_suggestion(full_run: FakeRun) -> None:
    with pytest.raises(ConfigError, match=r"suite 'tinny' was not run in .*; did you mean 'tiny'\?"):
        load_board(full_run.store, "tinny")
    with pytest.raises(ConfigError, match="was not run in"):
        load_board(full_run.store, "../suites/tiny")


def test_a_store_without_suites_is_one_sentence(run: FakeRun, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no suite that was run; run one first"):
        load_board(run.store)
    with pytest.raises(StoreError, match="is not a folder; run one first"):
        load_board(Store(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()


def test_nothing_scored_yet_is_one_sentence(run: FakeRun) -> None:
    run.ask("cvae")
    run.store.write_suite(run.suite)
    with pytest.raises(StoreError, match=r"nothing of suite 'tiny' is scored yet \(1 cell asked for\)"):
        load_board(run.store)


def test_an_undefined_score_is_a_result(run: FakeRun) -> None:
    run.cell("cvae", {"gamma": {"gamma": "fewer than 3 features"}})
    run.store.write_suite(run.suite)
    board = load_board(run.store)
    assert board.datasets[0].rows[0].scores[0].why


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"\xff\x00", b"[1, 2]", b'{"schema_version": 1, "key": "x"'],
    ids=["empty", "foreign", "bytes", "list", "torn"],
)
@pytest.mark.parametrize("place", ["fit", "scores", "runs"])
def test_what_is_no_record_is_named_and_passed_over(full_run: FakeRun, place: str, content: bytes) -> None:
    row = next(row for row in full_run.suite.rows if row.label == "cvae")
    folder = full_run.store.cell_folder(row.key)
    path = folder / "fit.json" if place == "fit" else folder / place / f"{row.scores['gamma']}.json"
    path.write_bytes(content)
    result = invoke("--store", full_run.store.root, "--full")
    assert result.exit_code == 0
    assert [line for line in result.stderr.splitlines() if str(path) in line]
    assert path.read_bytes() == content  # a command that only reads does not move the file
    cells = {"fit": "2 of 3", "scores": "3 of 3", "runs": "3 of 3"}[place]
    assert [line for line in result.stdout.splitlines() if line.startswith("  cvae ") and cells in line]
    assert ("Waiting (not yet recorded): cvae" in result.stdout) == (place != "runs")


def test_the_record_of_another_cell_is_passed_over(full_run: FakeRun) -> None:
    first, second = (row for row in full_run.suite.rows if row.label == "cvae" and row.split < 2)
    path = full_run.store.cell_folder(first.key) / "fit.json"
    path.write_bytes((full_run.store.cell_folder(second.key) / "fit.json").read_bytes())
    score = full_run.store.score_path(second.key, second.scores["gamma"])
    score.write_bytes(full_run.store.score_path(second.key, second.scores["moments"]).read_bytes())
    result = invoke("--store", full_run.store.root)
    assert result.exit_code == 0
    assert str(path) in result.stderr
    assert str(score) in result.stderr


def test_a_record_of_a_newer_program_is_refused(full_run: FakeRun) -> None:
    path = full_run.store.cell_folder(full_run.suite.rows[0].key) / "fit.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 99}))
    with pytest.raises(StoreError, match="schema version 99"):
        load_board(full_run.store)


def test_a_record_that_is_laid_out_otherwise_gives_the_same_board(full_run: FakeRun) -> None:
    before = load_board(full_run.store)
    for path in (full_run.store.root / "cells").rglob("*.json"):
        path.write_text(json.dumps(json.loads(path.read_text()), indent=4))
    assert load_board(full_run.store) == before


def test_a_terminal_without_the_signs_gets_ascii(full_run: FakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    print_text(render_text(load_board(full_run.store)))
    stream.flush()
    text = stream.buffer.getvalue().decode("ascii")
    assert "0.930 +- 0.025" in text
    assert "gamma (higher)" in text


@pytest.mark.parametrize("name", ["html", "png"])
def test_a_folder_of_files_cannot_be_printed(full_run: FakeRun, name: str) -> None:
    result = invoke("--store", full_run.store.root, "--format", name)
    assert isinstance(result.exception, ConfigError)
    assert str(result.exception) == (
        f"--format: got {name} without --out, but it is a folder of files; name it with --out"
    )
