"""Reads the tables that a user wants to score: training rows, test rows and any number of synthetic tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from tabgenbench.data.column_names import match_roles
from tabgenbench.data.findings import notes_on_ids
from tabgenbench.data.frame_file import read_frame, suffix_of
from tabgenbench.data.memory import adata_as_read, frame_as_read, is_adata
from tabgenbench.data.schema import Schema
from tabgenbench.data.table import Source, Table
from tabgenbench.data.table_file import read_table_file, table_from_adata, table_from_frame, without
from tabgenbench.errors import DataError
from tabgenbench.registry.file_card import FileCard
from tabgenbench.registry.roles import find_roles, with_gaps

__all__ = ["Data", "ReadRequest", "ScoredTables", "read_scored_tables"]

Data: TypeAlias = Any  # a path, a pandas.DataFrame or an anndata.AnnData, which have no type stubs


@dataclass(frozen=True, kw_only=True)
class ReadRequest:
    """The tables to read; each is a path, a `pandas.DataFrame` or an `anndata.AnnData`.

    Attributes:
        train: rows on which the models were trained.
        test: real rows on which the models were not trained.
        synthetic: synthetic tables by name. Messages call a table by its path or, without a path, by its name.
        conditions: columns that are conditions, not features.
        ignore: columns to exclude.
        log2p1: whether to take log2(x + 1) before standardisation.
        say: function that is called with each note on the tables, such as the names of columns that are not scored.
    """

    train: Data
    test: Data
    synthetic: dict[str, Data]
    conditions: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    log2p1: bool = False
    say: Callable[[str], None] = lambda _: None

    @property
    def inputs(self) -> list[_Input]:
        """Training rows, test rows and synthetic tables, in this order."""
        named = {"train": self.train, "test": self.test}
        return [_Input(words, data) for words, data in [*named.items(), *self.synthetic.items()]]


@dataclass(frozen=True)
class ScoredTables:
    """Real and synthetic tables with equal columns, not standardised; `synthetic` is ordered as in `ReadRequest`."""

    train: Table
    test: Table
    synthetic: list[Table]

    @classmethod
    def of(cls, tables: Sequence[Table]) -> ScoredTables:
        """Return a `ScoredTables` object; ``tables`` has the order of `ReadRequest.inputs`."""
        return cls(tables[0], tables[1], list(tables[2:]))


@dataclass(frozen=True)
class _Input:
    words: str
    data: Data

    @property
    def path(self) -> Path | None:
        return Path(self.data).expanduser() if isinstance(self.data, str | Path) else None

    @property
    def where(self) -> str:
        return self.words if self.path is None else str(self.path)


def read_scored_tables(request: ReadRequest) -> ScoredTables:
    """Read the requested tables, and give all tables the column order of the training table.

    If no table is an h5ad file or an AnnData object, the real rows determine which columns are numeric and which are
    categorical, and tables may have missing values. ``request.say`` is called with notes on the tables.

    Raises:
        DataError: a table cannot be used, or the columns of the tables differ.
    """
    frames = [_frame(one, request) for one in request.inputs]
    known = [frame for frame in frames if frame is not None]
    notes: list[str] = []
    if len(known) == len(frames):
        tables, notes = _typed_alike(known, request)
    else:
        train, *others = [_read(one, request) for one in request.inputs]
        tables = ScoredTables.of([train, *(_aligned(table, train) for table in others)])
    for table, given in zip(tables.synthetic, request.inputs[2:], strict=True):
        prefix = "" if len(tables.synthetic) == 1 else f"{given.where}: "
        notes += [prefix + note for note in (*_unknown(tables.train, table), *_other_conditions(tables.test, table))]
    for note in dict.fromkeys(notes):
        request.say(f"note: {note}")
    return tables


def _frame(given: _Input, request: ReadRequest) -> pd.DataFrame | None:
    if given.path is not None:
        if suffix_of(given.path) == ".h5ad":
            return None
        return without(read_frame(given.path, text=request.conditions), request.ignore, given.where)
    if isinstance(given.data, pd.DataFrame):
        return without(frame_as_read(given.data, given.where, text=request.conditions), request.ignore, given.where)
    return None


def _typed_alike(frames: list[pd.DataFrame], request: ReadRequest) -> tuple[ScoredTables, list[str]]:
    places = [one.where for one in request.inputs]
    real, where = _stacked(frames[:2]), f"{places[0]} and {places[1]}"
    card = match_roles(FileCard(conditions=request.conditions, log2p1=request.log2p1), list(real.columns), where=where)
    found = find_roles(real, card, "real rows", where=where)
    columns = [name for name in found.frame.columns if name != found.schema.group]
    left_out = {column.name for column in found.layout.columns} - set(columns)
    for frame, place in zip(frames, places, strict=True):
        _check_columns(frame, columns, left_out, place)
    kept = [frame.loc[:, columns] for frame in frames]
    gaps = with_gaps(_stacked(kept), found.schema.model_copy(update={"gaps": (), "group": None}), "score")
    features = tuple(dict.fromkeys((*found.schema.categorical_features, *gaps.categorical_features)))
    schema = gaps.model_copy(update={"categorical_features": features})
    tables = ScoredTables.of(
        [
            table_from_frame(frame, place, schema=schema, log2p1=request.log2p1, source=Source(place))
            for frame, place in zip(kept, places, strict=True)
        ]
    )
    notes = [note for frame in frames for note in notes_on_ids(frame)]
    if left_out:
        notes.append(f"not scored: {', '.join(sorted(left_out))} (one value, an identifier, a donor or free text)")
    return tables, notes


def _stacked(frames: list[pd.DataFrame]) -> pd.DataFrame:
    stacked = pd.concat(frames)
    stacked.attrs.clear()
    return stacked


def _check_columns(frame: pd.DataFrame, columns: list[str], left_out: set[str], where: str) -> None:
    missing = sorted(set(columns) - set(frame.columns))
    extra = sorted(set(frame.columns) - set(columns) - left_out)
    if missing or extra:
        which = f"no column {missing[0]!r}" if missing else f"a column {extra[0]!r} that is not in the training rows"
        count = f"{len(missing)} missing, {len(extra)} not in the training rows"
        raise DataError(f"{where}: has {which} ({count}); use the same columns in all tables, or ignore them")


def _unknown(train: Table, synthetic: Table) -> list[str]:
    rows, examples = np.zeros(synthetic.n_rows, dtype=bool), []
    for name in synthetic.schema.categorical_features:
        unknown = ~synthetic.obs[name].isin(train.obs[name].unique()).to_numpy()
        if unknown.any():
            examples.append(f"{name}={synthetic.obs[name].iloc[int(unknown.argmax())]!r}")
            rows |= unknown
    if not examples:
        return []
    listed = ", ".join(examples[:5])
    return [f"{rows.sum():,} of {len(rows):,} synthetic rows have a category that no training row has: {listed}"]


def _other_conditions(test: Table, synthetic: Table) -> list[str]:
    if not test.schema.conditions:
        return []
    real, made = (Counter(table.conditions.itertuples(index=False, name=None)) for table in (test, synthetic))
    if real == made:
        return []
    paired = f"{(real & made).total():,} of {synthetic.n_rows:,} synthetic rows can be paired with a test row"
    expected = f"({test.n_rows:,} test rows); metrics expect the conditions of the test rows"
    return [f"{paired} of the same condition {expected}"]


def _read(given: _Input, request: ReadRequest) -> Table:
    data, place, ignore = given.data, given.where, request.ignore
    schema, log2p1 = Schema(conditions=request.conditions), request.log2p1
    if given.path is not None:
        return read_table_file(given.path, schema=schema, log2p1=log2p1, ignore=ignore, name=place)
    if isinstance(data, pd.DataFrame):
        frame = without(frame_as_read(data, place, text=request.conditions), ignore, place)
        source = Source(place, note="; ".join(notes_on_ids(frame)))
        return table_from_frame(frame, place, schema=schema, log2p1=log2p1, source=source)
    if is_adata(data):
        adata = adata_as_read(data, place, ignore=ignore)
        return table_from_adata(adata, place, schema=schema, log2p1=log2p1, source=Source(place))
    got = f"{type(data).__module__}.{type(data).__qualname__}"
    raise DataError(f"{place}: got {got}, expected a pandas.DataFrame, an anndata.AnnData or a path; convert it first")


def _aligned(table: Table, train: Table) -> Table:
    for column in set(train.schema.conditions) - set(table.schema.conditions):
        raise DataError(f"{table.source.name}: no condition {column!r}, which the training rows have; use equal names")
    missing = sorted(set(train.features) - set(table.features))
    extra = sorted(set(table.features) - set(train.features))
    if missing or extra:
        which = f"no column {missing[0]!r}" if missing else f"a column {extra[0]!r} that is not in the training rows"
        count = f"{len(missing)} missing, {len(extra)} not in the training rows"
        raise DataError(f"{table.source.name}: has {which} ({count}); use the same feature columns in all tables")
    if table.features == train.features:
        return table
    position = {name: i for i, name in enumerate(table.features)}
    return train.like(table.dense()[:, [position[name] for name in train.features]], table.obs)
