from __future__ import annotations

from pathlib import Path

import pytest
from tests.helpers.cell_records import cell_record

from tabgenbench.records import CellRecord, Environment, Phase, RunInfo
from tabgenbench.store.earlier import find_identities, read_earlier
from tabgenbench.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.prepare()
    return store


def keep(store: Store, key: str, *, generator: str = "quiet", **values: object) -> CellRecord:
    record = cell_record(key, **values)
    record.cell.generator = generator
    store.write_cell(record)
    return record


def between(started: str, finished: str) -> Environment:
    return Environment(started=f"2026-01-01T00:{started}+00:00", finished=f"2026-01-01T00:{finished}+00:00", threads=2)


def test_cells_of_a_generator_are_found_by_the_heads_of_their_records(store: Store) -> None:
    kept = keep(store, "a")
    long = keep(store, "b", losses={"loss": [1.0] * 1000})
    long.cell.config = {"columns": ["x" * 100] * 1000}  # beyond the first block
    store.write_cell(long)
    keep(store, "c", generator="quiet-other")
    keep(store, "d", generator='with "quotes"')
    (store.cell_folder("e") / "fit.json").parent.mkdir()
    (store.cell_folder("e") / "fit.json").write_text('{\n "cell": {\n  "generator": "quiet",\n  "n_train": 4')
    store.cell_folder("f").mkdir()  # of a run that is working on it
    found = dict(find_identities(store, {"quiet"}))
    assert {key: one.config for key, one in found.items()} == {"a": kept.cell.config, "b": long.cell.config}
    assert [key for key, _ in find_identities(store, {'with "quotes"'})] == ["d"]
    assert list(find_identities(store, set())) == []
    assert list(find_identities(Store(store.root / "none"), {"quiet"})) == []


def test_times_and_sizes_are_those_of_the_records(store: Store) -> None:
    phases = {
        name: Phase(status="ok", seconds=seconds) for name, seconds in (("prepare", 2), ("fit", 50), ("sample", 3))
    }
    keep(store, "a", phases=phases, draw_bytes=[70, 80], environment=between("00:00", "01:00"))
    task = between("01:10", "01:20")
    for metric, seconds, environment in (
        ("gamma", 4.0, task),
        ("moments", 1.0, task),
        ("own", 2.0, between("02:00", "02:05")),
    ):
        text = RunInfo(metric=metric, seconds=seconds, environment=environment).model_dump_json()
        store.write_text(store.cell_folder("a") / "runs" / f"{metric}.json", text)
    [one] = read_earlier(store, ["a"])
    assert (one.key, one.fit, one.sample, one.train_rest) == ("a", 50.0, 3.0, 7.0)
    assert one.metrics == {"gamma": 4.0, "moments": 1.0, "own": 2.0}
    assert one.score_rest == 10 + 5 - 7  # two tasks
    files = [path for path in store.cell_folder("a").rglob("*") if path.is_file()]
    assert (one.table_bytes, one.model_bytes) == (150, 0)
    assert one.record_bytes == sum(path.stat().st_size for path in files)
    assert (one.device, one.threads) == ("cpu", 2)


def test_cells_without_times_are_left_out_and_nothing_is_changed(store: Store) -> None:
    fit = {"fit": Phase(status="ok", seconds=5.0), "prepare": Phase(status="ok", seconds=1.5)}
    keep(store, "a", phases=fit)
    keep(store, "b", status="failed", phases=fit)
    keep(store, "c", phases={})
    text = (store.cell_folder("a") / "fit.json").read_text()
    for key, content in (("d", "{"), ("e", text.replace('"schema_version": 2', '"schema_version": 99'))):
        store.write_text(store.cell_folder(key) / "fit.json", content)
    before = sorted(store.root.rglob("*"))
    found = list(read_earlier(Store(store.root), "abcdef"))
    assert [(one.key, one.fit, one.train_rest) for one in found] == [("a", 5.0, 1.5)]  # no start and end are recorded
    assert sorted(store.root.rglob("*")) == before
