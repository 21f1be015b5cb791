"""Mixed tables from the command line: what a new user reads about them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

Call = Callable[..., int]
Captured = pytest.CaptureFixture[str]
RUN = ("--splits", "1", "--draws", "1", "--executor", "inline", "--device", "cpu")


def mixed(n_rows: int = 40) -> pd.DataFrame:
    """Return a table of two numbers and two categories, without a missing value."""
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": random.integers(18, 90, n_rows),
            "bmi": random.normal(27, 4, n_rows).round(1),
            "sex": random.choice(["f", "m"], n_rows),
            "plan": random.choice(["a", "b", "c"], n_rows),
        }
    )


def describe(tabgenbench: Call, capsys: Captured, frame: pd.DataFrame, options: str = "") -> list[str]:
    """Write a table to a file and return what ``dataset describe`` prints about it."""
    frame.to_csv("mine.csv", index=False)
    assert tabgenbench("dataset", "describe", f"mine.csv:{options}") == 0
    return capsys.readouterr().out.splitlines()


def refused(tabgenbench: Call, capsys: Captured, frame: pd.DataFrame, options: str = "") -> str:
    """Write a table to a file and return why ``dataset describe`` does not accept it: one line."""
    frame.to_csv("mine.csv", index=False)
    assert tabgenbench("dataset", "describe", f"mine.csv:{options}") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    [line] = captured.err.splitlines()
    return line


def test_numeric_and_categorical_features_are_counted(tabgenbench: Call, capsys: Captured) -> None:
    frame = mixed().assign(bmi=lambda table: table["bmi"].where(table.index > 3))  # its companion is no own feature
    assert "features: 2 numeric, 2 categorical" in describe(tabgenbench, capsys, frame)
    assert tabgenbench("run", "quickstart", "-d", "mine.csv", "-g", "real-resample", "-m", "columns", *RUN) == 0
    captured = capsys.readouterr()
    assert "mine: 40 rows x 2 numeric and 2 categorical features (" in captured.err
    assert "10 test rows, 2 numeric and 2 categorical features" in captured.out
    assert tabgenbench("leaderboard", "quickstart", "--out", "board", "--format", "md") == 0
    assert "10 test rows, 2 numeric and 2 categorical features." in Path("board/README.md").read_text()


def test_a_suite_with_other_lists_has_no_summary_of_its_own(tabgenbench: Call, capsys: Captured) -> None:
    mixed().to_csv("mine.csv", index=False)
    assert tabgenbench("run", "quickstart", "-d", "mine.csv", "-g", "real-resample", "-m", "columns", *RUN) == 0
    assert capsys.readouterr().out.splitlines()[0] == "quickstart"
    assert json.loads(Path("store/suites/quickstart.json").read_text())["summary"] == ""


def test_metrics_that_do_not_apply_take_one_line(tabgenbench: Call, capsys: Captured) -> None:
    mixed()[["sex", "plan"]].to_csv("mine.csv", index=False)
    generators = ("-g", "real-resample", "-g", "shuffled")
    assert tabgenbench("run", "quickstart", "-d", "mine.csv", *generators, "-m", "columns", "-m", "missing", *RUN) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("skipped")]
    assert lines == [
        "skipped: metrics that do not apply to a table, missing on 2 cells; the full board has the reasons"
    ]
    assert tabgenbench("leaderboard", "quickstart", "--out", "board", "--format", "md") == 0
    assert "no generated column of this table has missing values" in Path("board/README.md").read_text()


def test_names_that_hdf5_does_not_take_survive_the_store_and_an_h5ad_file(tabgenbench: Call, capsys: Captured) -> None:
    anndata = pytest.importorskip("anndata")
    frame = mixed().rename(columns={"sex": "plan/sex", "bmi": "bmi/x"}).assign(_index=["a", "b"] * 20)
    frame.loc[3:9, "bmi/x"] = None
    frame.loc[5:8, "plan/sex"] = None
    frame.to_csv("mine.csv", index=False)
    assert tabgenbench("run", "quickstart", "-d", "mine.csv", "-g", "real-resample", "-m", "columns", *RUN) == 0
    for suffix in ("h5ad", "csv"):
        assert tabgenbench("export", "-g", "real-resample", "-d", "mine.csv", "--out", f"made.{suffix}") == 0
    assert list(pd.read_csv("made.csv")) == list(frame)
    read = anndata.read_h5ad("made.h5ad")
    assert list(read.obs) == ["plan_sex", "plan", "_index_", "bmi_x is missing"]
    assert list(read.var_names) == ["age", "bmi/x"]
    capsys.readouterr()
    assert tabgenbench("dataset", "describe", "made.h5ad", "--json") == 0
    names = {row["column"] for row in json.loads(capsys.readouterr().out)["columns"]}
    assert names == {"age", "bmi/x", "plan/sex", "plan", "_index"}


def test_an_exported_table_of_categories_alone_is_read_again(tabgenbench: Call, capsys: Captured) -> None:
    mixed()[["sex", "plan"]].to_csv("mine.csv", index=False)
    assert tabgenbench("run", "quickstart", "-d", "mine.csv", "-g", "real-resample", "-m", "columns", *RUN) == 0
    assert tabgenbench("export", "-g", "real-resample", "-d", "mine.csv", "--out", "made.h5ad") == 0
    capsys.readouterr()
    assert tabgenbench("dataset", "describe", "made.h5ad") == 0
    assert "features: 0 numeric, 2 categorical" in capsys.readouterr().out
