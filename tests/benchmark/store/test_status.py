from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cell_records import cell_record

from tabgenbench.records import (
    Phase,
    RunInfo,
    ScoreRecord,
    SuiteRecord,
    SuiteRow,
)
from tabgenbench.store.claims import Claims
from tabgenbench.store.owner import Owner
from tabgenbench.store.status import Standing, find_standing
from tabgenbench.store.store import Store

Call = Callable[..., int]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "work" / "store")
    store.prepare()
    return store


def ask(store: Store, *keys: str, name: str = "suite", labels: dict[str, str] | None = None) -> SuiteRecord:
    """Write a suite of cells, each with one metric."""
    rows = [
        SuiteRow(
            key=key,
            dataset="tiny",
            split=0,
            label=(labels or {}).get(key, "quiet"),
            seed=0,
            is_control=False,
            scores={"gamma": "m"},
        )
        for key in keys
    ]
    suite = SuiteRecord(name=name, rows=rows)
    store.write_suite(suite)
    return suite


def finish(store: Store, key: str, *, seconds: float = 10.0, metric: str | None = "ok") -> None:
    """Write a cell with this training time, a tenth of it for sampling, and one second for scoring."""
    phases = {"fit": Phase(status="ok", seconds=seconds), "sample": Phase(status="ok", seconds=seconds / 10)}
    store.write_cell(cell_record(key, phases=phases))
    if metric is not None:
        status: Any = metric
        reason = "" if metric == "ok" else "it\nraised"
        score = ScoreRecord(key="m", cell_key=key, metric="gamma", status=status, reason=reason)
        store.write_score(score, RunInfo(metric="gamma", seconds=1.0))


def counts(one: Standing) -> tuple[int, ...]:
    return one.cells, one.done, len(one.running), one.failed, one.skipped, one.waiting


def claim(store: Store, key: str, *, age: float = 0.0, **changes: Any) -> None:
    since = (datetime.now(UTC) - timedelta(seconds=age)).isoformat(timespec="seconds")
    owner = Owner.this_process().model_copy(update={"since": since, **changes})
    store.write_text(store.root / "claims" / f"{key}.json", owner.model_dump_json())


def test_every_cell_counts_once(store: Store) -> None:
    suite = ask(store, *"abcdefgh")
    finish(store, "a")
    finish(store, "b", metric=None)  # trained, but not yet scored
    finish(store, "c", metric="crashed")
    finish(store, "d", metric="skipped")
    store.write_cell(cell_record("e", status="timeout", reason="took longer than 5 s"))
    store.write_cell(cell_record("f", status="skipped", reason="needs the moon"))
    claim(store, "g")
    found = find_standing(store, suite)
    assert counts(found) == (8, 2, 1, 2, 1, 2)
    assert [(one.metric, one.status, one.reason) for one in found.failures] == [
        ("gamma", "crashed", "it\nraised"),
        (None, "timeout", "took longer than 5 s"),
    ]
    assert [(one.key, one.owner.pid) for one in found.running] == [("g", os.getpid())]


def test_a_claim_counts_where_there_is_work_and_its_owner_lives(store: Store) -> None:
    suite = ask(store, *"abcd")
    finish(store, "a")
    claim(store, "a")  # about to be given back
    store.write_cell(cell_record("b", status="failed"))
    claim(store, "b")  # tried again
    claim(store, "c", started=1)  # its process has ended
    claim(store, "d", host="another")
    assert counts(find_standing(store, suite)) == (4, 1, 2, 0, 0, 1)
    os.utime(store.root / "claims" / "d.json", (1000, 1000))
    assert counts(find_standing(store, suite)) == (4, 1, 1, 0, 0, 2)


def test_time_left_is_told_from_finished_cells_of_the_same_generator(store: Store) -> None:
    labels = {"a": "slow", "b": "slow", "c": "quick", "d": "slow", "e": "quick", "f": "new"}
    suite = ask(store, *"abcdef", labels=labels)
    assert find_standing(store, suite).seconds_left is None
    finish(store, "a", seconds=100)  # 111 s with sampling and scoring
    finish(store, "b", seconds=200)  # 221 s
    finish(store, "c", seconds=10)  # 12 s
    assert find_standing(store, suite).seconds_left is None  # no cell of "new" is finished
    finish(store, "f", seconds=10)
    assert find_standing(store, suite).seconds_left == pytest.approx(166 + 12)
    claim(store, "d", age=100)
    claim(store, "e", age=50)  # longer than expected
    assert find_standing(store, suite).seconds_left == pytest.approx((66 + 0) / 2, abs=3)
    for key in "de":
        finish(store, key)
    assert find_standing(store, suite).seconds_left == 0


def test_status_shows_suites_running_cells_and_failures(
    store: Store, tabgenbench: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(store, *"abcd")
    ask(store, *"ab", name="other")
    finish(store, "a", seconds=600)
    store.write_cell(cell_record("b", status="failed", reason="cannot\nlearn this"))
    claims = Claims(store)
    assert claims.acquire("c")
    owner = claims.holder("c")
    assert owner is not None
    assert tabgenbench("status") == 0
    out = capsys.readouterr().out
    table, running, failures = (part.splitlines() for part in out.split("\n\n"))
    assert table[0].split() == ["suite", "cells", "done", "running", "failed", "skipped", "waiting", "time", "left"]
    assert {line.split()[0]: line.split()[1:] for line in table[1:]} == {
        "suite": ["4", "1", "1", "1", "0", "1", "22", "min"],
        "other": ["2", "1", "0", "1", "0", "0", "-"],
    }
    assert len(running) == 2
    assert f"{owner.host}:{owner.pid}" in running[1]
    assert owner.since in running[1]
    assert failures[1:] == ["quiet · tiny · split 0 · seed 0  failed  cannot learn this"]


def test_status_as_json(store: Store, tabgenbench: Call, capsys: pytest.CaptureFixture[str]) -> None:
    ask(store, *"abc")
    finish(store, "a", metric="failed")
    claim(store, "b")
    (store.root / "suites" / "torn.json").write_text("{")
    assert tabgenbench("status", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    (suite,) = found["suites"]
    assert {name: suite[name] for name in ("suite", "cells", "done", "running", "failed", "waiting")} == {
        "suite": "suite",
        "cells": 3,
        "done": 0,
        "running": 1,
        "failed": 1,
        "waiting": 1,
    }
    assert suite["seconds_left"] is None
    assert [(one["key"], one["pid"]) for one in suite["now"]] == [("b", os.getpid())]
    assert [(one["metric"], one["status"]) for one in suite["failures"]] == [("gamma", "failed")]
    assert [Path(one["path"]).name for one in found["unreadable"]] == ["torn.json"]


def test_status_changes_nothing(store: Store, tabgenbench: Call, capsys: pytest.CaptureFixture[str]) -> None:
    ask(store, *"ab")
    (store.cell_folder("a")).mkdir()
    (store.cell_folder("a") / "fit.json").write_text("torn")
    claim(store, "b", started=1)
    before = {path: path.stat().st_mtime_ns for path in store.root.rglob("*")}
    assert tabgenbench("status") == 0
    captured = capsys.readouterr()
    assert "fit.json: not a record of this program (Invalid JSON" in captured.err
    assert captured.out.splitlines()[1].split() == ["suite", "2", "0", "0", "0", "0", "2", "-"]
    assert {path: path.stat().st_mtime_ns for path in store.root.rglob("*")} == before
