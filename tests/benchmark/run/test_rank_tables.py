"""Ranking of synthetic tables from any source beside controls."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tabgenbench
from tabgenbench.errors import DataError
from tabgenbench.run.name_tables import name_tables

METRICS = ["gamma", "columns"]
CONTROLS = {
    "real-resample",
    "shuffled",
    "category-collapser",
    "condition-mean",
    "copier",
    "correlation-breaker",
    "label-swapper",
    "mean-shifter",
    "mode-dropper",
    "rounder",
}


def rows_of(n_rows: int, seed: int) -> pd.DataFrame:
    """Return rows with a condition and four dependent features."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n_rows, 2)) @ rng.normal(size=(2, 4)) + rng.normal(5, 0.1, (n_rows, 4))
    return pd.DataFrame(values, columns=list("wxyz")).assign(kind=["u", "v"] * (n_rows // 2))


@pytest.fixture(scope="module")
def tables() -> dict[str, Any]:
    """Return the arguments of `score`: real rows, and synthetic rows that are good and bad."""
    train, good = rows_of(60, 0), rows_of(30, 0)
    bad = good.assign(**{name: np.sort(good[name]) * 3 for name in "wxyz"})
    return {"train": train, "test": rows_of(30, 1), "synthetic": {"good": good, "bad": bad}}


@pytest.fixture(scope="module")
def ranked(tables: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, Path]:
    """Return the scores and the folder of the board."""
    out = tmp_path_factory.mktemp("ranked") / "board"
    return tabgenbench.score(**tables, conditions="kind", metrics=METRICS, out=out), out


def test_tables_are_scored_beside_the_controls_that_the_scores_name(
    ranked: tuple[pd.DataFrame, Path], tables: dict[str, Any]
) -> None:
    scores, _ = ranked
    by_kind = scores.groupby("is_control")["label"].agg(set)
    assert by_kind[False] == {"good", "bad"}
    assert {"real-resample", "shuffled"} <= by_kind[True] <= CONTROLS
    gamma = scores[scores["score"] == "gamma"].set_index("label")["value"]
    assert gamma["real-resample"] > gamma["shuffled"]


def test_controls_of_metrics_that_do_not_apply_are_left_out(tables: dict[str, Any]) -> None:
    """The floor `unchanged` is that of `combination-shift` alone, which needs two condition columns."""
    scores = tabgenbench.score(**tables, conditions="kind", metrics=["gamma", "combination-shift"])
    assert "shuffled" in set(scores["label"])
    assert "unchanged" not in set(scores["label"])


def test_the_score_of_a_table_is_the_same_alone(ranked: tuple[pd.DataFrame, Path], tables: dict[str, Any]) -> None:
    alone = tabgenbench.score(
        tables["train"], tables["test"], tables["synthetic"]["good"], conditions="kind", metrics=METRICS
    )
    scores = ranked[0][ranked[0]["label"] == "good"].set_index("score")["value"]
    values = alone.dropna().set_index("score")["value"]
    pd.testing.assert_series_equal(scores[values.index], values)


def test_the_board_has_all_formats_and_states_that_there_is_one_split(ranked: tuple[pd.DataFrame, Path]) -> None:
    out = ranked[1]
    assert {"README.md", "scores.csv", "board.json", "index.html", "web"} <= {path.name for path in out.iterdir()}
    board = json.loads((out / "board.json").read_text())
    assert "There is one split" in board["summary"]
    assert "run with --splits" not in (out / "README.md").read_text()
    assert not any("Run it again" in page.read_text() for page in (out / "web").glob("generator-*.html"))


def test_the_command_prints_the_ranked_tables(
    tables: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tabgenbench.commands.cli import main

    monkeypatch.chdir(tmp_path)
    Path("tables").mkdir()
    for side in ("train", "test"):
        tables[side].to_csv(f"{side}.csv", index=False)
    for name, table in tables["synthetic"].items():
        table.to_csv(f"tables/{name}.csv", index=False)
    Path("tables/notes.md").write_text("no table")
    words = "score --train train.csv --test test.csv --synthetic tables --conditions kind -m gamma"
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    captured = capsys.readouterr()
    assert not ended.value.code
    assert all(f"\n{name} " in captured.out for name in ("good", "bad", "real-resample", "shuffled"))
    assert "--out DIR writes the full board" in captured.out
    assert "There is one split" in captured.err
    assert {path.name for path in tmp_path.iterdir()} == {"train.csv", "test.csv", "tables"}


def test_names_of_tables(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv.gz", "c.parquet", "d.txt"):
        (tmp_path / name).touch()
    assert list(name_tables(tmp_path)) == ["a", "b", "c", "d"]
    assert name_tables({"mine": tmp_path / "a.csv"}) == {"mine": tmp_path / "a.csv"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (lambda folder: folder, "the folder contains no table"),
        (lambda folder: [], "got none"),
        (lambda folder: [folder / "a.csv", folder / "more" / "a.csv"], "have the same name, 'a'; rename one of them"),
        (lambda folder: [pd.DataFrame(), pd.DataFrame()], "pass a dict that maps names to tables"),
    ],
)
def test_tables_without_distinct_names_are_refused(tmp_path: Path, given: Callable[[Path], Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        name_tables(given(tmp_path))


def test_a_table_of_other_columns_is_named(tables: dict[str, Any], tmp_path: Path) -> None:
    other = {**tables["synthetic"], "other": tables["synthetic"]["good"].drop(columns="w")}
    with pytest.raises(DataError, match="synthetic table 'other': has no column 'w'"):
        tabgenbench.score(
            tables["train"], tables["test"], other, conditions="kind", metrics="gamma", out=tmp_path / "b"
        )
    assert not (tmp_path / "b").exists()


def test_a_table_with_the_name_of_a_control_is_refused(tables: dict[str, Any]) -> None:
    synthetic = {"shuffled": tables["synthetic"]["good"]}
    with pytest.raises(DataError, match="'shuffled' is also the name of a control; rename the table"):
        tabgenbench.score(tables["train"], tables["test"], synthetic, conditions="kind", metrics="gamma")
