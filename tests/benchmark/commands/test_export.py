"""A user's table, from a CSV to a synthetic CSV, Parquet or h5ad file."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tabgenbench as public
from tabgenbench import ConfigError, FileSource

Call = Callable[..., int]
GENERATORS = '''
"""Generators of mixed tables: training rows, and independent columns that can be saved."""

import numpy as np
import pandas as pd
from tabgenbench import Card, Generator, hookimpl, load_arrays, save_arrays


class Rows(Generator):
    name, card, is_control, makes = "rows", Card("training rows at random"), False, ("numeric", "categorical")

    def fit(self, train, validation, context):
        self.train = train
        context.report(1, 1, loss=0.5)

    def sample(self, conditions, context):
        rows = self.train.take(context.numpy.integers(0, self.train.n_rows, len(conditions)))
        return self.train.like(rows.dense().copy(), conditions, rows.categories)


class Kept(Rows):
    name, card = "kept", Card("the values of training rows, drawn for each column")

    def fit(self, train, validation, context):
        self.template, self.values = train.take([]), train.dense().copy()
        self.labels = {name: train.obs[name].astype(str).tolist() for name in train.schema.categorical_features}

    def sample(self, conditions, context):
        n = len(conditions)
        rows = context.numpy.integers(0, len(self.values), (n, 1))
        labels = {name: np.array(values)[rows[:, 0]] for name, values in self.labels.items()}
        return self.template.like(self.values[rows[:, 0]], conditions, pd.DataFrame(labels, index=conditions.index))

    def save(self, folder):
        save_arrays(folder, {"values": self.values}, self.labels)

    @classmethod
    def load(cls, folder, config, *, template, device):
        made = cls(config)
        arrays, made.labels = load_arrays(folder)
        made.values, made.template = arrays["values"], template
        return made


class Unsaved(Kept):
    name, card = "unsaved", Card("cannot save")

    def save(self, folder):
        (folder / "half").write_text("x")
        raise ValueError("no room")


class Once(Rows):
    name, card = "once", Card("trains once, then fails")

    def fit(self, train, validation, context):
        import pathlib
        pathlib.Path(__file__).with_name("fitted").open("x").close()
        super().fit(train, validation, context)


class Plugin:
    @hookimpl
    def register_generators(self):
        return [Rows, Kept, Unsaved, Once]
'''


def clinic() -> pd.DataFrame:
    """A table with an id, dates, numbers, whole numbers, categories, true / false, gaps, constants and a condition."""
    rng, n = np.random.default_rng(0), 120
    frame = pd.DataFrame(
        {
            "patient key": [f"P{i:04d}" for i in range(n)],
            "visit": (pd.Timestamp("2021-03-01") + pd.to_timedelta(rng.integers(0, 300, n), "D")).strftime("%d/%m/%Y"),
            "age": rng.integers(20, 90, n),
            "weight": np.round(rng.normal(70, 10, n), 1),
            "children": pd.array(rng.integers(0, 5, n), dtype="Int64"),
            "smoker": rng.random(n) < 0.3,
            "region": rng.choice(["north", "south", "east, far"], n),
            "country": "NL",
            "dose": 7,
            "note": "",
            "status": rng.choice(["normal", "ill"], n, p=[0.75, 0.25]),
        }
    )
    frame.loc[rng.random(n) < 0.15, "children"] = pd.NA
    frame.loc[rng.random(n) < 0.1, "weight"] = np.nan
    frame.loc[rng.random(n) < 0.1, "region"] = None
    return frame


@pytest.fixture
def table(plugin_module: Path, tabgenbench: Call) -> pd.DataFrame:
    """The table in ``clinic.csv``, and a run of generators on it in ``store``; returns the table as pandas reads it."""
    plugin_module.write_text(GENERATORS)
    clinic().to_csv("clinic.csv", index=False)
    return pd.read_csv("clinic.csv")


def run(tabgenbench: Call, *generators: str, options: tuple[str, ...] = (), data: str = "clinic.csv") -> None:
    names = [part for name in generators for part in ("-g", name)]
    fixed = ("--splits", "1", "--draws", "2", "-m", "moments", "--executor", "inline")
    assert tabgenbench("run", "quickstart", "-d", data, *names, *fixed, *options) == 0


def export(tabgenbench: Call, *options: str, out: str = "out.csv") -> int:
    return tabgenbench("export", *options, "--out", out, "--executor", "inline")


def files() -> dict[str, str]:
    """Return the hash of every file of the store."""
    paths = (path for path in Path("store").rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def cell_of(generator: str) -> Path:
    [found] = [
        path.parent
        for path in Path("store").glob("cells/*/fit.json")
        if json.loads(path.read_text())["cell"]["generator"] == generator
    ]
    return found


def test_a_csv_has_the_form_of_the_input(
    table: pd.DataFrame, tabgenbench: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tabgenbench, "rows")
    before = files()
    capsys.readouterr()
    assert export(tabgenbench, "-g", "rows", "-d", "clinic.csv", "--draw", "1") == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"out.csv: {len(pd.read_csv('out.csv'))} rows x 10 columns, draw 1, rows · clinic")
    assert "left out, because no generator makes them: patient key (id)" in said.err
    made = pd.read_csv("out.csv")
    real = table.drop(columns="patient key")
    assert list(made.columns) == list(real.columns)
    assert made.dtypes.to_dict() == real.dtypes.to_dict()
    for name in ("region", "status", "smoker", "children", "country", "dose"):
        assert set(made[name].dropna()) == set(real[name].dropna())
    assert set(made["visit"]) <= set(real["visit"])
    assert made["weight"].isna().any()
    assert set(made["weight"].dropna()) <= set(real["weight"])  # with the digits of the file
    assert set(pd.read_csv("out.csv", dtype=str)["children"].dropna()) == set("01234")
    assert made["note"].isna().all()
    assert files() == before


def test_parquet_keeps_every_type(tabgenbench: Call, table: pd.DataFrame) -> None:
    frame = clinic().drop(columns=["note", "patient key"])
    frame["visit"] = pd.to_datetime(frame["visit"], format="%d/%m/%Y")
    frame["region"] = frame["region"].astype("category")
    frame["age"] = frame["age"].astype("uint8")
    frame["weight"] = frame["weight"].astype("float32")
    frame["smoker"] = frame["smoker"].astype(object).where(frame["age"] > 25, None)
    frame["at"] = frame["visit"].dt.tz_localize("Europe/Amsterdam") + pd.to_timedelta(frame["age"], "h")
    frame.to_parquet("clinic.parquet", index=False)
    run(tabgenbench, "rows", data="clinic.parquet")
    assert export(tabgenbench, out="out.parquet") == 0
    real, made = pd.read_parquet("clinic.parquet"), pd.read_parquet("out.parquet")
    assert made.dtypes.astype(str).to_dict() == real.dtypes.astype(str).to_dict()
    for name in ("age", "weight", "region", "smoker", "children", "visit", "at"):
        assert set(made[name].dropna()) <= set(real[name].dropna())
        assert made[name].isna().any() == real[name].isna().any()


def test_h5ad_has_the_roles_of_the_input(tabgenbench: Call, table: pd.DataFrame) -> None:
    run(tabgenbench, "rows")
    assert export(tabgenbench, out="out.h5ad") == 0
    real, made = (FileSource.from_path(Path(name)).load() for name in ("clinic.csv", "out.h5ad"))
    assert (made.features, made.schema, made.scale) == (real.features, real.schema, real.scale)
    assert np.isnan(made.dense()).any()
    for j, name in enumerate(made.features):
        values, known = made.dense()[:, j], real.dense()[:, j]
        assert np.isin(values[np.isfinite(values)].round(3), known[np.isfinite(known)].round(3)).all(), name
    for name in real.schema.categorical_features:
        assert set(made.obs[name]) <= set(real.obs[name])


def test_text_files_of_every_kind_are_read_again(tabgenbench: Call, table: pd.DataFrame) -> None:
    run(tabgenbench, "rows")
    for suffix in (".tsv", ".txt", ".csv.gz"):
        outs = [f"{name}{suffix}" for name in ("one", "two")]
        for out in outs:
            assert export(tabgenbench, out=out) == 0
        assert Path(outs[0]).read_bytes() == Path(outs[1]).read_bytes()
        assert "visit" in FileSource.from_path(Path(outs[0])).load().features


def test_new_rows_of_a_kept_model(tabgenbench: Call, table: pd.DataFrame, capsys: pytest.CaptureFixture[str]) -> None:
    run(tabgenbench, "kept", "rows")
    before = files()
    assert export(tabgenbench, "-g", "kept", "--rows", "300") == 0
    said = capsys.readouterr()
    assert "300 rows x 10 columns, new rows of the kept model" in said.out
    assert "training again" not in said.err
    made = pd.read_csv("out.csv")
    assert len(made) == 300
    share = (made["status"] == "ill").mean()
    assert abs(share - (table["status"] == "ill").mean()) < 0.05
    first = Path("out.csv").read_bytes()
    assert export(tabgenbench, "-g", "kept", "--rows", "300", "--overwrite") == 0
    assert Path("out.csv").read_bytes() == first
    assert export(tabgenbench, "-g", "kept", "--rows", "300", "--draw", "1", "--overwrite") == 0
    assert Path("out.csv").read_bytes() != first
    assert export(tabgenbench, "-g", "kept", "--rows", "40", "--condition", "status=ill", "--overwrite") == 0
    assert set(pd.read_csv("out.csv")["status"]) == {"ill"}
    assert files() == before


def test_a_kept_model_gives_the_rows_of_the_run(tabgenbench: Call, table: pd.DataFrame) -> None:
    run(tabgenbench, "kept")
    assert export(tabgenbench, "--draw", "1", out="stored.csv") == 0
    shutil.rmtree(cell_of("kept") / "synthetic")
    assert export(tabgenbench, "--draw", "1", out="again.csv") == 0
    shutil.rmtree(cell_of("kept") / "model")
    assert export(tabgenbench, "--draw", "1", out="trained.csv") == 0
    stored = Path("stored.csv").read_bytes()
    assert Path("again.csv").read_bytes() == stored
    assert Path("trained.csv").read_bytes() == stored


def test_without_a_model_the_generator_is_trained_again(
    tabgenbench: Call, table: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    def is_trained_again(generator: str, reason: str) -> bool:
        capsys.readouterr()
        assert export(tabgenbench, "-g", generator, "--rows", "20", "--overwrite") == 0
        said = capsys.readouterr()
        words = (f"{reason}; training again with the same seed and options", "new rows of the model trained again")
        return words[0] in said.err and words[1] in said.out

    run(tabgenbench, "rows", "unsaved", "kept")
    assert [(cell_of(name) / "model").is_dir() for name in ("rows", "unsaved", "kept")] == [False, False, True]
    assert is_trained_again("rows", "generator 'rows' cannot be saved")
    assert is_trained_again("unsaved", "save() raised ValueError: no room")
    (cell_of("kept") / "model" / "facts.json").write_text("{")
    assert is_trained_again("kept", "is not as it was written")
    shutil.rmtree(cell_of("kept") / "model")
    assert is_trained_again("kept", "the kept model was removed")
    shutil.rmtree("store")
    run(tabgenbench, "kept", options=("--no-keep-models",))
    assert is_trained_again("kept", "models were not kept (--no-keep-models)")


def test_a_model_that_cannot_be_loaded_is_passed_over(
    tabgenbench: Call, table: pd.DataFrame, plugin_module: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tabgenbench, "kept")
    text = plugin_module.read_text().replace('arrays["values"], template', 'arrays["renamed"], template')
    plugin_module.write_text(text)
    del sys.modules[plugin_module.stem]
    assert export(tabgenbench, "--rows", "20") == 0
    said = capsys.readouterr()
    assert "the kept model gives no rows: failed: KeyError" in said.err
    assert "trained again" in said.out


def test_models_above_the_limit_are_not_kept_by_default(
    tabgenbench: Call, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tabgenbench.run.state.MODEL_BYTES", 100)
    run(tabgenbench, "kept")
    record = json.loads((cell_of("kept") / "fit.json").read_text())
    assert "--keep-models keeps it" in record["no_model"]
    assert not (cell_of("kept") / "model").exists()
    shutil.rmtree("store")
    run(tabgenbench, "kept", options=("--keep-models",))
    record = json.loads((cell_of("kept") / "fit.json").read_text())
    assert sorted(record["model_hashes"]) == ["arrays.safetensors", "facts.json"]
    assert record["no_model"] == ""


def test_models_do_not_change_scores(tabgenbench: Call, table: pd.DataFrame) -> None:
    found = []
    for options in (("--keep-models", "--store", "a"), ("--no-keep-models", "--store", "b")):
        run(tabgenbench, "kept", options=options)
        paths = sorted(Path(options[2]).glob("cells/*/scores/*.json"))
        found.append({str(path.relative_to(options[2])): path.read_bytes() for path in paths})
    assert found[0] == found[1]
    assert found[0]


def test_a_generator_that_fails_is_reported(
    tabgenbench: Call, table: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tabgenbench, "once")
    assert export(tabgenbench, "--rows", "20") == 1
    assert "not ok: once · clinic · split 0 · seed 0: failed: FileExistsError" in capsys.readouterr().err
    assert not Path("out.csv").exists()


def test_bad_input_is_refused_in_a_sentence(
    tabgenbench: Call, table: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tabgenbench, "kept", "rows")
    Path("there.csv").write_text("mine")
    Path("closed").mkdir(mode=0o500)
    cases: list[tuple[tuple[str, ...], str, str]] = [
        (("-g", "kept"), "out.doc", "unknown kind of file, expected one of .csv"),
        (("-g", "kept"), "there.csv", "there.csv: already exists; choose another name, or add --overwrite"),
        (("-g", "kept"), "closed", "closed: unknown kind of file"),
        (("-g", "kept"), "closed/out.csv", "cannot write to"),
        (("-g", "kept"), "no/out.csv", "there is no folder no; create it first"),
        (("-g", "kept", "--store", "nowhere"), "out.csv", "nowhere contains no cells, expected the store of a run"),
        (("-g", "kpet"), "out.csv", "-g: the store has no cell of 'kpet'; did you mean 'kept'?"),
        ((), "out.csv", "-g: missing, and the store has 'kept', 'rows'; name one"),
        (("-g", "kept", "-d", "other"), "out.csv", "-d: the store has no cell of 'other'"),
        (("-g", "kept", "--split", "3"), "out.csv", "--split: got 3, the store has kept with split 0"),
        (("-g", "kept", "--draw", "2"), "out.csv", "the cell has draws 0 to 1; add --rows"),
        (("zz",), "out.csv", "CELL: no cell has the key 'zz'; known: "),
        (("zz", "-g", "kept"), "out.csv", "give either the cell or these"),
        (("-g", "kept", "--condition", "status=ill"), "out.csv", "--condition: needs --rows"),
        (("-g", "kept", "--rows", "5", "--condition", "status"), "out.csv", "got 'status', expected COLUMN=VALUE"),
        (("-g", "kept", "--rows", "5", "--condition", "statis=x"), "out.csv", "did you mean 'status'?"),
        (("-g", "kept", "--rows", "5", "--condition", "status=il"), "out.csv", "no training row has status=il; did"),
    ]
    for options, out, words in cases:
        capsys.readouterr()
        assert export(tabgenbench, *options, out=out) == 2, options
        said = capsys.readouterr()
        assert words in said.err, options
        assert len(said.err.strip().splitlines()) == 1
        assert not said.out
    assert Path("there.csv").read_text() == "mine"
    assert not Path("out.csv").exists()


def test_a_cell_is_found_by_key_prefix_and_title(
    tabgenbench: Call, table: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tabgenbench, "kept", "rows")
    keys = [cell_of(name).name for name in ("kept", "rows")]
    n_shared = next(i for i, pair in enumerate(zip(*keys, strict=True)) if pair[0] != pair[1])
    for i, cell in enumerate((keys[0], keys[0][: n_shared + 1], "kept · clinic · split 0 · seed 0")):
        assert export(tabgenbench, cell, out=f"{i}.csv") == 0
        assert keys[0] in capsys.readouterr().out
    twin = Path("store", "cells", keys[0][:-1] + ("0" if keys[0][-1] != "0" else "1"))
    shutil.copytree(cell_of("kept"), twin)
    record = json.loads((twin / "fit.json").read_text())
    (twin / "fit.json").write_text(json.dumps({**record, "key": twin.name}))
    assert export(tabgenbench, keys[0][:-1]) == 2
    assert f"2 cells have keys that begin with {keys[0][:-1]!r}" in capsys.readouterr().err
    assert export(tabgenbench, twin.name, "--rows", "5", out="twin.csv") == 0
    assert "the code of 'kept', the device or the number of threads differs" in capsys.readouterr().err
    assert export(tabgenbench, "-g", "kept", "-d", "clinic") == 0
    assert "2 cells are kept · clinic · split 0 · seed 0, of other versions or data" in capsys.readouterr().err


def test_a_file_stands_for_the_dataset_that_a_run_made_of_it(
    tabgenbench: Call, table: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    with_options = "clinic.csv:ignore=[age]"
    run(tabgenbench, "rows", data=with_options)
    for given, is_known in ((with_options, True), ("clinic.csv", False), ("clinic", True)):
        capsys.readouterr()
        assert export(tabgenbench, "-d", given, "--overwrite") == 0
        assert ("no run of this store has read this file with these options" in capsys.readouterr().err) != is_known
    content = Path("clinic.csv").read_bytes()
    table.iloc[:80].to_csv("clinic.csv", index=False)
    run(tabgenbench, "rows", data=with_options)
    Path("clinic.csv").write_bytes(content)
    assert export(tabgenbench, "-d", with_options, "--overwrite") == 0
    assert len(pd.read_csv("out.csv")) == len(table) // 4  # the test rows of the whole table, not of the latest
    Path("clinic.csv").unlink()
    assert export(tabgenbench, "-d", "clinic.csv", "--overwrite") == 0


def test_parquet_without_pyarrow(
    tabgenbench: Call, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tabgenbench, "rows")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert export(tabgenbench, out="out.parquet") == 2
    assert "writing Parquet needs pyarrow; run: pip install 'tabgenbench[parquet]'" in capsys.readouterr().err


def test_from_python(tabgenbench: Call, table: pd.DataFrame) -> None:
    run(tabgenbench, "kept")
    made = public.export("store", "kept", "clinic.csv", rows=30, conditions={"status": "ill"}, executor="inline")
    assert len(made) == 30
    assert set(made["status"]) == {"ill"}
    assert str(made["smoker"].dtype) == "bool"
    written = public.export("store", rows=30, conditions={"status": "ill"}, executor="inline", out="out.csv")
    assert written.equals(made)
    assert list(pd.read_csv("out.csv").columns) == list(made.columns)
    with pytest.raises(ConfigError, match="-g: the store has no cell of 'rows'"):
        public.export("store", "rows")


def test_a_task_of_the_local_engine_gives_the_same_rows(tabgenbench: Call, table: pd.DataFrame) -> None:
    run(tabgenbench, "kept")
    for engine in ("inline", "local"):
        assert tabgenbench("export", "--rows", "50", "--out", f"{engine}.csv", "--executor", engine) == 0
    assert Path("inline.csv").read_bytes() == Path("local.csv").read_bytes()
