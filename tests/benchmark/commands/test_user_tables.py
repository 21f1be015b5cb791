"""Tables as people bring them, from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

Call = Callable[..., int]
Captured = pytest.CaptureFixture[str]
RUN = ("-m", "moments", "--splits", "1", "--draws", "1", "--executor", "inline")


def rows_of(n_rows: int = 24, n_features: int = 3, seed: int = 0) -> pd.DataFrame:
    """Return a table of a condition ``condition`` and features."""
    values = np.random.default_rng(seed).normal(5, 1, (n_rows, n_features)).round(3)
    frame = pd.DataFrame(values, columns=[f"g{i}" for i in range(n_features)])
    frame.insert(0, "condition", ["u", "v"] * (n_rows // 2))
    return frame


def write_three(*, index: bool = False, **renamed: str) -> list[str]:
    """Write train.csv, test.csv and synthetic.csv; return the arguments of ``score``."""
    sides = ("train", "test", "synthetic")
    for seed, side in enumerate(sides):
        rows_of(seed=seed).rename(columns=renamed).to_csv(f"{side}.csv", index=index, index_label="Unnamed: 0")
    return [word for side in sides for word in (f"--{side}", f"{side}.csv")]


def scores(tabgenbench: Call, capsys: Captured, *arguments: str) -> tuple[dict[str, float], str]:
    """Return the scores of ``score`` and what it writes to stderr."""
    assert tabgenbench("score", *arguments, "--json") == 0
    captured = capsys.readouterr()
    return {row["score"]: row["value"] for row in json.loads(captured.out)}, captured.err


def test_a_condition_called_label_runs_when_it_is_left_out(tabgenbench: Call, capsys: Captured) -> None:
    rows_of().rename(columns={"condition": "label"}).to_csv("mine.csv", index=False)
    names = ["real-resample", "condition-mvn", "condition-mean"]
    suite = f'datasets = ["mine.csv"]\ngenerators = {json.dumps(names)}\nmetrics = ["moments"]\nsplits = 1\ndraws = 1\n'
    Path("mine.toml").write_text(suite + '[split]\nleave_out = {label = ["v"]}\n')
    assert tabgenbench("run", "mine.toml", "--executor", "inline", "--device", "cpu") == 0
    assert "3 of 3 cells ok" in capsys.readouterr().err
    records = [json.loads(path.read_text()) for path in Path("store/cells").glob("*/fit.json")]
    rules = {fallback["rule"] for record in records for fallback in record["fallbacks"]}
    assert rules == {"nearest known condition: label=u"}
    assert all(record["fallbacks"][0]["condition"] == "label=v" for record in records)


def test_two_files_of_one_name_are_named_with_their_paths(tabgenbench: Call, capsys: Captured) -> None:
    for seed, folder in enumerate(("one", "two")):
        Path(folder).mkdir()
        rows_of(seed=seed).to_csv(f"{folder}/data.csv", index=False)
    arguments = ("run", "quickstart", "-d", "one/data.csv", "-g", "real-resample", *RUN)
    assert tabgenbench(*arguments, "-d", "two/data.csv") == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert "two of them are named 'data': one/data.csv and two/data.csv" in message
    assert "name=" in message
    assert not Path("store").exists()
    assert tabgenbench(*arguments, "-d", "two/data.csv:name=other") == 0
    assert "2 of 2 cells ok" in capsys.readouterr().err


@pytest.mark.parametrize("asked", ["T Stage ", "T Stage", "T Stage , T Stage"])
def test_a_condition_whose_name_ends_in_a_blank(tabgenbench: Call, capsys: Captured, asked: str) -> None:
    expected, _ = scores(tabgenbench, capsys, *write_three(), "--conditions", "condition", "-m", "moments")
    files = write_three(condition="T Stage ")
    assert scores(tabgenbench, capsys, *files, "--conditions", asked, "-m", "moments")[0] == expected
    assert tabgenbench("dataset", "describe", f"train.csv:conditions=[{asked}]", "--json") == 0
    assert json.loads(capsys.readouterr().out)["schema"]["conditions"] == ["T Stage "]


def test_a_condition_whose_name_has_a_comma(tabgenbench: Call, capsys: Captured) -> None:
    expected, _ = scores(tabgenbench, capsys, *write_three(), "--conditions", "condition", "-m", "moments")
    files = write_three(condition="a, b=c")
    assert scores(tabgenbench, capsys, *files, "--conditions", '"a, b=c"', "-m", "moments")[0] == expected


def test_a_condition_named_twice_counts_once(tabgenbench: Call, capsys: Captured) -> None:
    files = write_three()
    expected, _ = scores(tabgenbench, capsys, *files, "--conditions", "condition", "-m", "moments")
    assert scores(tabgenbench, capsys, *files, "--conditions", "condition,condition", "-m", "moments")[0] == expected
    doubled = "train.csv:conditions=[condition,condition]"
    assert tabgenbench("dataset", "describe", doubled, "--json") == 0
    assert json.loads(capsys.readouterr().out)["schema"]["conditions"] == ["condition"]
    assert tabgenbench("run", "quickstart", "-d", doubled, "-g", "real-resample", *RUN) == 0
    Path("card.toml").write_text('file = "train.csv"\nconditions = ["condition", "condition"]\n')
    assert tabgenbench("dataset", "describe", "card.toml") == 0


def test_the_index_of_pandas_is_no_feature(tabgenbench: Call, capsys: Captured) -> None:
    expected, _ = scores(tabgenbench, capsys, *write_three(), "--conditions", "condition", "-m", "gamma")
    files = write_three(index=True)
    found, said = scores(tabgenbench, capsys, *files, "--conditions", "condition", "-m", "gamma")
    assert found == expected
    assert said.count("note: sample ids: Unnamed: 0, the index that pandas has written") == 1
    ignored, _ = scores(
        tabgenbench, capsys, *files, "--conditions", "condition", "-m", "gamma", "--ignore", "Unnamed: 0"
    )
    assert ignored == expected
    assert tabgenbench("dataset", "describe", "train.csv") == 0
    described = capsys.readouterr().out
    assert "features: 3\n" in described
    assert "sample ids: Unnamed: 0" in described


def test_a_file_of_a_kind_that_is_not_read_exists(tabgenbench: Call, capsys: Captured) -> None:
    Path("mine.gct").write_text("#1.2\n1\t1\nName\tDescription\tS1\ng\tg\t1\n")
    assert tabgenbench("dataset", "describe", "mine.gct") == 2
    message = capsys.readouterr().err.strip()
    assert message.startswith("tabgenbench: mine.gct: exists, but is an unknown kind of file, expected one of .csv")
    assert "\n" not in message


def test_describe_says_what_ids_and_features_are_and_quotes_blanks(tabgenbench: Call, capsys: Captured) -> None:
    frame = rows_of(8)
    frame["condition"] = ["normal", "normal ", "Normal", "normal\xa0"] * 2
    frame.to_csv("mine.csv", index=False)
    assert tabgenbench("dataset", "describe", "mine.csv") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "sample ids: 1, 2, 3, ..." in lines
    assert "feature names: g0, g1, g2" in lines
    labels = {line.split("  ")[1].strip() for line in lines if line.strip().startswith("condition=")}
    assert labels == {"condition=normal", "condition='normal '", "condition=Normal", r"condition='normal\xa0'"}
    assert any("differ only in case or blanks" in line for line in lines)


def test_repeated_rows_are_counted_in_the_note(tabgenbench: Call, capsys: Captured) -> None:
    pd.concat([rows_of(12)] * 2).to_csv("mine.csv", index=False)
    assert tabgenbench("run", "quickstart", "-d", "mine.csv", "-g", "real-resample", *RUN) == 0
    assert "12 of 24 rows repeat an earlier row" in capsys.readouterr().err
    assert tabgenbench("leaderboard", "quickstart", "--out", "board", "--format", "md") == 0
    assert "12 of 24 rows repeat an earlier row" in Path("board/README.md").read_text()


def test_a_board_says_which_conditions_a_split_lacks(tabgenbench: Call, capsys: Captured) -> None:
    rows_of().assign(patient=["P1", "P2"] * 12).to_csv("mine.csv", index=False)
    run = ("run", "quickstart", "-d", "mine.csv", "-g", "real-resample", "-g", "shuffled", *RUN)
    assert tabgenbench(*run) == 0
    words = ("conditions without training rows: condition=", "conditions without test rows: condition=")
    said = capsys.readouterr().err
    assert all(text in said for text in words)
    assert tabgenbench("leaderboard", "quickstart", "--out", "board", "--format", "md") == 0
    line = next(line for line in Path("board/README.md").read_text().splitlines() if words[0] in line)
    assert line.startswith("- `split 0`: ")
    assert line.endswith("(every row)")
    assert words[1] in line


def test_whole_numbers_of_64_bits_and_unused_categories_in_h5ad(tabgenbench: Call, capsys: Captured) -> None:
    values = np.random.default_rng(0).poisson(3, (24, 3)).astype(np.int64)
    obs = pd.DataFrame(
        {"ct": pd.Categorical(["B", "T"] * 12, categories=["B", "NK", "T"])}, index=list(map(str, range(24)))
    )
    anndata.AnnData(values, obs=obs).write_h5ad("mine.h5ad")
    assert tabgenbench("dataset", "describe", "mine.h5ad:conditions=ct", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["scale"] == "counts"
    assert facts["conditions"] == [{"condition": "ct=B", "rows": 12}, {"condition": "ct=T", "rows": 12}]


@pytest.mark.slow
def test_ten_rows_of_one_feature(tabgenbench: Call, capsys: Captured) -> None:
    rows_of(10, 1).to_csv("mine.csv", index=False)
    generators = ("cvae:epochs=2", "ctgan:epochs=2", "tvae:epochs=2", "real-resample")
    asked = [word for name in generators for word in ("-g", name)]
    arguments = ("run", "quickstart", "-d", "mine.csv", *asked, "-m", "gamma", *RUN, "--device", "cpu")
    assert tabgenbench(*arguments) == 0
    assert "4 of 4 cells ok" in capsys.readouterr().err
    found = [json.loads(path.read_text()) for path in Path("store/cells").glob("*/scores/*.json")]
    undefined = [record["draws"][0]["undefined"] for record in found if record["metric"] == "gamma"]
    assert len(undefined) == 4
    assert all(reasons["gamma"] for reasons in undefined)


def test_odd_names_are_kept_up_to_the_board(tabgenbench: Call) -> None:
    frame = rows_of(40, 3)
    frame["condition"] = ["a, b=c", "../x", "50% <b>|x|</b>", "\u00e9"] * 10
    frame = frame.set_axis(["condition/ition: a,b=c", "\u57fa\u56e0", ",x=y", "1-Mar"], axis=1)
    frame.to_csv("odd.csv", index=False)
    Path("odd.toml").write_text('file = "odd.csv"\nconditions = ["condition/ition: a,b=c"]\n')
    assert tabgenbench("run", "quickstart", "-d", "odd.toml", "-g", "condition-mvn", "-g", "real-resample", *RUN) == 0
    assert tabgenbench("leaderboard", "quickstart", "--out", "board") == 0
    split = json.loads(next(Path("store").glob("splits/*/conditions.json")).read_text())
    assert split["columns"]["condition/ition: a,b=c"]["categories"] == sorted(set(frame["condition/ition: a,b=c"]))
