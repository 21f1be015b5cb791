from __future__ import annotations

import re
from typing import Any

from tabgenbench_leaderboard.board.aggregate import build_board
from tabgenbench_leaderboard.files import render_board
from tabgenbench_leaderboard.pages.publications import load_published

FakeRun = Any


def page_of(run: FakeRun) -> str:
    text = render_board(build_board(run.store, run.suite), ["md"])["README.md"].decode()
    return re.sub(" +", " ", text)  # columns are padded


def fill(run: FakeRun, dataset: str, *labels: str) -> None:
    for split in range(3):
        for i, label in enumerate(labels):
            run.cell(label, {"gamma": {"gamma": 0.9 + split / 100 - i / 10}}, dataset=dataset, split=split)


def test_the_published_values_are_those_of_the_paper() -> None:
    (publication,) = load_published()
    assert publication.dataset == "rnaseqdb"
    values = {value.generator: value.value for value in publication.values}
    assert values == {"cvae": 0.984, "wgan-gp": 0.978, "ctgan": 0.592, "tvae": 0.887}
    assert {(value.score, value.train_rows) for value in publication.values} == {("gamma", 9146 - 2287)}
    assert "doi 10.5909/JBE.2023.28.3.275" in publication.citation


def test_published_measured_and_controls_stand_side_by_side(run: FakeRun) -> None:
    fill(run, "rnaseqdb", "cvae:epochs=30", "tvae", "condition-mvn")
    page = page_of(run)
    interval = "0.910 ± 0.025"
    mvn = "0.710 ± 0.025"
    line = f"| `cvae:epochs=30` | 0.984 | 6,859 | {interval} | 808 to 810 | {mvn} | not run |"
    assert line in page
    assert f"| `ctgan` | 0.592 | 6,859 | not run | - | {mvn} | not run |" in page
    assert "Published: all 52 files of RNAseqDB, 9,146 rows" in page
    assert "Here: 27 of 52 files, 1,078 rows, 969 features; 808 to 810 training rows" in page
    assert "Published order by gamma: `cvae` \\> `tvae`. Order of the means here: `cvae` \\> `tvae`." in page


def test_options_of_the_dataset_do_not_matter_but_its_name_does(run: FakeRun) -> None:
    fill(run, "rnaseqdb:genes=all", "cvae")
    assert "Published, measured here, controls" in page_of(run)


def test_nothing_is_shown_for_other_datasets_or_without_the_generators(run: FakeRun) -> None:
    fill(run, "cells", "cvae")
    fill(run, "rnaseqdb", "condition-mvn")
    assert "Published, measured here" not in page_of(run)
