from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tabgenbench import DatasetCard, DatasetSource, Table
from tabgenbench.data.split_config import SplitConfig
from tabgenbench.data.split_files import find_damage
from tabgenbench.run.prepare import Prepared, prepare_dataset
from tabgenbench.store.store import Store


class Tiny(DatasetSource):
    name = "tiny"
    loads = 0

    def __init__(self, table: Table) -> None:
        super().__init__()
        self.table = table

    @property
    def card(self) -> DatasetCard:
        return DatasetCard(title="tiny", summary="a table of a test")

    def load(self) -> Table:
        self.loads += 1
        return self.table


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.prepare()
    return store


@pytest.fixture
def source(table: Table) -> Tiny:
    return Tiny(table)


def prepare(store: Store, source: Tiny, n_splits: int = 2) -> Prepared:
    options: dict[str, Any] = {"label": "tiny", "code": "c", "config": SplitConfig(), "n_splits": n_splits}
    prepared = prepare_dataset(store, source, say=lambda line: None, **options)
    prepared.commit(store)
    return prepared


def folders(store: Store) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (store.root / "splits").iterdir()}


def test_a_dataset_that_the_store_knows_is_not_loaded(store: Store, source: Tiny) -> None:
    first = prepare(store, source)
    before = folders(store)
    again = prepare(store, source)
    assert source.loads == 1
    assert folders(store) == before
    assert again.splits == first.splits
    assert again.index.roles == first.index.roles == source.table.schema
    assert again.index == first.index
    assert not list((store.root / "tmp").iterdir())


def test_a_corrupt_index_costs_a_reload(store: Store, source: Tiny) -> None:
    prepare(store, source)
    before = folders(store)
    path = next((store.root / "datasets").iterdir())
    kept = json.loads(path.read_text())
    assert kept.pop("schema")["conditions"] == ["tissue", "status"]
    path.write_text(json.dumps(kept))
    assert prepare(store, source).index.roles == source.table.schema
    assert source.loads == 2
    assert folders(store) == before
    assert prepare(store, source).index.roles == source.table.schema
    assert source.loads == 2
    assert [found.path for found in store.quarantined] == [path]


def test_a_torn_index_is_quarantined_and_made_anew(store: Store, source: Tiny) -> None:
    prepare(store, source)
    path = next((store.root / "datasets").iterdir())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    prepare(store, source)
    assert source.loads == 2
    assert path.read_bytes() == whole
    assert [found.path for found in store.quarantined] == [path]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def garble(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:10] + b"?" + content[11:])


# A changed byte inside a large table is not detected.
HARMS = [(name, harm) for name in ("train.h5ad", "validation.h5ad", "test.h5ad") for harm in (cut, Path.unlink)]
HARMS += [(name, harm) for name in ("split.json", "conditions.json") for harm in (cut, Path.unlink, garble)]


@pytest.mark.parametrize(("name", "harm"), HARMS)
def test_a_split_that_is_not_whole_is_quarantined_and_written_again(
    store: Store, source: Tiny, name: str, harm: Callable[[Path], None]
) -> None:
    prepared = prepare(store, source)
    kept, broken = (store.split_folder(split.fingerprint) for split in prepared.splits)
    before = folders(store)
    whole = {path.name: path.read_bytes() for path in broken.iterdir()}
    harm(broken / name)
    again = prepare(store, source)
    assert again.splits == prepared.splits
    assert source.loads == 2
    assert {path.name: path.read_bytes() for path in broken.iterdir()} == whole
    assert folders(store)[kept.name] == before[kept.name]
    (found,) = store.quarantined
    assert found.path == broken
    assert name in found.reason
    assert found.moved == store.root / "quarantine" / "splits" / broken.name
    assert found.moved.is_dir()


def test_a_torn_list_of_files_and_a_foreign_folder_are_damage(store: Store, source: Tiny) -> None:
    (split,) = prepare(store, source, n_splits=1).splits
    folder = store.split_folder(split.fingerprint)
    (folder / "files.json").write_text("{")
    assert find_damage(folder) == "files.json cannot be read"
    (store.root / "splits" / "empty").mkdir()
    assert find_damage(store.root / "splits" / "empty") == "files.json is missing"
    assert find_damage(store.root / "splits" / "none") == "files.json is missing"
    (folder / "notes.txt").write_text("a stray file")
    prepare(store, source, n_splits=1)
    assert find_damage(folder) == ""
    (folder / "notes.txt").write_text("a stray file")
    assert find_damage(folder) == ""


def test_a_file_where_a_split_belongs_makes_way(store: Store, source: Tiny) -> None:
    (split,) = prepare(store, source, n_splits=1).splits
    folder = store.split_folder(split.fingerprint)
    os.rename(folder, store.root / "tmp" / "elsewhere")
    folder.write_text("in the way")
    prepare(store, source, n_splits=1)
    assert find_damage(folder) == ""
    assert (store.root / "quarantine" / "splits" / folder.name).read_text() == "in the way"


def test_preparing_writes_nothing_before_the_commit(tmp_path: Path, source: Tiny) -> None:
    store = Store(tmp_path / "nowhere")
    options: dict[str, Any] = {"label": "tiny", "code": "c", "config": SplitConfig(), "n_splits": 1}
    prepared = prepare_dataset(store, source, say=lambda line: None, **options)
    assert prepared.index.roles == source.table.schema
    assert not store.root.exists()
