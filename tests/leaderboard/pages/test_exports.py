from __future__ import annotations

import csv
import io
import re
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

import tabgenbench_leaderboard
from tabgenbench.records import Card
from tabgenbench.store.dataset_index import DatasetIndex
from tabgenbench_leaderboard.board.draws import DRAW_FIELDS
from tabgenbench_leaderboard.board.model import Board
from tabgenbench_leaderboard.pages.headline import headline_grid
from tabgenbench_leaderboard.pages.to_bibtex import bibtex_entries
from tabgenbench_leaderboard.pages.to_latex import escape_latex, latex_tables
from tabgenbench_leaderboard.report import BoardView, Leaderboard

FakeRun = Any


def view_of(run: FakeRun) -> BoardView:
    return Leaderboard().build(run.store.root)


def board_of(run: FakeRun) -> Board:
    return view_of(run).board


def invoke(*arguments: object) -> Result:
    group = click.Group(context_settings={"help_option_names": ["-h", "--help"]})  # click keeps the first that it sees
    tabgenbench_leaderboard.register_commands(group)
    return CliRunner().invoke(group, ["leaderboard", *map(str, arguments)])


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a_b & 5 % of #1, $2", r"a\_b \& 5 \% of \#1, \$2"),
        ("`x_y` ± 1 ↑", r"\texttt{x\_y} $\pm$ 1 $\uparrow$"),
        (r"\{~^<>|", r"\textbackslash{}\{\textasciitilde{}\textasciicircum{}\textless{}\textgreater{}\textbar{}"),
    ],
)
def test_signs_of_latex_are_escaped(text: str, escaped: str) -> None:
    assert escape_latex(text) == escaped


def test_a_table_has_a_line_a_generator_between_rules(full_run: FakeRun) -> None:
    text = latex_tables(board_of(full_run))
    assert text.startswith("% \\usepackage{booktabs}\n\\begin{table}")
    first = text.partition(r"\end{table}")[0]
    rules = re.findall(r"\\(?:top|mid|bottom)rule", first)
    assert rules == [r"\toprule", r"\midrule", r"\midrule", r"\bottomrule"]
    header = next(line for line in first.splitlines() if line.startswith("generator"))
    columns = header.count(" & ") + 1
    assert rf"\begin{{tabular}}{{l{'r' * (columns - 1)}}}" in first
    lines = [line for line in first.splitlines() if line.endswith(r" \\") and "multicolumn" not in line]
    assert {line.count(" & ") + 1 for line in lines} == {columns}
    assert any(line.startswith(r"\texttt{cvae:epochs=30,hidden=[64,32]} & ") for line in lines)
    assert r"\label{tab:tiny-cells}" in first


def test_a_table_wider_than_a_page_is_divided(full_run: FakeRun) -> None:
    board = board_of(full_run)
    tables = latex_tables(board).split(r"\begin{table}")[1:]
    assert [re.search(r"\(part .*?\)", table)[0] for table in tables] == [  # type: ignore[index]
        f"(part {i} of {len(tables)})" for i in range(1, len(tables) + 1)
    ]
    headers = [line.split(" & ") for table in tables for line in table.splitlines() if line.startswith("generator")]
    columns = [escape_latex(head) for head in headline_grid(board.datasets[0]).header]
    assert [name.removesuffix(r" \\") for header in headers for name in header[1:]] == columns[1:]
    labels = re.findall(r"\\label\{(.*)\}", "".join(tables))
    assert labels == ["tab:tiny-cells", *(f"tab:tiny-cells-{i}" for i in range(2, len(tables) + 1))]


def test_every_citation_is_an_entry_with_a_stable_key(run: FakeRun) -> None:
    run.cell("cvae", {"gamma": {"gamma": 0.5}})
    run.cell("cvae:epochs=3", {"gamma": {"gamma": 0.5}})
    run.store.write_suite(run.suite)
    cards = {
        "cells": Card(citation="Wang & Ma, Data 5 (2018), doi 10.1038/sdata.2018.61. And more.", url="https://x.org")
    }
    text = bibtex_entries(board_of(run), cards)
    assert re.findall(r"@misc\{(.*),", text) == ["dataset-cells", "generator-cvae", "score-gamma"]
    assert text.startswith(
        "@misc{dataset-cells,\n"
        "  note = {Wang \\& Ma, Data 5 (2018), doi 10.1038/sdata.2018.61. And more.},\n"
        "  year = {2018},\n"
        "  doi = {10.1038/sdata.2018.61},\n"
        "  url = {https://x.org},\n"
        "  key = {dataset-cells},\n"
        "}\n"
    )
    assert bibtex_entries(board_of(run)) in text


def test_cards_of_datasets_are_in_the_records(run: FakeRun) -> None:
    run.cell("cvae", {"gamma": {"gamma": 0.5}})
    run.store.write_suite(run.suite)
    card = Card(citation="Someone 2020")
    index = DatasetIndex(
        label="cells", fingerprint="d" * 8, note="", n_rows=1, n_features=1, schema={"conditions": ["x"]}, card=card
    )
    run.store.write_text(run.store.root / "datasets" / "x.json", index.model_dump_json())
    result = invoke("--store", run.store.root, "--format", "bib")
    assert "@misc{dataset-cells,\n  note = {Someone 2020}" in result.output


def test_draws_have_a_row_a_score_and_say_what_is_missing(run: FakeRun) -> None:
    run.cell("cvae", {"gamma": {"gamma": (0.1, 0.2)}, "moments": {"mean-ks": "no\nrow", "variance-ratio": 1.0}})
    run.broken("ctgan", "failed", "ValueError: no")
    run.ask("wgan")
    run.store.write_suite(run.suite)
    result = invoke("--store", run.store.root, "--format", "draws")
    rows = list(csv.DictReader(io.StringIO(result.output)))
    assert list(rows[0]) == [name for name in DRAW_FIELDS if name != "fold"]
    found = [(row["label"], row["score"], row["draw"], row["value"], row["status"], row["reason"]) for row in rows]
    assert found == [
        ("ctgan", "", "", "", "failed", "ValueError: no"),
        ("cvae", "gamma", "0", "0.1", "ok", ""),
        ("cvae", "gamma", "1", "0.2", "ok", ""),
        ("cvae", "mean-ks", "0", "", "undefined", "no row"),
        ("cvae", "variance-ratio", "0", "1.0", "ok", ""),
        ("cvae", "mean-ks", "1", "0.5", "ok", ""),
        ("cvae", "variance-ratio", "1", "1.0", "ok", ""),
        ("wgan", "", "", "", "waiting", ""),
    ]


def test_parquet_has_the_same_rows_with_types(full_run: FakeRun, tmp_path: Any) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    result = invoke("--store", full_run.store.root, "--out", tmp_path, "--format", "parquet,draws")
    assert result.exit_code == 0, result.output
    table = parquet.read_table(tmp_path / "scores.parquet")
    assert [str(kind) for kind in table.schema.types[3:8]] == ["bool", "int32", "int32", "int32", "string"]
    rows = list(csv.DictReader(io.StringIO((tmp_path / "scores-by-draw.csv").read_text())))
    assert table.num_rows == len(rows)
    values = table["value"].to_pylist()
    assert values == [float(row["value"]) if row["value"] else None for row in rows]
    assert None in values


def test_a_board_json_has_no_draws(full_run: FakeRun, tmp_path: Any) -> None:
    invoke("--store", full_run.store.root, "--out", tmp_path, "--format", "json")
    result = invoke("--from", tmp_path / "board.json", "--out", tmp_path, "--format", "draws")
    assert "a board.json has no scores of single draws" in str(result.exception)
    tex = invoke("--from", tmp_path / "board.json", "--format", "tex")
    assert tex.output == latex_tables(board_of(full_run))
