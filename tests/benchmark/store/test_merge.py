from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cell_records import cell_record

from tabgenbench import Table
from tabgenbench.data.split import make_split
from tabgenbench.data.split_files import write_split
from tabgenbench.errors import StoreError
from tabgenbench.records import (
    DrawScores,
    Environment,
    RunInfo,
    ScoreRecord,
    SuiteRecord,
    SuiteRow,
)
from tabgenbench.store.claims import Claims
from tabgenbench.store.dataset_index import DatasetIndex, SplitInfo
from tabgenbench.store.merge import MergeReport, check_sources, merge_store
from tabgenbench.store.store import Store

Call = Callable[..., int]


def add(store: Store, key: str, *, scores: dict[str, float] | None = None, **values: Any) -> None:
    """Add a cell to a store: a synthetic table if it is ok, and scores of metrics with one artifact each."""
    record = cell_record(key, **values)
    if record.status == "ok":
        path = store.draw_path(key, 0)
        path.parent.mkdir(parents=True)
        path.write_bytes(b"table of " + key.encode())
        record = record.model_copy(update={"draw_bytes": [path.stat().st_size]})
    store.write_cell(record)
    for metric, value in (scores or {}).items():
        add_score(store, key, metric, value)


def add_score(store: Store, key: str, metric: str, value: float | None) -> None:
    """Add the score of a metric to a store; None for a failed metric."""
    folder = store.cell_folder(key) / "scores"
    store.write_text(folder / f"{metric}-key.points.csv", f"x\n{value}\n")
    draws = [] if value is None else [DrawScores(draw=0, scores={metric: value})]
    status: Any = "failed" if value is None else "ok"
    score = ScoreRecord(key=f"{metric}-key", cell_key=key, metric=metric, status=status, draws=draws)
    store.write_score(score, RunInfo(metric=metric, seconds=1.0))


def row(key: str, **scores: str) -> SuiteRow:
    return SuiteRow(key=key, dataset="tiny", split=0, label="quiet", seed=0, is_control=False, scores=scores)


def files(store: Store, *, below: str = "") -> dict[str, bytes]:
    """Return the bytes of every file of a store except for the lock of its claims and its marker."""
    paths = [path for path in (store.root / below).rglob("*") if path.is_file()]
    content = {str(path.relative_to(store.root)): path.read_bytes() for path in paths}
    return {name: data for name, data in content.items() if name not in ("claims/.lock", "store.json")}


@pytest.fixture
def stores(tmp_path: Path) -> list[Store]:
    """Two source stores and a target store."""
    made = [Store(tmp_path / name) for name in ("one", "two", "target")]
    for store in made:
        store.prepare()
    return made


def score_of(store: Store, key: str, metric: str) -> float:
    record = store.read_score(key, f"{metric}-key")
    assert record is not None
    return record.draws[0].scores[metric]


def test_an_empty_store_becomes_a_copy(stores: list[Store], table: Table) -> None:
    source, _, target = stores
    split = make_split(table, seed=0)
    folder = source.new_folder()
    write_split(folder, table, split)
    source.publish_folder(folder, source.split_folder(split.fingerprint))
    add(source, "a", scores={"gamma": 0.25, "mean": 0.5}, losses={"epoch": [1.0]}, brand_new=[1, 2])
    add(source, "b", status="failed", reason="it raised")
    source.write_suite(SuiteRecord(name="suite", rows=[row("a", gamma="gamma-key")]))
    os.utime(source.root / "suites" / "suite.json", (1000, 1000))
    index = DatasetIndex(label="tiny", fingerprint="d", note="", n_rows=60, n_features=5, roles=table.schema)
    source.write_text(source.root / "datasets" / "i.json", index.model_dump_json(indent=1) + "\n")
    before = files(source)
    report = merge_store(source, target)
    assert files(target) == before == files(source)
    assert (target.root / "suites" / "suite.json").stat().st_mtime == 1000
    assert report.taken == {"splits": 1, "datasets": 1, "cells": 2, "scores": 2, "suites": 1}
    assert (report.conflicts, report.passed_over) == ([], [])

    times = {path: path.stat().st_mtime_ns for path in target.root.rglob("*.json")}
    again = merge_store(source, target)
    assert sum(again.taken.values()) == 0
    assert again.present == {"splits": 1, "datasets": 1, "cells": 2, "scores": 2, "suites": 1}
    assert {path: path.stat().st_mtime_ns for path in target.root.rglob("*.json")} == times


def test_stores_are_joined_cell_by_cell_and_score_by_score(stores: list[Store]) -> None:
    one, two, target = stores
    add(one, "a", scores={"gamma": 0.25})
    add(two, "a", scores={"mean": 0.5}, environment=Environment(cpu="another", finished="later"))
    add(two, "b", scores={"gamma": 0.75})
    for store in (one, two):
        assert merge_store(store, target).conflicts == []
    assert [record.key for record in target.cells()] == ["a", "b"]
    assert (score_of(target, "a", "gamma"), score_of(target, "a", "mean")) == (0.25, 0.5)
    assert score_of(target, "b", "gamma") == 0.75
    kept = target.read_cell("a")
    assert kept is not None
    assert kept.environment.cpu == ""  # the record of the first store
    assert (target.cell_folder("a") / "scores" / "mean-key.points.csv").read_text() == "x\n0.5\n"
    assert not list((target.root / "tmp").iterdir())
    assert not list((target.root / "claims").glob("*.json"))


def test_what_is_ok_replaces_what_is_not(stores: list[Store]) -> None:
    source, _, target = stores
    for key, status in (("a", "crashed"), ("b", "skipped")):
        add(target, key, status=status)
        add(source, key, scores={"gamma": 0.25})
    add(target, "c", scores={"gamma": 0.5})
    add(source, "c", status="timeout")
    add(target, "d")
    add_score(target, "d", "gamma", None)
    add(source, "d", scores={"gamma": 0.75})
    add(target, "e", scores={"gamma": 0.5})
    add(source, "e")
    add_score(source, "e", "gamma", None)
    report = merge_store(source, target)
    assert report.conflicts == []
    assert (report.taken["cells"], report.taken["scores"]) == (2, 3)
    assert [record.status for record in target.cells()] == ["ok"] * 5
    assert [score_of(target, key, "gamma") for key in "abcde"] == [0.25, 0.25, 0.5, 0.75, 0.5]
    for key in "ab":
        record = target.read_cell(key)
        assert record is not None
        assert target.draws_are_whole(record)


def test_a_failed_cell_gives_way_with_all_that_is_left_of_it(stores: list[Store]) -> None:
    source, _, target = stores
    add(target, "a", scores={"gamma": 0.5})
    target.write_cell(cell_record("a", status="failed"))  # retrained since, and failed
    add(source, "a", scores={"mean": 0.25})
    shutil.rmtree(source.cell_folder("a") / "synthetic")
    assert merge_store(source, target).conflicts == []
    assert files(target, below="cells") == files(source, below="cells")


def test_other_scores_under_one_key_are_a_conflict(stores: list[Store]) -> None:
    source, _, target = stores
    add(target, "a", scores={"gamma": 0.5})
    add(source, "a", scores={"gamma": 0.25, "mean": 0.5})
    add(source, "b", scores={"gamma": 0.25})
    before = files(target)
    report = merge_store(source, target)
    (sentence,) = report.conflicts
    assert all(word in sentence for word in ("cell a", "quiet:a · tiny · split 0 · seed 0", "gamma", str(source.root)))
    assert {name: files(target)[name] for name in before} == before
    assert target.read_score("a", "mean-key") is None  # of a different training than the kept table
    assert score_of(target, "b", "gamma") == 0.25


@pytest.mark.parametrize("known", ["hash", "file", "nothing"])
def test_scores_of_two_trainings_without_a_common_metric_are_a_conflict(stores: list[Store], known: str) -> None:
    source, _, target = stores
    for store, metric, hashes in ((target, "gamma", ["x"]), (source, "mean", ["y"])):
        add(store, "a", scores={metric: 0.5}, draw_hashes=hashes if known == "hash" else [])
        if known == "nothing":
            shutil.rmtree(store.cell_folder("a") / "synthetic")
    if known == "file":
        source.draw_path("a", 0).write_bytes(b"TABLE of a")
    report = merge_store(source, target)
    if known == "nothing":  # cannot be known
        assert (report.conflicts, score_of(target, "a", "mean")) == ([], 0.5)
        return
    (sentence,) = report.conflicts
    assert "other synthetic tables in" in sentence
    assert target.read_score("a", "mean-key") is None
    assert sum(report.taken.values()) == 0


def test_equal_scores_speak_for_one_training_whatever_the_bytes_of_its_tables(stores: list[Store]) -> None:
    source, _, target = stores
    add(target, "a", scores={"gamma": 0.5}, draw_hashes=["of one version of h5py"])
    add(source, "a", scores={"gamma": 0.5, "mean": 0.25}, draw_hashes=["of another"])
    assert merge_store(source, target).conflicts == []
    assert score_of(target, "a", "mean") == 0.25


def test_a_score_with_fields_of_a_newer_program_is_no_conflict(stores: list[Store]) -> None:
    source, _, target = stores
    for store in (source, target):
        add(store, "a", scores={"gamma": 0.5})
    path = source.score_path("a", "gamma-key")
    kept = json.loads(path.read_text())
    del kept["traceback"]  # an older program did not write it
    path.write_text(json.dumps(kept))
    assert merge_store(source, target).conflicts == []


def test_a_split_of_other_values_is_a_conflict(stores: list[Store], make_table: Callable[..., Table]) -> None:
    source, _, target = stores
    split = make_split(make_table(), seed=0)
    for store, seed in ((source, 1), (target, 0)):
        store.split_folder(split.fingerprint).mkdir()
        write_split(store.split_folder(split.fingerprint), make_table(seed=seed), split)
    before = files(target)
    report = merge_store(source, target)
    assert len(report.conflicts) == 1
    assert split.fingerprint in report.conflicts[0]
    assert files(target) == before


def test_a_torn_split_is_passed_over_in_a_source_and_replaced_in_the_target(stores: list[Store], table: Table) -> None:
    one, two, target = stores
    split = make_split(table, seed=0)
    for store in stores:
        store.split_folder(split.fingerprint).mkdir()
        write_split(store.split_folder(split.fingerprint), table, split)
    for store in (one, target):
        (store.split_folder(split.fingerprint) / "train.h5ad").write_bytes(b"torn")
    assert "train.h5ad" in merge_store(one, target).passed_over[0]
    assert merge_store(two, target).taken["splits"] == 1
    assert files(target, below="splits") == files(two, below="splits")
    assert [found.path for found in target.quarantined] == [target.split_folder(split.fingerprint)]


def test_a_torn_record_of_a_source_is_named_and_stays_there(stores: list[Store]) -> None:
    source, _, target = stores
    source.write_text(source.cell_folder("a") / "fit.json", "torn")
    add(source, "b")
    reading = Store(source.root)
    merge_store(reading, target)
    assert [record.key for record in target.cells()] == ["b"]
    assert [(found.path.parent.name, found.moved) for found in reading.quarantined] == [("a", None)]


def test_rows_of_a_suite_are_united_by_key(stores: list[Store]) -> None:
    source, _, target = stores
    target.write_suite(SuiteRecord(name="suite", summary="ours", rows=[row("a", gamma="g1"), row("b", gamma="g1")]))
    theirs = [row("c", mean="m1"), row("b", gamma="g0", mean="m1")]
    source.write_suite(SuiteRecord(name="suite", summary="theirs", rows=theirs))
    merge_store(source, target)
    joined = target.read_suite("suite")
    assert joined is not None
    assert joined.summary == "ours"
    assert joined.rows == [row("a", gamma="g1"), row("b", gamma="g1", mean="m1"), row("c", mean="m1")]


def test_a_suite_names_the_commands_that_made_its_rows(stores: list[Store]) -> None:
    one, two, target = stores
    for store, key in ((target, "a"), (one, "b"), (two, "c")):
        store.write_suite(SuiteRecord(name="suite", command=f"run -g {key}", rows=[row(key, gamma="g1")]))
    for source in (one, two, one):
        merge_store(source, target)
    joined = target.read_suite("suite")
    assert joined is not None
    assert joined.command == "run -g a; run -g b; run -g c"
    two.write_suite(SuiteRecord(name="suite", command="run -g c again", rows=[row("c", gamma="g1")]))
    merge_store(two, target)
    assert target.read_suite("suite") == joined


def test_suites_whose_datasets_share_only_their_name_are_not_joined(stores: list[Store]) -> None:
    source, _, target = stores
    for store, key, fingerprint in ((source, "a", "of one table"), (target, "b", "of another table")):
        add(store, key, scores={"gamma": 0.5})
        record = store.read_cell(key)
        assert record is not None
        record.cell = record.cell.model_copy(update={"dataset_fingerprint": fingerprint})
        store.write_cell(record)
        store.write_suite(SuiteRecord(name="suite", rows=[row(key, gamma="g1")]))
    (conflict,) = merge_store(source, target).conflicts
    assert "suite suite: dataset" in conflict
    assert "is another table in" in conflict
    joined = target.read_suite("suite")
    assert joined is not None
    assert [one.key for one in joined.rows] == ["b"]


def test_indexes_of_a_dataset_are_joined(stores: list[Store], table: Table) -> None:
    source, _, target = stores
    info = {"fingerprint": "f", "kind": "random", "n_train": 1, "n_validation": 1, "n_test": 1}
    for store, number, fingerprint in ((source, 0, "d"), (target, 1, "d"), (source, 2, "x"), (target, 2, "y")):
        index = DatasetIndex(
            label="tiny",
            fingerprint=fingerprint,
            note="",
            n_rows=1,
            n_features=1,
            roles=table.schema,
            splits={f"request{number}": SplitInfo(index=number, **info)},
        )
        path = store.root / "datasets" / ("i.json" if fingerprint == "d" else "j.json")
        store.write_text(path, index.model_dump_json())
    report = merge_store(source, target)
    joined = target.read(target.root / "datasets" / "i.json", DatasetIndex)
    assert joined is not None
    assert set(joined.splits) == {"request0", "request1"}
    assert joined.roles == table.schema
    assert len(report.conflicts) == 1
    assert "of different tables" in report.conflicts[0]


def test_a_cell_that_a_run_is_at_work_on_is_passed_over_in_the_target_alone(stores: list[Store]) -> None:
    source, _, target = stores
    for key in "ab":
        add(source, key)
    claims = [Claims(source), Claims(target)]
    assert claims[0].acquire("a")
    assert claims[1].acquire("b")
    report: MergeReport = merge_store(source, target)
    assert [record.key for record in target.cells()] == ["a"]
    assert "quiet:b" in report.passed_over[0]
    assert claims[1].holder("b") is not None


def test_a_cell_in_training_is_not_taken(stores: list[Store]) -> None:
    source, _, target = stores
    (source.cell_folder("a") / "synthetic").mkdir(parents=True)
    source.draw_path("a", 0).write_bytes(b"table")
    assert sum(merge_store(source, target).taken.values()) == 0
    assert list((target.root / "cells").iterdir()) == []


def test_what_is_no_store_is_refused(stores: list[Store], tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nowhere is not a folder"):
        check_sources([stores[0], Store(tmp_path / "nowhere")], stores[2])
    (tmp_path / "empty").mkdir()
    with pytest.raises(StoreError, match="holds no cells, splits or suites"):
        check_sources([Store(tmp_path / "empty")], stores[2])
    with pytest.raises(StoreError, match="as a source and as --into"):
        check_sources([Store(stores[2].root / ".." / "target")], stores[2])


def test_the_command_says_what_it_took_and_ends_with_1_on_a_conflict(
    stores: list[Store], tabgenbench: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, _ = stores
    add(one, "a", scores={"gamma": 0.5})
    assert tabgenbench("merge", one.root, two.root, "--into", "new") == 0
    captured = capsys.readouterr()
    assert "1 + 0" in captured.out
    assert captured.out.count("\n") == 4
    add(two, "a", scores={"gamma": 0.25})
    assert tabgenbench("merge", two.root, "--into", "new") == 1
    assert "conflict: cell a" in capsys.readouterr().err
    assert tabgenbench("merge", "nowhere", "--into", "new") == 2
    assert "merge: nowhere is not a folder" in capsys.readouterr().err
    assert not Path("nowhere").exists()


def add_model(store: Store, key: str) -> None:
    """Add a cell with a kept model to a store."""
    add(store, key)
    record = store.read_cell(key)
    assert record is not None
    folder = store.new_folder()
    (folder / "arrays.safetensors").write_bytes(b"model of " + key.encode())
    store.publish_model(folder, record)
    store.write_cell(record)


def test_models_are_merged_unless_they_are_torn(stores: list[Store]) -> None:
    source, _, target = stores
    for key in "abc":
        add_model(source, key)
    (source.model_folder("b") / "arrays.safetensors").write_bytes(b"torn")
    shutil.rmtree(source.model_folder("c"))
    merge_store(source, target)
    records = {key: target.read_cell(key) for key in "abc"}
    damage = {key: target.find_model_damage(record) for key, record in records.items() if record is not None}
    assert damage == {"a": "", "b": "the merged store had no whole model", "c": "the merged store had no whole model"}
    assert [target.model_folder(key).exists() for key in "abc"] == [True, False, False]
    before = files(target)
    merge_store(source, target)
    assert files(target) == before


def test_a_cell_that_replaces_a_failed_one_brings_its_model(stores: list[Store]) -> None:
    source, _, target = stores
    add_model(source, "a")
    add(target, "a", status="failed", reason="it raised")
    merge_store(source, target)
    record = target.read_cell("a")
    assert record is not None
    assert target.find_model_damage(record) == ""
