"""Boards of splits into thirds, in which a split has two folds with different rows."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tabgenbench.commands.cli import make_cli
from tabgenbench.store.store import Store
from tabgenbench_leaderboard.pages.partial import partial_sentence
from tabgenbench_leaderboard.pages.to_draws import draws_csv
from tabgenbench_leaderboard.publish.manifest import read_manifest
from tabgenbench_leaderboard.publish.publish import publish_board
from tabgenbench_leaderboard.publish.verify import verify_folder, verify_store
from tabgenbench_leaderboard.report import Leaderboard

SUITE = """
datasets = [{ name = "simulated-tissues", n_rows = 150, n_genes = 6 }]
generators = ["shuffled", "condition-mean"]
metrics = ["gamma"]
splits = 2
seeds = 1
draws = 1
split = { thirds = true }
"""


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published board of a suite with two splits of two folds."""
    root = tmp_path_factory.mktemp("folds")
    (root / "privately.toml").write_text(SUITE)
    arguments = ["run", str(root / "privately.toml"), "--executor", "inline", "--threads", "1"]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        make_cli().main([*arguments, "--store", str(root / "store")], standalone_mode=False)
    publish_board(Store(root / "store"), "privately", root / "board", partial=False, force=False)
    return root / "board"


def test_a_board_of_folds_is_published_and_has_no_findings(board: Path) -> None:
    verified = verify_folder(board)
    assert (verified.findings, verified.checked.cells) == ((), 8)
    [facts] = read_manifest(board).datasets.values()
    assert list(facts.splits) == ["0, fold 0", "0, fold 1", "1, fold 0", "1, fold 1"]
    assert len(set(facts.splits.values())) == 4


@pytest.mark.slow
def test_cells_of_both_folds_are_trained_again(board: Path, tabgenbench: Callable[..., Result]) -> None:
    done = tabgenbench("verify", board, "--rerun", 8, "--seed", 1, "--executor", "inline")
    assert done.exit_code == 0, done.output
    for place in ("split 0, fold 0", "split 0, fold 1", "split 1, fold 0", "split 1, fold 1"):
        assert done.output.count(f"{place} · seed 0: 2 values equal to the last bit") == 2
    assert "8 of 8 trained again: no findings" in done.output


def test_the_scores_of_draws_name_the_fold(board: Path) -> None:
    view = Leaderboard().build(board / "records", "privately")
    rows = list(csv.DictReader(io.StringIO(draws_csv(view.extras(["draws"]).draws or ()))))
    assert [(row["split"], row["fold"]) for row in rows if (row["label"], row["score"]) == ("shuffled", "gamma")] == [
        ("0", "0"),
        ("0", "1"),
        ("1", "0"),
        ("1", "1"),
    ]


def test_a_board_without_a_fold_of_a_generator_is_partial(board: Path) -> None:
    view = Leaderboard().build(board / "records", "privately")
    assert partial_sentence(view.board) == ""
    [dataset] = view.board.datasets
    first, *others = dataset.rows
    fewer = dataset.model_copy(update={"rows": (first.model_copy(update={"cells": 3}), *others)})
    sentence = partial_sentence(view.board.model_copy(update={"datasets": (fewer,)}))
    assert sentence.startswith("This board is partial: 1 cell that other generators have")


def test_swapped_folds_are_found(board: Path, tmp_path: Path) -> None:
    for path in board.glob("records/**/*.json"):
        text = path.read_text()
        if '"split": 0' in text and '"generator": "shuffled"' in text:
            fold = json.loads(text)["cell"]["fold"]
            text = text.replace(f'"fold": {fold}', f'"fold": {1 - fold}')
        place = tmp_path / path.relative_to(board / "records")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    found = [str(one) for one in verify_store(tmp_path, "privately").findings]
    assert sum("fold is 1; expected 0, which the suite asks for" in line for line in found) == 1
    assert sum("that of split 0, fold 1 in datasets/" in line for line in found) == 1


def test_a_missing_fold_is_found(board: Path, tmp_path: Path) -> None:
    for path in board.glob("records/**/*.json"):
        place = tmp_path / path.relative_to(board / "records")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())
    store = Store(tmp_path)
    suite = store.read_suite("privately")
    assert suite is not None
    suite.rows = [row for row in suite.rows if (row.label, row.split, row.fold) != ("shuffled", 1, 1)]
    (tmp_path / "suites" / "privately.json").write_text(suite.model_dump_json())
    [finding] = verify_store(tmp_path, "privately").findings
    assert "has no row for split 1, fold 1, seed 0" in str(finding)
