from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cell_records import cell_record

from tabgenbench.errors import StoreError
from tabgenbench.records import RunInfo, ScoreRecord, SuiteRecord, SuiteRow
from tabgenbench.store.claims import Claims
from tabgenbench.store.gc import find_garbage, free, quarantined_files
from tabgenbench.store.owner import Owner
from tabgenbench.store.store import Store

Call = Callable[..., int]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store of four cells with a table of 1,000,000 bytes and a score each; a suite needs the first two."""
    store = Store(tmp_path / "work" / "store")
    store.prepare()
    for key in "abcd":
        store.draw_path(key, 0).parent.mkdir(parents=True)
        store.draw_path(key, 0).write_bytes(b"x" * 1_000_000)
        store.write_cell(cell_record(key))
        store.write_score(ScoreRecord(key="m", cell_key=key, metric="gamma", status="ok"), RunInfo(metric="gamma"))
    rows = [
        SuiteRow(key=key, dataset="tiny", split=0, label="quiet", seed=0, is_control=False, scores={}) for key in "ab"
    ]
    store.write_suite(SuiteRecord(name="suite", rows=rows))
    return store


def tables(store: Store) -> list[str]:
    return sorted(path.parent.parent.name for path in store.root.glob("cells/*/synthetic/*.h5ad"))


def others(store: Store) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in store.root.rglob("*.json")}


def test_tables_that_no_suite_needs_are_freed_and_nothing_else(store: Store) -> None:
    before = others(store)
    found = find_garbage(store)
    assert [(one.key, one.size, one.kind) for one in found] == [
        (key, 1_000_000, "synthetic tables") for key in ("c", "d")
    ]
    assert tables(store) == ["a", "b", "c", "d"]
    assert free(store, found) == found
    assert tables(store) == ["a", "b"]
    assert others(store) == before
    assert find_garbage(store) == []
    assert not list((store.root / "tmp").iterdir())


def test_models_that_no_suite_needs_are_freed(
    store: Store, tabgenbench: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    for key in "ac":
        store.model_folder(key).mkdir()
        (store.model_folder(key) / "arrays.safetensors").write_bytes(b"x" * 500_000)
    assert tabgenbench("gc", "--store", str(store.root)) == 0
    assert "freed 2.5 MB: synthetic tables of 2 cells, models of 1 cells, 0 leftovers" in capsys.readouterr().out
    assert [store.model_folder(key).exists() for key in "ac"] == [True, False]


def test_a_cell_that_a_run_is_at_work_on_is_left_alone(store: Store) -> None:
    claims = Claims(Store(store.root))
    assert claims.acquire("c")
    found = find_garbage(store)
    assert [one.key for one in found] == ["d"]
    assert claims.acquire("d")  # since it was found
    assert free(store, found) == []
    assert tables(store) == ["a", "b", "c", "d"]


def test_leftovers_of_dead_processes_are_freed(store: Store) -> None:
    dead = Owner.this_process().model_copy(update={"started": 1})
    (store.root / "tmp" / dead.new_name()).mkdir()
    mine = store.new_folder()
    claims = Claims(store)
    assert claims.acquire("a")
    store.write_text(store.root / "claims" / "b.json", dead.model_dump_json())
    found = [one for one in find_garbage(store) if one.kind != "synthetic tables"]
    assert [one.kind for one in found] == ["temporary files", "claims"]
    assert free(store, found) == found
    assert list((store.root / "tmp").iterdir()) == [mine]
    assert sorted(claims.owners()) == ["a"]
    assert not (store.root / "claims" / "b.json").exists()


def test_a_table_without_a_record_is_freed_when_nobody_is_at_work_on_it(store: Store) -> None:
    (store.root / "cells" / "d" / "fit.json").unlink()
    assert "d, a cell without a record" in [one.title for one in find_garbage(store)]


@pytest.mark.parametrize("moved", [False, True])
def test_nothing_is_freed_while_a_suite_cannot_be_read(store: Store, moved: bool) -> None:
    (store.root / "suites" / "other.json").write_text("torn")
    if moved:  # by a run, in the meantime
        again = Store(store.root)
        again.prepare()
        assert again.read_suite("other") is None
        assert (store.root / "quarantine" / "suites" / "other.json").exists()
    with pytest.raises(StoreError, match=r"other\.json: cannot tell which cells this suite needs; run the suite again"):
        find_garbage(store)
    store.write_suite(SuiteRecord(name="other"))  # run again
    assert [one.key for one in find_garbage(store)] == ["c", "d"]


def test_the_command_frees_unless_it_is_a_dry_run(
    store: Store, tabgenbench: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    (store.root / "quarantine").mkdir()
    (store.root / "quarantine" / "torn.json").write_text("torn")
    assert tabgenbench("gc", "--dry-run") == 0
    captured = capsys.readouterr()
    assert "would free 2.0 MB: synthetic tables of 2 cells, 0 leftovers" in captured.out
    assert "quiet:c · tiny · split 0 · seed 0" in captured.out
    assert "contains 1 corrupt files" in captured.err
    assert tables(store) == ["a", "b", "c", "d"]
    assert tabgenbench("gc", "--store", "store") == 0
    assert "freed 2.0 MB" in capsys.readouterr().out
    assert tables(store) == ["a", "b"]
    assert quarantined_files(store) == (1, 4)
    assert tabgenbench("gc") == 0
    assert "freed 0.0 MB: synthetic tables of 0 cells" in capsys.readouterr().out
    assert tabgenbench("gc", "--store", "nowhere") == 2
    assert "nowhere contains no cells" in capsys.readouterr().err
    assert not os.path.exists("nowhere")


def test_a_store_without_suites_is_emptied_only_with_a_yes(
    store: Store, tabgenbench: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    (store.root / "suites" / "suite.json").unlink()
    assert tabgenbench("gc", "--store", str(store.root)) == 2
    assert (
        "contains no suite, so the synthetic tables of all 4 cells would be freed; add --yes" in capsys.readouterr().err
    )
    assert tables(store) == ["a", "b", "c", "d"]
    assert tabgenbench("gc", "--store", str(store.root), "--dry-run") == 0
    assert tables(store) == ["a", "b", "c", "d"]
    assert tabgenbench("gc", "--store", str(store.root), "--yes") == 0
    assert tables(store) == []
