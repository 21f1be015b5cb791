from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import pytest

from tabgenbench import Problem, ScoreSpec
from tabgenbench.records import CellIdentity, CellRecord, DrawScores, RunInfo, ScoreRecord, Status
from tabgenbench.store.reader import RecordReader
from tabgenbench.store.snapshot import CellSnapshot, read_snapshot
from tabgenbench.store.store import Store

KEYS = {"gamma": "g", "moments": "m", "slow": "s"}
IDENTITY = CellIdentity.model_validate(
    {
        "dataset": "wdbc", "dataset_fingerprint": "f", "split": 0, "split_fingerprint": "p", "n_train": 4,
        "n_validation": 0, "n_test": 2, "n_features": 3, "generator": "cvae", "label": "cvae", "config": {},
        "card": {}, "is_control": False, "seed": 0, "draws": 1,
    }
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store(tmp_path / "store")
    found.prepare()
    return found


def write_cell(store: Store, status: Status = "ok", reason: str = "") -> CellRecord:
    record = CellRecord(key="abc", cell=IDENTITY, status=status, reason=reason, losses={"epoch": [1.0], "loss": [2.0]})
    store.write_cell(record)
    return record


def write_score(store: Store, key: str, status: Status, reason: str = "") -> ScoreRecord:
    specs = [ScoreSpec(name=key, direction="higher", description="text")]
    draws = [DrawScores(draw=0, scores={key: 0.5})] if status == "ok" else []
    record = ScoreRecord(key=key, cell_key="abc", metric=key, specs=specs, status=status, reason=reason, draws=draws)
    store.write_score(record, RunInfo(metric=key, seconds=0.1))
    return record


def read(store: Store, *, curves: bool = False) -> CellSnapshot:
    return read_snapshot(RecordReader(store), "abc", KEYS, curves=curves)


def test_nothing_recorded(store: Store) -> None:
    found = read(store)
    assert (found.record, dict(found.scores), found.missing, found.not_ok("cell")) == (None, {}, [], [])
    assert not found.is_trained
    assert not found.has_failed


@pytest.mark.parametrize(("status", "failed"), [("crashed", True), ("skipped", False)])
def test_a_cell_that_is_not_ok_has_no_scores(store: Store, status: Literal["crashed", "skipped"], failed: bool) -> None:
    write_cell(store, status, "why")
    write_score(store, "g", "ok")
    found = read(store)
    assert (dict(found.scores), found.missing, found.has_failed) == ({}, [], failed)
    assert found.not_ok("cvae") == [Problem("cvae", None, status, "why")]


def test_scores_that_are_missing_failed_or_skipped(store: Store) -> None:
    write_cell(store)
    write_score(store, "g", "ok")
    write_score(store, "m", "timeout", "too slow")
    found = read(store)
    assert found.is_trained
    assert (found.missing, found.failed_metrics, found.has_failed) == (["slow"], ["moments"], True)
    assert found.not_ok("cvae") == [Problem("cvae", "moments", "timeout", "too slow")]
    write_score(store, "s", "skipped", "no batch")
    assert [problem.title for problem in read(store).not_ok("cvae")] == ["cvae · metric moments", "cvae · metric slow"]


def test_what_is_read_quickly_is_what_is_on_record(store: Store) -> None:
    cell = write_cell(store)
    scores = {label: write_score(store, key, "ok") for label, key in KEYS.items()}
    found = read(store, curves=True)
    assert found.record == cell
    assert dict(found.scores) == scores
    assert read(store).record == cell.model_copy(update={"losses": {}}), "loss curves only where they are asked for"


def test_a_record_in_another_layout_is_read_as_well(store: Store) -> None:
    cell = write_cell(store)
    score = write_score(store, "g", "ok")
    for path in (store.cell_folder("abc") / "fit.json", store.score_path("abc", "g")):
        path.write_text(json.dumps(json.loads(path.read_text())))
    found = read(store, curves=True)
    assert (found.record, found.scores["gamma"]) == (cell, score)


def test_a_corrupt_score_is_missing_and_quarantined(store: Store) -> None:
    write_cell(store)
    write_score(store, "g", "ok")
    path = store.score_path("abc", "g")
    path.write_text(path.read_text()[:-30])
    assert read(store).missing == ["gamma", "moments", "slow"]
    assert [found.path for found in store.quarantined] == [path]


def test_a_record_without_a_schema_version_is_none_of_ours(store: Store) -> None:
    write_cell(store)
    path = store.cell_folder("abc") / "fit.json"
    content = json.loads(path.read_text())
    del content["schema_version"]
    path.write_text(json.dumps(content, indent=1))
    assert read(store).record is None
    assert [found.path for found in store.quarantined] == [path]
