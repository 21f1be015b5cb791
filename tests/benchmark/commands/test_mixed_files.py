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


def test_a_column_is_doubted_with_the_option_that_changes_it(tabgenbench: Call, capsys: Captured) -> None:
    n = 40
    frame = mixed(n).assign(
        account=range(1000, 1000 + n),
        price=[f"${1234.5 + i:,.2f}" for i in range(n)],
        share=[f"{i}.5%" for i in range(n)],
        stamp=[f"2021-01-01 {i % 24:02}:{i:02}:00+02:00" for i in range(n)],
        root=["?" if i % 4 == 0 else "abc"[i % 3] for i in range(n)],
        once=[5, *[None] * (n - 1)],
        big=[1e30 * (i + 1) for i in range(n)],
    )
    lines = describe(tabgenbench, capsys, frame)
    rows = {line.split()[0]: line for line in lines if line.startswith("  ")}
    assert rows["account"].endswith("if it names the row, ignore=[account] leaves it out")
    for name in ("price", "share"):
        assert "left out" in rows[name]
        assert rows[name].endswith("numbers are written without currency, % and thousands separators")
    assert "dates or times of an unknown format, such as '2021-01-01 00:00:00+02:00'; date_formats=" in rows["stamp"]
    assert rows["root"].endswith("""'?' may mean a missing value; missing_values=["?"] makes it one""")
    assert "whole numbers;" not in rows["once"]
    assert rows["big"].split()[1] == "number"
    [note] = [line for line in lines if line.startswith("note: ")]
    assert "text that looks like numbers with other characters: price, share" in note
    assert "missing values kept: once (39)" in note


def test_short_lines_are_counted(tabgenbench: Call, capsys: Captured) -> None:
    text = mixed().to_csv(index=False).splitlines()
    text[3] = text[3].rpartition(",")[0]
    text[7] = "17"
    text[9] = text[9].rpartition(",")[0] + ","  # an empty cell is no fault
    Path("mine.csv").write_text("\n".join(text) + "\n")
    assert tabgenbench("dataset", "describe", "mine.csv") == 0
    assert "; 2 lines of the file with too few cells, the others are missing; " in capsys.readouterr().out


def test_a_value_with_a_line_end_stays_on_its_line(tabgenbench: Call, capsys: Captured) -> None:
    lines = describe(tabgenbench, capsys, mixed().assign(text=["a\nb", "c"] * 20))
    assert any(line.endswith(r"'a\nb', c") for line in lines)


@pytest.mark.parametrize(
    ("changes", "options", "expected"),
    [
        (
            {"v": [1e39 * (i + 1) for i in range(40)]},
            "",
            "mine.csv: column 'v', row '1': 1e+39 is too large, expected at most 3.4e38 in size",
        ),
        ({"v": range(20210101, 20210141)}, "", """or its format as dates by date_formats={"v": "%Y%m%d"}"""),
        (
            {},
            'date_formats={"age": "%Y-%m"}',
            "expected a date of the format '%Y-%m'; correct date_formats, or ignore the column",
        ),
        ({}, "targets=[agee]", "mine.csv: no column 'agee', given as a target; did you mean 'age'?"),
        ({"v": "x"}, "targets=[v]", "column 'v', given as a target, has one value, expected two or more; name another"),
        (
            {},
            "ignore=[sex],conditions=[sex]",
            "mine.csv: column 'sex' is to be ignored and has a role too, expected one; name it once",
        ),
    ],
)
def test_bad_input_is_one_sentence(
    tabgenbench: Call, capsys: Captured, changes: dict[str, object], options: str, expected: str
) -> None:
    assert expected in refused(tabgenbench, capsys, mixed().assign(**changes), options)


def test_a_column_of_lists_is_refused_with_its_row(tabgenbench: Call, capsys: Captured) -> None:
    pytest.importorskip("pyarrow")
    mixed(8).assign(v=[[1, 2]] * 8).to_parquet("mine.parquet")
    assert tabgenbench("dataset", "describe", "mine.parquet") == 2
    assert "mine.parquet: column 'v', row '1': got array([1, 2]), expected a number" in capsys.readouterr().err


def test_a_condition_of_too_many_values_is_noted_and_a_long_list_is_cut(tabgenbench: Call, capsys: Captured) -> None:
    frame = mixed(120).assign(bmi=[f"v{min(i, 99)}" for i in range(120)])
    lines = describe(tabgenbench, capsys, frame, "conditions=[bmi]")
    assert any("the condition bmi has 100 values in 120 rows; most have one row" in line for line in lines)
    assert lines[-1] == "  and 40 more (--json shows all)"


def test_times_with_a_zone_are_written_back_in_it(tabgenbench: Call, capsys: Captured) -> None:
    frame = mixed().assign(at=[f"2021-03-{1 + i % 28:02} 01:30:00+0200" for i in range(40)])
    frame.to_csv("mine.csv", index=False)
    dataset = 'mine.csv:date_formats={"at": "%Y-%m-%d %H:%M:%S%z"}'
    assert tabgenbench("run", "quickstart", "-d", dataset, "-g", "real-resample", "-m", "columns", *RUN) == 0
    assert tabgenbench("export", "-g", "real-resample", "-d", dataset, "--out", "made.csv") == 0
    assert set(pd.read_csv("made.csv")["at"]) <= set(frame["at"])


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
