from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest

import tabgenbench
from tabgenbench import ConfigError, DataError, MemorySource, PluginError, TabGenBenchError

CELL = '''
import numpy as np
from pydantic import Field
from tabgenbench import Card, Generator, Metric, Options, Result, ScoreSpec

SHIFT = 0.5


def shifted(values):
    return values + SHIFT


class Noise(Generator):
    """Training rows with noise."""

    name = "noise"
    card = Card(summary="training rows with noise")

    class Config(Options):
        sd: float = Field(0.1, ge=0, description="standard deviation")

    def fit(self, train, validation, context):
        self.train = train

    def sample(self, conditions, context):
        rows = context.numpy.integers(0, self.train.n_rows, len(conditions))
        noise = context.numpy.normal(0, self.config.sd, (len(conditions), self.train.n_features))
        return self.train.like(shifted(self.train.dense()[rows]) + noise, conditions)


class Broken(Noise):
    name = "broken"

    def fit(self, train, validation, context):
        raise ValueError("cannot learn this")


class Level(Metric):
    """Mean of the synthetic rows."""

    name = "level"
    scores = (ScoreSpec(name="level", direction="lower", description="mean of the synthetic rows"),)

    def compute(self, evaluation, context):
        return Result({"level": float(evaluation.synthetic.dense().mean())})


class Fails(Level):
    name = "fails"
    scores = (ScoreSpec(name="failing", direction="lower"),)

    def compute(self, evaluation, context):
        raise RuntimeError("cannot compute this")
'''


def run_cell(source: str = CELL) -> dict[str, Any]:
    """Return the names that a notebook cell defines, in the namespace of ``__main__`` and without a source file."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(source, "<cell>", "exec"), namespace)
    return namespace


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """80 rows with four features and a condition of two values."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(rng.normal(size=(80, 4)), columns=list("wxyz")).assign(label=["a", "b"] * 40)


@pytest.fixture
def benchmark(frame: pd.DataFrame) -> Callable[..., Any]:
    """`tabgenbench.benchmark` on the frame, with small settings and a fixed number of threads."""

    def call(datasets: Any = None, generators: Any = "shuffled", **options: Any) -> Any:
        defaults: dict[str, Any] = {"metrics": "moments", "splits": 1, "draws": 1, "executor": "inline"}
        return tabgenbench.benchmark(frame if datasets is None else datasets, generators, **{**defaults, **options})

    return call


def trained(store: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in store.glob("cells/*/fit.json")}


@pytest.mark.parametrize("engine", ["inline", pytest.param("local", marks=pytest.mark.slow)])
def test_classes_of_a_notebook_go_from_a_frame_to_a_board_and_train_again_when_they_change(
    benchmark: Callable[..., Any], tmp_path: Path, frame: pd.DataFrame, engine: str
) -> None:
    cell, store = run_cell(), tmp_path / "store"
    same: dict[str, Any] = {"splits": 2, "threads": 1, "store": store, "executor": engine}
    noise = cell["Noise"]
    generators = [noise, noise(noise.Config(sd=2.0)), "shuffled"]
    board = benchmark({"mine": frame}, generators, metrics=[cell["Level"], "moments"], **same)
    scores = board.scores
    assert set(scores["dataset"]) == {"mine"}
    assert set(scores["generator"]) == {"noise", "shuffled"}
    assert set(scores["split"]) == {0, 1}
    levels = scores.loc[(scores["score"] == "level") & (scores["generator"] == "noise"), "value"]
    assert (levels > 0.2).all()
    assert len(board.table()) == 3
    before = trained(store)
    assert len(before) == 6

    again = run_cell()["Noise"]
    second = benchmark({"mine": frame.copy()}, [again, again(again.Config(sd=2.0)), "shuffled"], **same)
    assert trained(store) == before
    assert len(second.table()) == 3

    edited = run_cell(CELL.replace("SHIFT = 0.5", "SHIFT = 0.0"))["Noise"]
    benchmark({"mine": frame}, [edited, "shuffled"], **same)
    after = trained(store)
    assert before.items() <= after.items()
    assert len(after) == 8


def test_a_temporary_store_lives_as_long_as_the_board(
    benchmark: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    board = benchmark()
    [store] = tmp_path.glob("tabgenbench-store-*")
    assert trained(store)
    assert len(board.save(tmp_path / "saved")) > 1
    del board
    gc.collect()
    assert not store.exists()


def test_a_failed_cell_raises_nothing_and_is_named(
    benchmark: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    cell = run_cell()
    board = benchmark(None, [cell["Broken"], "shuffled"], metrics=["moments", cell["Fails"]])
    scores = board.scores.set_index(["generator", "metric"]).sort_index()
    assert (scores.loc[("shuffled", "moments"), "status"] == "ok").all()
    assert scores.loc[("shuffled", "fails"), "status"].tolist() == ["failed"]
    assert (scores.loc["broken", "reason"] == "ValueError: cannot learn this").all()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "not ok: broken · table · split 0 · seed 0: failed: ValueError: cannot learn this" in captured.err
    assert "metric fails: failed: draw 0: RuntimeError: cannot compute this" in captured.err
    assert "cannot learn this" in board._repr_html_()


def test_nothing_that_succeeds_is_an_error_with_the_traceback(
    benchmark: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    cell = run_cell()
    with pytest.raises(
        TabGenBenchError, match=r"no cell of 1 has a score: broken .*: ValueError: cannot learn"
    ) as found:
        benchmark(None, cell["Broken"])
    assert 'raise ValueError("cannot learn this")' in found.value.__notes__[0] or "in fit" in found.value.__notes__[0]
    with pytest.raises(TabGenBenchError, match="metric fails: failed: draw 0: RuntimeError: cannot compute this"):
        benchmark(None, "shuffled", metrics=cell["Fails"])
    assert not list(tmp_path.glob("tabgenbench-store-*"))


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        ((None, "cvea"), {}, ConfigError, "unknown generator 'cvea'; did you mean 'cvae'"),
        ((None, 3), {}, ConfigError, "generators: got 3, expected a name such as"),
        (
            (None, MemorySource),
            {},
            PluginError,
            "MemorySource is not a Generator; derive it from tabgenbench.Generator",
        ),
        ((None, []), {}, ConfigError, "generators: got none"),
        ((None, []), {"suite": "quickstart"}, ConfigError, "generators: got none"),
        ((None,), {"metrics": []}, ConfigError, "metrics: got none"),
        (([],), {}, ConfigError, "datasets: got none"),
        (([1, 2],), {}, DataError, "dataset 'table': got builtins.int, expected a pandas.DataFrame"),
        (("wbdc",), {}, ConfigError, "unknown dataset 'wbdc'; did you mean 'wdbc'"),
        (("missing.csv",), {}, DataError, "missing.csv: no such file"),
        (("wdbc",), {"conditions": "label"}, ConfigError, "conditions: only DataFrames, AnnData objects and paths"),
        (({"mine": "wdbc"},), {}, ConfigError, "'mine' stands for 'wdbc', which has a name"),
        ((None,), {"conditions": "labe"}, DataError, "dataset 'table': no column 'labe'.*did you mean 'label'"),
        ((None,), {"scale": "log"}, ConfigError, "option 'scale': got 'log'"),
        ((None,), {"splits": 0}, ConfigError, "benchmark: option 'splits': got 0"),
        ((None,), {"split": {"test_size": 0.3}}, ConfigError, "split: unknown option 'test_size'"),
        ((None,), {"metrics": "gama"}, ConfigError, "unknown metric 'gama'; did you mean 'gamma'"),
        ((None,), {"suite": "quickstrat"}, ConfigError, "unknown suite 'quickstrat'; did you mean 'quickstart'"),
        ((None,), {"name": "a/b"}, ConfigError, "name: got 'a/b', expected letters"),
        ((None,), {"device": "tpu"}, TabGenBenchError, "'tpu', expected auto"),
        ((None,), {"executor": "inlin"}, ConfigError, "unknown engine 'inlin'; did you mean 'inline'"),
        ((None,), {"memory": "1G"}, ConfigError, "--memory: got '1G', expected a number of GiB above 0"),
        ((None,), {"timeout": -1}, ConfigError, "--timeout: got -1, expected a number of seconds above 0"),
        ((None,), {"timeout": 5.0}, ConfigError, "--executor inline: runs one cell at a time in this process"),
    ],
)
def test_what_does_not_fit_is_one_sentence_and_writes_nothing(
    benchmark: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    error: type[Exception],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words):
        benchmark(*arguments, store="store", **options)
    assert not list(tmp_path.iterdir())


def test_a_table_has_one_name_and_a_name_one_table(benchmark: Callable[..., Any], frame: pd.DataFrame) -> None:
    with pytest.raises(ConfigError, match="two of them are named 'table'; give each its own name, or list it once"):
        benchmark([frame, frame.assign(w=0.5)])
    with pytest.raises(ConfigError, match="'one' and 'other' are the same table; list it once"):
        benchmark({"one": frame, "other": frame.copy()})


def test_every_kind_of_dataset_can_be_given(benchmark: Callable[..., Any], frame: pd.DataFrame, tmp_path: Path) -> None:
    features = list("wxyz")
    (2 * frame[features]).assign(label=frame["label"]).to_csv(tmp_path / "file.csv", index=False)
    frame[:60].to_csv(tmp_path / "other.csv", index=False)
    adata = anndata.AnnData(
        X=frame[features].to_numpy(np.float32),
        obs=frame[["label"]].set_axis(frame.index.astype(str)),
        var=pd.DataFrame(index=features),
    )
    held = MemorySource(frame[20:], name="held", conditions="label")
    named = {"frame": frame, "adata": adata, "path": tmp_path / "file.csv", "text": str(tmp_path / "other.csv")}
    moments = benchmark(named, conditions=["label"]).scores.pivot_table(
        index="score", columns="dataset", values="value"
    )
    assert set(moments.columns) == set(named)
    pd.testing.assert_series_equal(moments["frame"], moments["path"], check_names=False, atol=1e-5)
    listed = [held, "wdbc", tmp_path / "other.csv"]
    assert set(benchmark(listed).scores["dataset"]) == {"held", "wdbc", "other"}


def test_a_suite_can_be_the_start(benchmark: Callable[..., Any], tmp_path: Path) -> None:
    suite = tmp_path / "own.toml"
    lists = {"datasets": ["wdbc"], "generators": ["shuffled", "condition-mean"], "metrics": ["moments"]}
    suite.write_text(
        "splits = 1\ndraws = 1\n" + "".join(f"{name} = {json.dumps(one)}\n" for name, one in lists.items())
    )
    board = tabgenbench.benchmark(suite=suite, generators="shuffled", executor="inline", store=tmp_path / "store")
    assert set(board.scores["generator"]) == {"shuffled"}
    assert set(board.scores["dataset"]) == {"wdbc"}
    assert [path.stem for path in (tmp_path / "store" / "suites").iterdir()] == ["own"]


def test_score_gives_what_the_command_gives(
    frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tabgenbench.commands.cli import main

    monkeypatch.chdir(tmp_path)
    tables = {"train": frame[:40], "test": frame[40:60], "synthetic": frame[60:]}
    for side, table in tables.items():
        table.to_csv(f"{side}.csv", index=False)
    found = tabgenbench.score(*tables.values(), conditions=["label"], metrics=["gamma", "moments"], seed=3)
    files = tabgenbench.score(
        *(f"{side}.csv" for side in tables), conditions="label", metrics=["gamma", "moments"], seed=3
    )
    pd.testing.assert_frame_equal(found, files)
    arguments = [word for side in tables for word in (f"--{side}", f"{side}.csv")]
    with pytest.raises(SystemExit) as ended:
        main(["score", *arguments, "--conditions", "label", "-m", "gamma", "-m", "moments", "--seed", "3", "--json"])
    assert not ended.value.code
    pd.testing.assert_frame_equal(found, pd.DataFrame(json.loads(capsys.readouterr().out)))


def test_score_takes_a_metric_of_a_notebook(frame: pd.DataFrame) -> None:
    cell = run_cell()
    found = tabgenbench.score(
        frame[:40], frame[40:60], frame[60:], conditions="label", metrics=[cell["Level"], cell["Fails"]]
    )
    assert found["status"].tolist() == ["ok", "failed"]
    assert found["value"].isna().tolist() == [False, True]
    with pytest.raises(
        TabGenBenchError, match="no metric returned a score: fails: failed: RuntimeError: cannot compute"
    ):
        tabgenbench.score(frame[:40], frame[40:60], frame[60:], conditions="label", metrics=cell["Fails"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda frame: frame.drop(columns="w"), "synthetic: has no column 'w'"),
        (lambda frame: frame.assign(v=1.0), "synthetic: has a column 'v' that is not in the training rows"),
        (lambda frame: frame.to_numpy(), "synthetic: got numpy.ndarray, expected a pandas.DataFrame"),
    ],
)
def test_score_says_what_is_wrong_with_a_table(
    frame: pd.DataFrame, change: Callable[[pd.DataFrame], Any], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        tabgenbench.score(frame[:40], frame[40:60], change(frame[60:]), conditions="label", metrics="moments")


SCRIPT = """
import os
import tabgenbench

print("started", flush=True)
{cell}
class Held(Noise):
    name = "held"
    lock = __import__("threading").Lock()

board = tabgenbench.benchmark("wdbc", Noise, metrics=Level, splits=1, draws=1, threads=1)
print(len(board.table()), "generator")
try:
    tabgenbench.benchmark("wdbc", Held, metrics=Level, splits=1)
except tabgenbench.PluginError as error:
    print(error)
"""


@pytest.mark.slow
def test_a_script_needs_no_guard(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(cell=CELL))
    done = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == ["started", "1 generator"]
    assert lines[2].startswith("plugin 'held': its class cannot be sent to another process (TypeError: cannot pickle")


def test_the_module_is_the_command_line(tmp_path: Path) -> None:
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tabgenbench", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)

    assert call("--version").stdout.strip() == f"tabgenbench, version {tabgenbench.__version__}"
    wrong = call("run", "quickstrat")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("tabgenbench: unknown suite 'quickstrat'; did you mean 'quickstart'")
