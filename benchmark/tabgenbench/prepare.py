"""Datasets made ready: loaded and checked, split, and laid into the store once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from tabgenbench.dataset import DatasetSource
from tabgenbench.keys import code_hash, make_key
from tabgenbench.split import Split, SplitConfig, make_split
from tabgenbench.split_files import write_split
from tabgenbench.store import Store
from tabgenbench.table import Table

__all__ = ["Prepared", "SplitInfo", "prepare_dataset"]


class SplitInfo(BaseModel):
    """What a plan needs to know of a split."""

    model_config = ConfigDict(frozen=True)

    index: int
    fingerprint: str
    kind: str
    n_train: int
    n_validation: int
    n_test: int
    pooled: tuple[str, ...] = ()


class _Index(BaseModel):
    """``datasets/<identity>.json``: what a source gave when it was last loaded, and the splits made of it."""

    label: str
    fingerprint: str
    note: str
    n_rows: int
    n_features: int
    splits: dict[str, SplitInfo] = {}


@dataclass
class Prepared:
    """A dataset with its splits; `commit` lays into the store what is not there yet."""

    label: str
    fingerprint: str
    note: str
    n_rows: int
    n_features: int
    splits: list[SplitInfo]
    identity: str
    _index: _Index
    _table: Table | None = None
    _new: list[Split] = field(default_factory=list)

    def commit(self, store: Store) -> None:
        """Write new splits to the store and drop the table from memory."""
        for split in self._new:
            if self._table is None:
                break
            final = store.split_folder(split.fingerprint)
            if not (final / "split.json").exists():
                folder = store.new_folder()
                write_split(folder, self._table, split)
                store.publish_folder(folder, final)
        if self._new:
            path = _index_path(store, self.identity)
            store.write_text(path, self._index.model_dump_json(indent=1) + "\n")
        self._table, self._new = None, []


def prepare_dataset(
    store: Store,
    source: DatasetSource,
    *,
    label: str,
    code: str,
    config: SplitConfig,
    n_splits: int,
    say: Callable[[str], None],
) -> Prepared:
    """Return a dataset with its splits; loads it only where the store has no record of it. Writes nothing.

    Args:
        store: where earlier runs left their splits.
        source: the dataset.
        label: name with the options that differ from the defaults.
        code: hash of the source's code.
        config: how to split.
        n_splits: number of splits; split ``i`` has seed ``i``.
        say: is told what takes long.

    Raises:
        DataError: the table cannot be loaded or is not valid.
    """
    splitting = code_hash("tabgenbench.split")
    identity = make_key(source=source.identity(), code=code)
    requests = [make_key(split=config.model_dump(mode="json"), seed=i, code=splitting) for i in range(n_splits)]
    index = _read_index(_index_path(store, identity))
    table: Table | None = None
    new: list[Split] = []
    if index is None or not all(_is_there(store, index.splits.get(request)) for request in requests):
        say(f"loading {label}")
        table = source.load().validate()
        index = _fresh_index(index, table, label)
        for i, request in enumerate(requests):
            split = make_split(table, config, seed=i, fingerprint=index.fingerprint)
            new.append(split)
            index.splits[request] = _info(split, i)
        say(f"{label}: {table.n_rows:,} rows x {table.n_features:,} features" + _in_brackets(table.source.note))
    return Prepared(
        label=label,
        fingerprint=index.fingerprint,
        note=index.note,
        n_rows=index.n_rows,
        n_features=index.n_features,
        splits=[index.splits[request] for request in requests],
        identity=identity,
        _index=index,
        _table=table,
        _new=new,
    )


def _in_brackets(note: str) -> str:
    return f" ({note})" if note else ""


def _fresh_index(index: _Index | None, table: Table, label: str) -> _Index:
    fingerprint = table.fingerprint()
    splits = index.splits if index is not None and index.fingerprint == fingerprint else {}
    return _Index(
        label=label,
        fingerprint=fingerprint,
        note=table.source.note,
        n_rows=table.n_rows,
        n_features=table.n_features,
        splits=dict(splits),
    )


def _info(split: Split, index: int) -> SplitInfo:
    return SplitInfo(
        index=index,
        fingerprint=split.fingerprint,
        kind=split.kind,
        n_train=len(split.train),
        n_validation=len(split.validation),
        n_test=len(split.test),
        pooled=split.pooled,
    )


def _is_there(store: Store, info: SplitInfo | None) -> bool:
    return info is not None and (store.split_folder(info.fingerprint) / "split.json").exists()


def _index_path(store: Store, identity: str) -> Path:
    return store.root / "datasets" / f"{identity}.json"


def _read_index(path: Path) -> _Index | None:
    try:
        return _Index.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValidationError):  # a torn index costs a reload, nothing more
        return None
