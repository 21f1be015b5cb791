from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

Call = Callable[..., int]


@pytest.fixture
def own_table(tmp_path: Path) -> Path:
    """A CSV file of 24 rows: an id, a condition, three features."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.gamma(2.0, 3.0, (24, 3)).round(3), columns=["g1", "g2", "g3"])
    frame.insert(0, "sample", [f"s{i}" for i in range(24)])
    frame.insert(1, "kind", ["a", "b"] * 12)
    path = tmp_path / "work" / "own.csv"
    frame.to_csv(path, index=False)
    return path


CARD = 'name = "own"\nfile = "own.csv"\nid = "sample"\nconditions = ["kind"]\nlog2p1 = true\n'


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "quickstart", "-g", "cvea"], ["unknown generator 'cvea'", "did you mean 'cvae'"]),
        (["run", "quickstart", "-g", "cvae:epoch=3"], ["'cvae'", "unknown option 'epoch'", "did you mean 'epochs'"]),
        (["run", "quickstart", "-g", "cvae:epochs=many"], ["'cvae'", "option 'epochs'", "'many'"]),
        (["run", "quickstart", "-g", "cvae:epochs"], ["'epochs'", "expected key=value"]),
        (["run", "quickstart", "-m", "gama"], ["unknown metric 'gama'", "did you mean 'gamma'"]),
        (["run", "quickstart", "-d", "wbdc"], ["unknown dataset 'wbdc'", "did you mean 'wdbc'"]),
        (["run", "quickstart", "-d", "rnaseqdb:gene=all"], ["unknown option 'gene'", "did you mean 'genes'"]),
        (["run", "quick"], ["unknown suite 'quick'"]),
        (["run", "missing.toml"], ["the file 'missing.toml' does not exist"]),
        (["run", "no/suite"], ["the file 'no/suite' does not exist"]),
        (["run", "quickstart", "--memory", "1G"], ["--memory", "'1G'", "a number of GiB above 0", "such as 1.5"]),
        (["run", "quickstart", "--memory", "0"], ["--memory", "'0'", "a number of GiB above 0"]),
        (["run", "quickstart", "-d", "wdbc", "-d", "wdbc"], ["two of them are named 'wdbc'", "list it once"]),
        (["run", "quickstart", *2 * ("-g", "shuffled")], ["generators: 'shuffled' is listed 2 times", "list it once"]),
        (
            ["run", "quickstart", "-g", "cvae:epochs=3", "-g", "cvae:epochs=03"],
            ["'cvae:epochs=3' is listed 2 times with equal options"],
        ),
        (["run", "quickstart", *2 * ("-m", "gamma")], ["metrics: 'gamma' is listed 2 times", "list it once"]),
        (["run", "quickstart", "--device", "cuda:7"], ["--device", "'cuda:7'", "--device cpu"]),
        (["run", "quickstart", "--device", "tpu"], ["--device", "'tpu'", "expected auto"]),
        (["run", "quickstart", "--store", "/proc/none"], ["--store", "/proc/none", "may write"]),
        (["run", "rnaseqdb", "--data-dir", "nowhere"], ["nowhere", "fetch rnaseqdb"]),
        (["run", "quickstart", "-d", "missing.csv"], ["missing.csv"]),
        (["run", "quickstart", "--splits", "0"], ["--splits", "0"]),
        (["leaderboard", "--store", "nowhere"], ["nowhere"]),
        (["status", "--store", "nowhere"], ["nowhere", "run one first"]),
        (["dataset", "fetch", "wdbc"], ["'wdbc'", "no files to download"]),
        (["score", "--train", "a.csv", "--test", "b.csv", "--synthetic", "c.csv"], ["a.csv"]),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(
    tabgenbench: Call, capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]
) -> None:
    before = sorted(Path().rglob("*"))
    assert tabgenbench(*arguments) == 2
    captured = capsys.readouterr()
    message = captured.err.strip().splitlines()[-1]
    assert all(word in message for word in words), message
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert sorted(Path().rglob("*")) == before


def test_a_condition_that_is_no_column_of_the_scored_tables(
    tabgenbench: Call, own_table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [word for side in ("train", "test", "synthetic") for word in (f"--{side}", str(own_table))]
    assert tabgenbench("score", *files, "--conditions", "kid", "-m", "moments") == 2
    assert "no column 'kid', given as a condition; did you mean 'kind'?" in capsys.readouterr().err
    assert tabgenbench("score", *files, "--conditions", "nope", "-m", "moments") == 2
    assert "no column 'nope', given as a condition; known: g1, g2, g3, kind" in capsys.readouterr().err


def test_a_read_only_store_is_left_alone(tabgenbench: Call, capsys: pytest.CaptureFixture[str]) -> None:
    Path("kept").mkdir(mode=0o555)
    assert tabgenbench("run", "quickstart", "-d", "wdbc", "--store", "kept") == 2
    assert "cannot write to kept" in capsys.readouterr().err
    assert not list(Path("kept").iterdir())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("s3,b", "s2,b"), ["'s2'"]),
        (lambda text: text.replace("g2", "g1"), ["'g1'"]),
        (lambda text: text.replace("\ns5,b,", "\ns5,b,high"), ["'g1'", "'s5'", "'high"]),
        (lambda text: text.replace("\ns5,b,", "\ns5,b,-"), ["'g1'", "'s5'", "-", "log2p1"]),
        (lambda text: text.replace("\ns5,b,", "\ns5,b,unknown\ns50,b,"), ["s5"]),
        (lambda text: text.partition("\n")[0] + "\n", ["own.csv"]),
    ],
)
def test_a_bad_table_names_row_and_column(
    tabgenbench: Call,
    own_table: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[str], str],
    words: list[str],
) -> None:
    own_table.write_text(change(own_table.read_text()))
    Path("own.toml").write_text(CARD)
    assert tabgenbench("run", "quickstart", "-d", "own.toml", "-g", "shuffled", "-m", "gamma") == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert all(word in message for word in words), message
    assert not Path("store").exists()


def test_an_own_table_runs_from_its_card(tabgenbench: Call, own_table: Path) -> None:
    Path("own.toml").write_text(CARD)
    arguments = ("run", "quickstart", "-d", "own.toml", "-g", "condition-mvn", "-m", "gamma", "--splits", "2")
    assert tabgenbench(*arguments, "--executor", "inline") == 0
    assert own_table.exists()
    assert len(list(Path("store").glob("cells/*/scores/*.json"))) == 2


def test_score_of_files_is_the_score_of_the_run(tabgenbench: Call, capsys: pytest.CaptureFixture[str]) -> None:
    from tabgenbench.data.h5ad import read_table
    from tabgenbench.store.store import Store

    metrics = ("-m", "gamma", "-m", "gamma-by-condition", "-m", "moments", "-m", "dendrogram", "-m", "pca-separability")
    arguments = ("run", "quickstart", "-d", "simulated-tissues", "-g", "condition-mvn", "--splits", "1", "--draws", "1")
    assert tabgenbench(*arguments, *metrics, "--executor", "inline") == 0
    store = Store(Path("store"))
    record = next(store.cells())
    folder = store.split_folder(record.cell.split_fingerprint)
    paths = {"train": folder / "train.h5ad", "test": folder / "test.h5ad", "synthetic": store.draw_path(record.key, 0)}
    for side, path in paths.items():
        read_table(path).to_frame().drop(columns="donor", errors="ignore").to_csv(f"{side}.csv")
    files = [word for side in paths for word in (f"--{side}", f"{side}.csv")]
    capsys.readouterr()
    assert tabgenbench("score", *files, *metrics, "--conditions", "tissue,status", "--json") == 0
    found = {row["score"]: row["value"] for row in json.loads(capsys.readouterr().out)}
    suite = store.read_suite("quickstart")
    assert suite is not None
    for key in suite.rows[0].scores.values():
        score = store.read_score(record.key, key)
        assert score is not None
        for name, value in score.draws[0].scores.items():
            assert found[name] == pytest.approx(value, abs=1e-5), name


def test_list_names_everything_as_json(tabgenbench: Call, capsys: pytest.CaptureFixture[str]) -> None:
    assert tabgenbench("list", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert {"cvae", "condition-mvn", "truth"} <= {row["name"] for row in found["generators"]}
    assert {"quickstart", "rnaseqdb"} <= {row["name"] for row in found["suites"]}


def test_list_names_plugins_whose_packages_are_missing(
    tabgenbench: Call, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = {"forest": ("ForestDiffusion",), "singlecell": ("scvi-tools",)}
    monkeypatch.setattr("tabgenbench.commands.list.missing_packages", lambda extra: missing.get(extra, ()))
    assert tabgenbench("list", "generators") == 0
    found = [line for line in capsys.readouterr().out.splitlines() if "not installed" in line]
    assert found == [
        "  forest-flow is not installed; run: pip install 'tabgenbench[forest]'",
        "  harmony is not installed; run: pip install 'tabgenbench[singlecell]'",
        "  scanvi is not installed; run: pip install 'tabgenbench[singlecell]'",
        "  scvi is not installed; run: pip install 'tabgenbench[singlecell]'",
    ]


def test_describe_prints_json(tabgenbench: Call, capsys: pytest.CaptureFixture[str]) -> None:
    assert tabgenbench("dataset", "describe", "wdbc", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["rows"], facts["features"]) == (569, 30)


@pytest.mark.slow
def test_doctor_is_content(tabgenbench: Call, capsys: pytest.CaptureFixture[str]) -> None:
    assert tabgenbench("plugin", "doctor") == 0
    assert "tabgenbench:plugins" in capsys.readouterr().out


def test_a_terminated_run_leaves_a_clean_store(tmp_path: Path) -> None:
    """SIGTERM ends the run with status 130, and the same command resumes it."""
    command = [
        sys.executable,
        "-c",
        "from tabgenbench.commands.cli import main; main()",
        "run",
        "quickstart",
        "-d",
        "wdbc",
    ]
    command += ["-g", "cvae:epochs=100000", "-m", "gamma", "--splits", "1", "--threads", "1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "0 done before" in line:
                break
        process.terminate()
        error = process.stderr.read()
        assert process.wait(timeout=60) == 130
    assert "repeat the command to resume" in error
    assert not list((tmp_path / "store" / "tmp").iterdir())
    assert not list((tmp_path / "store").glob("cells/*/fit.json"))


@pytest.mark.parametrize("line", ["loading wdbc", pytest.param("569 rows", marks=pytest.mark.slow)])
@pytest.mark.parametrize("flags", [(), ("--dry-run",)], ids=["run", "dry run"])
def test_a_run_terminated_before_its_first_cell_leaves_no_temporary_file(
    tmp_path: Path, line: str, flags: tuple[str, ...]
) -> None:
    """Also after two signals, while the fork server is running and may still be importing."""
    temporary = tmp_path / "t"
    temporary.mkdir()
    command = [
        sys.executable,
        "-c",
        "from tabgenbench.commands.cli import main; main()",
        "run",
        "quickstart",
        "-d",
        "wdbc",
    ]
    command += ["-g", "cvae:epochs=100000", "-m", "gamma", "--splits", "1", "--threads", "1", *flags]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        for said in process.stderr:
            if line in said:
                break
        process.terminate()
        process.terminate()
        error = process.stderr.read()
        assert process.wait(timeout=60) == 130
    assert "repeat the command to resume" in error
    assert "Traceback" not in error
    assert list(temporary.iterdir()) == []
    assert not list((tmp_path / "store").glob("tmp/*"))
