from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from cell_records import cell_record

from tabgenbench.errors import StoreError
from tabgenbench.records import (
    SCHEMA_VERSION,
    CellRecord,
    DrawScores,
    RunInfo,
    ScoreRecord,
    SuiteRecord,
    SuiteRow,
)
from tabgenbench.store.owner import Owner
from tabgenbench.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.prepare()
    return store


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def temporary(store: Store) -> list[str]:
    return sorted(path.name for path in (store.root / "tmp").iterdir())


def test_records_are_read_as_they_were_written(store: Store) -> None:
    store.write_cell(cell_record(losses={"epoch": [1.0, 2.0], "train": [0.5, None]}))
    assert store.read_cell("abc") == cell_record(losses={"epoch": [1.0, 2.0], "train": [0.5, None]})
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
    store.write_cell(cell_record())
    path = store.cell_folder("abc") / "fit.json"
    before = path.read_bytes()
    store.write_cell(cell_record())
    assert path.read_bytes() == before


def test_cells_come_in_the_order_of_their_keys(store: Store) -> None:
    for key in ("b", "a", "c"):
        store.write_cell(cell_record(key))
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
    store.write_cell(cell_record())
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


TORN = ["", "{", '{"key": "abc"}', "[]", "\x00\x00", "[1, 2", "null"]


@pytest.mark.parametrize("text", TORN)
def test_a_torn_record_is_quarantined_and_as_good_as_absent(store: Store, text: str) -> None:
    path = store.cell_folder("abc") / "fit.json"
    heard: list[str] = []
    store.on_quarantine = lambda found: heard.append(str(found))
    store.write_text(path, text)
    assert store.read_cell("abc") is None
    moved = store.root / "quarantine" / "cells" / "abc" / "fit.json"
    assert moved.read_text() == text
    assert not path.exists()
    assert [(found.path, found.moved) for found in store.quarantined] == [(path, moved)]
    assert heard == [f"{path}: {store.quarantined[0].reason}; moved to {moved}"]
    store.write_text(path, text + "x")
    assert store.read_cell("abc") is None
    assert (moved.parent / "fit.json.1").read_text() == text + "x"
    store.write_cell(cell_record())
    assert store.read_cell("abc") == cell_record()
    assert len(store.quarantined) == 2


def test_a_store_that_is_only_read_is_left_as_it_is(store: Store) -> None:
    path = store.cell_folder("abc") / "fit.json"
    store.write_text(path, "torn")
    store.write_cell(cell_record("other"))
    reading = Store(store.root)
    assert [record.key for record in reading.cells()] == ["other"]
    assert reading.read_cell("abc") is None
    assert [str(found) for found in reading.quarantined] == [
        f"{path}: not a record of this program (Invalid JSON: expected ident at line 1 column 2); passed over"
    ]
    assert path.read_text() == "torn"
    assert not (store.root / "quarantine").exists()


def test_a_record_in_the_wrong_place_is_quarantined(store: Store) -> None:
    store.write_cell(cell_record("other"))
    (store.root / "cells" / "other").rename(store.root / "cells" / "abc")
    assert store.read_cell("abc") is None
    assert "another cell" in store.quarantined[0].reason


def test_foreign_files_disturb_nothing(store: Store) -> None:
    store.write_cell(cell_record())
    row = SuiteRow(key="abc", dataset="tiny", split=0, label="quiet", seed=0, is_control=False, scores={})
    store.write_suite(SuiteRecord(name="suite", rows=[row]))
    for folder in ("", "cells", "suites", "splits", "datasets", "claims", "cells/abc", "tmp"):
        (store.root / folder / "notes.txt").write_text("remember the milk")
        (store.root / folder / "empty").mkdir()
    (store.root / "suites" / "folder.json").mkdir()
    (store.root / "suites" / "list.json").write_text("[]")
    (store.root / "cells" / "file").write_text("not a folder")
    again = Store(store.root)
    again.prepare()
    assert [record.key for record in again.cells()] == ["abc"]
    assert {name for name in again.suites() if again.read_suite(name)} == {"suite"}
    assert {found.path.name for found in again.quarantined} == {"folder.json", "list.json"}
    assert (store.root / "cells" / "notes.txt").read_text() == "remember the milk"


def test_a_file_where_a_folder_belongs_makes_way(store: Store) -> None:
    (store.root / "cells" / "abc").write_text("in the way")
    assert store.read_cell("abc") is None
    store.write_cell(cell_record())
    assert store.read_cell("abc") == cell_record()
    assert (store.root / "quarantine" / "cells" / "abc").read_text() == "in the way"


def write_draws(store: Store, *, sizes: int = 2) -> CellRecord:
    for draw in range(sizes):
        path = store.draw_path("abc", draw)
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "w") as handle:
            handle["X"] = np.zeros((100, 10 + draw))
    record = cell_record()
    return record.model_copy(update={"cell": record.cell.model_copy(update={"draws": sizes})})


def publish(store: Store, *, content: bytes, record: CellRecord | None = None) -> CellRecord:
    """Write a synthetic table and its record, as a run does after training."""
    record = cell_record() if record is None else record
    folder = store.new_folder() / "synthetic"
    folder.mkdir()
    with h5py.File(folder / "draw-0.h5ad", "w") as handle:
        handle["X"] = np.frombuffer(content, dtype=np.uint8)
    store.publish_draws(folder, record)
    store.write_cell(record)
    return record


def add_score(store: Store) -> None:
    score = ScoreRecord(key="m", cell_key="abc", metric="gamma", status="ok")
    store.write_score(score, RunInfo(metric="gamma"))


@pytest.mark.parametrize("content", [b"one", b"two"])
@pytest.mark.parametrize("known", ["hash", "file", "file without a record", "nothing"])
def test_scores_stay_beside_tables_of_the_same_bytes_alone(store: Store, known: str, content: bytes) -> None:
    record = publish(store, content=b"one")
    assert (len(record.draw_bytes), len(record.draw_hashes)) == (1, 1)
    add_score(store)
    if known != "hash":  # an older program did not write it
        store.write_cell(record.model_copy(update={"draw_hashes": []}))
    if known == "file without a record":
        (store.cell_folder("abc") / "fit.json").unlink()
    if known in ("hash", "nothing"):
        store.draw_path("abc", 0).unlink()
    publish(store, content=content)
    stays = content == b"one" and known != "nothing"
    assert (store.read_score("abc", "m") is not None) == stays
    assert (store.read_info("abc", "m") is not None) == stays


def test_a_table_that_was_cut_off_is_quarantine_and_one_that_is_gone_is_not_missed(store: Store) -> None:
    record = write_draws(store, sizes=3)
    paths = [store.draw_path("abc", draw) for draw in range(3)]
    paths[0].unlink()
    paths[1].write_bytes(paths[1].read_bytes()[:-100])
    store.quarantine_corrupt_draws(record.model_copy(update={"status": "failed"}))
    assert store.quarantined == []
    store.quarantine_corrupt_draws(record)
    assert [found.path for found in store.quarantined] == [paths[1]]
    assert [path.exists() for path in paths] == [False, False, True]


def test_a_synthetic_table_that_changed_in_place_is_found(store: Store) -> None:
    """A file of equal size with one different byte, if the record has hashes."""
    record, path = write_draws(store), store.draw_path("abc", 1)
    paths = [store.draw_path("abc", draw) for draw in range(2)]
    hashes = [hashlib.sha256(one.read_bytes()).hexdigest() for one in paths]
    record = record.model_copy(update={"draw_bytes": [one.stat().st_size for one in paths], "draw_hashes": hashes})
    assert store.draws_are_whole(record)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    assert not store.draws_are_whole(record)


@pytest.mark.parametrize("with_sizes", [True, False])
def test_synthetic_tables_that_are_cut_off_or_gone_are_found(store: Store, with_sizes: bool) -> None:
    record = write_draws(store)
    path = store.draw_path("abc", 1)
    if with_sizes:
        sizes = [store.draw_path("abc", draw).stat().st_size for draw in range(2)]
        record = record.model_copy(update={"draw_bytes": sizes})
    assert store.draws_are_whole(record)
    whole = path.read_bytes()
    for content in (whole[:-100], b"", b"not a table"):
        path.write_bytes(content)
        assert not store.draws_are_whole(record)
    path.write_bytes(whole)
    assert store.draws_are_whole(record)
    path.unlink()
    assert not store.draws_are_whole(record)


def test_runners_that_find_one_torn_file_set_it_aside_once(store: Store) -> None:
    path = store.cell_folder("abc") / "fit.json"
    stores = [Store(store.root) for _ in range(4)]
    for one in stores:
        one.prepare()
    for i in range(20):
        store.write_text(path, f"torn {i}")
        threads = [threading.Thread(target=one.read_cell, args=("abc",)) for one in stores]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not path.exists()
    assert sum(len(one.quarantined) for one in stores) == 20
    assert len(list((store.root / "quarantine" / "cells" / "abc").iterdir())) == 20


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


def dead_name(token: str, **changes: Any) -> str:
    owner = Owner.this_process().model_copy(update={"pid": dead_pid(), **changes})
    return f"{owner.stem}-{token}"


def test_leftovers_of_a_dead_process_are_removed_and_of_a_live_one_kept(store: Store) -> None:
    kept, lost = store.new_folder(), store.root / "tmp" / dead_name("ab12cd")
    lost.mkdir()
    (lost / "train.h5ad").touch()
    (store.root / "tmp" / f"{dead_name('ab12ce')}.json").touch()
    (store.root / "tmp" / dead_name("ab12cf", pid=os.getpid(), started=1)).touch()  # the number was reused
    with store.replacing(store.root / "x") as unfinished:
        unfinished.touch()
        Store(store.root).prepare()
        assert temporary(store) == sorted([kept.name, unfinished.name])


def test_files_of_another_machine_are_kept_for_a_day_after_its_last_sign_of_life(store: Store) -> None:
    young, old = (store.root / "tmp" / dead_name(token, host="another-host") for token in ("aa", "bb"))
    nobodys = store.root / "tmp" / "notes.txt"
    for path in (young, old, nobodys):
        path.touch()
    os.utime(old, (1000, 1000))
    store.prepare()
    assert temporary(store) == sorted([young.name, nobodys.name])
    mine = store.new_folder()
    os.utime(mine, (1000, 1000))
    store.keep_temporaries()
    assert mine.stat().st_mtime > 1000


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


def test_a_store_says_its_schema_version(store: Store) -> None:
    kept = json.loads((store.root / "store.json").read_text())
    assert kept["schema_version"] == SCHEMA_VERSION
    assert kept["program"]
    store.write_text(store.root / "store.json", json.dumps({**kept, "colour": "blue"}))
    Store(store.root).prepare()
    assert json.loads((store.root / "store.json").read_text())["colour"] == "blue"


def test_a_store_without_a_marker_is_read_by_the_versions_of_its_records(store: Store) -> None:
    store.write_cell(cell_record())
    (store.root / "store.json").unlink()
    assert Store(store.root).read_cell("abc") == cell_record()


def test_a_torn_marker_is_made_anew(store: Store) -> None:
    (store.root / "store.json").write_text("{")
    again = Store(store.root)
    again.prepare()
    assert json.loads((store.root / "store.json").read_text())["schema_version"] == SCHEMA_VERSION
    assert (store.root / "quarantine" / "store.json").exists()


def test_a_newer_store_or_record_is_refused(store: Store) -> None:
    newer = SCHEMA_VERSION + 1
    store.write_cell(cell_record(schema_version=newer, brand_new=[1]))
    with pytest.raises(StoreError, match=rf"fit\.json: written with schema version {newer}, .* upgrade"):
        store.read_cell("abc")
    store.write_text(store.cell_folder("abc") / "fit.json", '{"schema_version": 9, "unlike": "any"}')
    with pytest.raises(StoreError, match="written with schema version 9"):
        store.read_cell("abc")
    assert store.quarantined == []
    store.write_text(store.root / "store.json", json.dumps({"schema_version": newer, "program": "9.9"}))
    words = rf"version {newer} \(tabgenbench 9\.9\), this program reads versions up to {SCHEMA_VERSION}"
    with pytest.raises(StoreError, match=words):
        Store(store.root)


def oldest(store: Store) -> None:
    """Make a store of schema version 0, whose records called the status 'state'."""
    store.write_cell(cell_record(losses={"epoch": [1.0]}))
    path = store.cell_folder("abc") / "fit.json"
    kept = json.loads(path.read_text())
    kept["state"], kept["schema_version"] = kept.pop("status"), 0
    path.write_text(json.dumps(kept))
    (store.root / "store.json").write_text('{"schema_version": 0, "program": "0.0.1"}')


def test_an_older_store_is_refused_with_the_way_to_migrate(store: Store) -> None:
    oldest(store)
    with pytest.raises(StoreError, match=r"version 0 \(tabgenbench 0\.0\.1\).*run the suite again into a new folder"):
        Store(store.root)
    (store.root / "store.json").unlink()
    with pytest.raises(StoreError, match=r"fit\.json: written with schema version 0, .*--store NEW"):
        Store(store.root).read_cell("abc")


def test_an_older_store_is_read_where_a_migration_leads_from_it(store: Store) -> None:
    oldest(store)

    def rename(kind: str, content: dict[str, Any]) -> dict[str, Any]:
        assert kind == "CellRecord"
        return {"status" if name == "state" else name: value for name, value in content.items()}

    steps = {0: rename, **{step: lambda _, content: content for step in range(1, SCHEMA_VERSION)}}
    older = Store(store.root, migrations=steps)
    assert older.read_cell("abc") == cell_record(losses={"epoch": [1.0]})
    assert json.loads((store.cell_folder("abc") / "fit.json").read_text())["state"] == "ok"  # reading writes nothing
    older.prepare()
    assert json.loads((store.root / "store.json").read_text())["schema_version"] == SCHEMA_VERSION
    assert older.read_cell("abc") == cell_record(losses={"epoch": [1.0]})


def test_a_lock_keeps_other_threads_out_and_lets_its_own_in(store: Store) -> None:
    inside, most = 0, 0

    def enter() -> None:
        nonlocal inside, most
        other = Store(store.root)
        for _ in range(20):
            with other.locked(), other.locked():
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
