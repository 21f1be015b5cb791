"""Loads, validates and splits datasets, and writes the splits to the store."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tabgenbench.data.split import Split, SplitConfig, make_split
from tabgenbench.data.split_coverage import coverage_note
from tabgenbench.data.split_files import find_damage, write_split
from tabgenbench.data.table import Table
from tabgenbench.formatting import count_text, features_text, place_text
from tabgenbench.interfaces.dataset import DatasetSource
from tabgenbench.records import Card
from tabgenbench.registry.keys import code_hash, make_key
from tabgenbench.store.dataset_index import DatasetIndex, SplitInfo, publish_split
from tabgenbench.store.store import Store

__all__ = ["Prepared", "prepare_dataset", "read_index"]


@dataclass
class Prepared:
    """A dataset with its splits. Method `commit` writes new splits to the store.

    Attributes:
        index: label, fingerprint, size, schema, stored splits and new splits of the dataset.
        splits: the requested splits, in order; a split with two folds (``thirds`` in `SplitConfig`) appears twice.
        identity: hash of the source's code, options and input files. The file of ``index`` in the store has this name.
    """

    index: DatasetIndex
    splits: list[SplitInfo]
    identity: str
    _table: Table | None = None
    _new: list[Split] = field(default_factory=list)

    def commit(self, store: Store) -> None:
        """Write new splits to the store, and free the table's memory."""
        for split in self._new:
            if self._table is None:
                break
            final = store.split_folder(split.fingerprint)
            if not final.exists() or find_damage(final):
                folder = store.new_folder()
                try:
                    write_split(folder, self._table, split)
                    publish_split(store, folder, final)
                finally:
                    shutil.rmtree(folder, ignore_errors=True)
        if self._new:
            path = _index_path(store, self.identity)
            kept = store.read(path, DatasetIndex)  # a corrupt index is quarantined before it is replaced
            if kept is not None and kept.fingerprint == self.index.fingerprint:  # keep splits that are already known
                self.index.splits = {**kept.splits, **self.index.splits}
            store.write_text(path, self.index.model_dump_json(indent=1) + "\n")
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
    tables: dict[str, Table] | None = None,
) -> Prepared:
    """Return a dataset with its splits.

    If the store lacks any of the splits, the table is loaded (unless ``tables`` contains it) and all requested splits
    are made. Nothing is written.

    Args:
        store: store with the splits of earlier runs.
        source: the dataset.
        label: name of the dataset, with the options that differ from the defaults.
        code: hash of the source's code.
        config: settings of the split.
        n_splits: number of splits; split ``i`` has seed ``i``.
        say: called with a line of text before a slow step.
        tables: tables that this run has loaded, by the result of `identity_of`; the function adds a loaded table.

    Raises:
        ConfigError: the table cannot be split with these settings.
        DataError: the table cannot be loaded or is invalid.
    """
    splitting = code_hash("tabgenbench.data.split")
    identity = identity_of(source, code)
    places = [(i, fold) for i in range(n_splits) for fold in config.folds]
    requests = [_request(config, seed, fold, code=splitting) for seed, fold in places]
    index = read_index(store, source, code)
    tables = {} if tables is None else tables
    table: Table | None = None
    new: list[Split] = []
    if index is None or not all(_is_there(store, index.splits.get(request)) for request in requests):
        is_first = identity not in tables
        if is_first:
            say(f"loading {label}")
            tables[identity] = source.load().validate()
        table = tables[identity]
        index = _fresh_index(index, table, label).model_copy(update={"card": _card_of(source)})
        for (i, fold), request in zip(places, requests, strict=True):
            split = make_split(table, config, seed=i, fingerprint=index.fingerprint, fold=fold)
            new.append(split)
            index.splits[request] = _info(split, i, fold, table)
        note = f" ({table.source.note})" if table.source.note else ""
        size = f"{count_text(table.n_rows, 'row')} x {features_text(table.n_features, table.schema.n_categorical)}"
        if is_first:
            say(f"{label}: {size}{note}")
        for info in (index.splits[request] for request in requests):
            if info.note:
                say(f"{label}, {place_text(info.index, info.fold)}: {info.note}")
    index = index.model_copy(update={"label": label})
    splits = [index.splits[request] for request in requests]
    return Prepared(index, splits, identity, _table=table, _new=new)


def identity_of(source: DatasetSource, code: str) -> str:
    """Return the hash of a source's code, options and input files."""
    return make_key(source=source.identity(), code=code)


def read_index(store: Store, source: DatasetSource, code: str) -> DatasetIndex | None:
    """Return the index that is stored for the source's code, options and input files, or None if there is none."""
    return store.read(_index_path(store, identity_of(source, code)), DatasetIndex)


def _fresh_index(index: DatasetIndex | None, table: Table, label: str) -> DatasetIndex:
    fingerprint = table.fingerprint()
    splits = index.splits if index is not None and index.fingerprint == fingerprint else {}
    return DatasetIndex(
        label=label,
        fingerprint=fingerprint,
        note=table.source.note,
        n_rows=table.n_rows,
        n_features=table.n_features,
        roles=table.schema,
        splits=dict(splits),
    )


def _card_of(source: DatasetSource) -> Card:
    card = source.card
    return Card(summary=card.summary, citation=card.citation, licence=card.licence, url=card.url)


def _request(config: SplitConfig, seed: int, fold: int | None, *, code: str) -> str:
    parts = {"split": config.model_dump(mode="json"), "seed": seed, "code": code}
    return make_key(**parts if fold is None else {**parts, "fold": fold})


def _info(split: Split, index: int, fold: int | None, table: Table) -> SplitInfo:
    return SplitInfo(
        index=index,
        fold=fold,
        fingerprint=split.fingerprint,
        kind=split.kind,
        n_train=len(split.train),
        n_validation=len(split.validation),
        n_test=len(split.test),
        n_features=len(split.features) or None,
        pooled=split.pooled,
        note=coverage_note(split, table),
    )


def _is_there(store: Store, info: SplitInfo | None) -> bool:
    return info is not None and not find_damage(store.split_folder(info.fingerprint))


def _index_path(store: Store, identity: str) -> Path:
    return store.root / "datasets" / f"{identity}.json"
