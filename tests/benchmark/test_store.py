from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tabgenbench.errors import StoreError
from tabgenbench.record import (
    CardRecord,
    CellIdentity,
    CellRecord,
    DrawScores,
    RunInfo,
    ScoreRecord,
    SuiteRecord,
    SuiteRow,
)
from tabgenbench.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.prepare()
    return store


def cell(key: str = "abc", **values: Any) -> CellRecord:
    identity = CellIdentity(
        dataset="tiny",
        dataset_fingerprint="d",
        split=0,
        split_fingerprint="s",
        n_train=4,
        n_validation=1,
        n_test=2,
        n_features=3,
        generator="quiet",
        label="quiet",
        config={"epochs": 3},
        card=CardRecord(summary="says nothing"),
        is_control=False,
        seed=0,
        draws=1,
    )
    return CellRecord(**{"key": key, "cell": identity, "status": "ok", **values})


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def temporary(store: Store) -> list[str]:
    return sorted(path.name for path in (store.root / "tmp").iterdir())


def test_records_are_read_as_they_were_written(store: Store) -> None:
    store.write_cell(cell(losses={"epoch": [1.0, 2.0], "train": [0.5, None]}))
    assert store.read_cell("abc") == cell(losses={"epoch": [1.0, 2.0], "train": [0.5, None]})
    score = ScoreRecord(
        key="m", cell_key="abc", metric="gamma", status="ok", draws=[DrawScores(draw=0, scores={"gamma": 0.1 + 0.2})]
    )
    store.write_score(score, RunInfo(metric="gamma", seconds=1.5))
    assert store.read_score("abc", "m") == score
    info = store.read_info("abc", "m")
    assert info is not None
    assert info.seconds == 1.5
    assert temporary(store) == []


def test_what_is_not_there_is_none_and_reading_makes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "nothing")
    assert store.read_cell("abc") is None
    assert store.read_score("abc", "m") is None
    assert store.read_info("abc", "m") is None
    assert store.read_suite("quickstart") is None
    assert store.suites() == []
    assert list(store.cells()) == []
    store.check_writable()
    assert not store.root.exists()


def test_equal_records_have_equal_bytes(store: Store) -> None:
    store.write_cell(cell())
    path = store.cell_folder("abc") / "fit.json"
    before = path.read_bytes()
    store.write_cell(cell())
    assert path.read_bytes() == before


def test_cells_come_in_the_order_of_their_keys(store: Store) -> None:
    for key in ("b", "a", "c"):
        store.write_cell(cell(key))
    (store.root / "cells" / "aa").mkdir()  # in training: a folder without a record
    assert [record.key for record in store.cells()] == ["a", "b", "c"]


def test_suites_come_latest_first(store: Store) -> None:
    row = SuiteRow(key="k", dataset="tiny", split=0, label="quiet", seed=0, is_control=False, scores={"gamma": "m"})
    for age, name in enumerate(("new", "old")):
        store.write_suite(SuiteRecord(name=name, rows=[row]))
        os.utime(store.root / "suites" / f"{name}.json", (1000 - age, 1000 - age))
    assert store.suites() == ["new", "old"]
    read = store.read_suite("old")
    assert read is not None
    assert read.rows == [row]


def test_unknown_fields_of_a_newer_program_survive(store: Store) -> None:
    store.write_cell(cell())
    path = store.cell_folder("abc") / "fit.json"
    kept = json.loads(path.read_text())
    kept["energy_joules"] = 12.5
    kept["cell"]["tissue_atlas"] = {"version": 3}
    kept["environment"]["room"] = "cellar"
    path.write_text(json.dumps(kept))
    record = store.read_cell("abc")
    assert record is not None
    store.write_cell(record)
    assert json.loads(path.read_text()) == kept


@pytest.mark.parametrize("text", ["", "{", '{"key": "abc"}', "[]"])
def test_a_file_that_is_no_record_is_named(store: Store, text: str) -> None:
    store.write_text(store.cell_folder("abc") / "fit.json", text)
    with pytest.raises(StoreError, match=r"fit\.json: not a record of this program .*remove it"):
        store.read_cell("abc")


def test_a_write_that_fails_leaves_the_old_file_and_no_trace(store: Store) -> None:
    path = store.root / "datasets" / "x.json"
    store.write_text(path, "old")

    def fail() -> None:
        with store.replacing(path) as unfinished:
            unfinished.write_text("half of the n")
            assert path.read_text() == "old"
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert path.read_text() == "old"
    assert temporary(store) == []


def test_a_reader_never_sees_half_a_file(store: Store) -> None:
    path = store.root / "datasets" / "x.json"
    texts = ["a" * 100_000, "b" * 200_000]
    store.write_text(path, texts[0])
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for text in texts:
                store.write_text(path, text)

    writer = threading.Thread(target=write)
    writer.start()
    seen = {path.read_text() for _ in range(200)}
    stop.set()
    writer.join()
    assert seen <= set(texts)


def test_leftovers_of_a_dead_process_are_removed_and_of_a_live_one_kept(store: Store) -> None:
    kept, lost = store.new_folder(), store.root / "tmp" / f"{socket.gethostname()}-{dead_pid()}-ab12cd"
    lost.mkdir()
    (lost / "train.h5ad").touch()
    (store.root / "tmp" / f"{socket.gethostname()}-{dead_pid()}-ab12ce.json").touch()
    with store.replacing(store.root / "x") as unfinished:
        unfinished.touch()
        Store(store.root).prepare()
        assert temporary(store) == sorted([kept.name, unfinished.name])


def test_files_of_another_machine_are_kept_for_a_day(store: Store) -> None:
    young, old = (store.root / "tmp" / f"another-host-{dead_pid()}-{token}" for token in ("aa", "bb"))
    young.touch()
    old.touch()
    os.utime(old, (1000, 1000))
    store.prepare()
    assert temporary(store) == [young.name]


def test_a_published_folder_replaces_what_is_there(store: Store) -> None:
    final = store.split_folder("f" * 8)
    for text in ("first", "second"):
        folder = store.new_folder()
        (folder / "split.json").write_text(text)
        store.publish_folder(folder, final)
        assert (final / "split.json").read_text() == text
    assert temporary(store) == []


def test_runners_may_publish_one_folder_at_the_same_time(store: Store) -> None:
    final, failures = store.split_folder("f" * 8), []

    def publish() -> None:
        try:
            for _ in range(20):
                folder = store.new_folder()
                (folder / "split.json").write_text("whole")
                store.publish_folder(folder, final)
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=publish) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert (final / "split.json").read_text() == "whole"
    assert temporary(store) == []


def test_a_store_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "store"):
        with pytest.raises(StoreError, match=f"--store: cannot write to {place}"):
            Store(place).prepare()
        with pytest.raises(StoreError, match=f"--store: cannot write to {place}"):
            Store(place).check_writable()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StoreError, match="Permission denied"):
            Store(tmp_path / "store").prepare()
        with pytest.raises(StoreError, match="name a folder that you may write to"):
            Store(tmp_path / "store").check_writable()
    finally:
        tmp_path.chmod(0o700)


def test_places_of_a_cell(store: Store) -> None:
    assert store.draw_path("abc", 2) == store.root / "cells" / "abc" / "synthetic" / "draw-2.h5ad"
