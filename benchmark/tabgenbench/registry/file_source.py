"""A dataset from a user's file, given by the path of the table or of a card.

A card is a TOML file with the fields of `FileCard`. Missing fields are inferred from the file:

* the sample ids are the first column if it has no name, has a name in `ID_NAMES` (``id``, ``sample``), or contains
  unique text; else rows are numbered from 1;
* a column with a name in `GROUP_NAMES`, such as ``donor`` or ``patient``, is the group;
* in CSV, tab-separated and Parquet files every other column of numbers is a feature, and every other column of text
  (or true / false) is a condition if it has at most 20 values, each in at least two rows; else loading fails with
  an error that explains how to assign a role or ignore the column;
* in h5ad files ``X`` holds the features and no column of ``obs`` becomes a condition, because there are often many.

The table's note states the inferred fields.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field, field_validator

from tabgenbench.data.column_names import match_roles
from tabgenbench.data.findings import notes_on_ids, with_findings
from tabgenbench.data.frame_file import TABLE_SUFFIXES, is_text, known_suffix, suffix_of, transposed
from tabgenbench.data.schema import Schema
from tabgenbench.data.table import Scale, Source, Table
from tabgenbench.data.table_file import (
    numeric_problem,
    read_frame,
    read_h5ad,
    table_from_adata,
    table_from_frame,
    without,
)
from tabgenbench.errors import ConfigError, DataError
from tabgenbench.interfaces.dataset import DatasetCard, DatasetSource, file_digest
from tabgenbench.options import Options, make_options

__all__ = [
    "DESCRIPTIVE",
    "GROUP_NAMES",
    "FileCard",
    "FileSource",
    "find_schema",
    "looks_like_file",
    "oriented",
    "refuse_transpose",
    "says_roles",
]

GROUP_NAMES = frozenset(name + end for name in ("donor", "individual", "patient", "subject") for end in ("", "_id"))
MAX_VALUES = 20  # a text column with more values is not taken as a condition
DESCRIPTIVE = {"name", "title", "summary", "citation", "licence", "url", "file"}


class FileCard(Options):
    """Fields of a card, which the command line can override."""

    name: str = Field("", description="name of the dataset; the card's or file's stem by default")
    title: str = Field("", description="title for readers; the name by default")
    summary: str = Field("", description="one sentence on the table")
    citation: str = Field("", description="citation of the data")
    licence: str = Field("", description="licence of the data")
    url: str = Field("", description="web page of the data")
    file: str = Field("", description="the CSV, TSV, Parquet or h5ad file, relative to the card")
    id: str | None = Field(None, description="column of sample ids")
    conditions: tuple[str, ...] | None = Field(None, description="columns that the generator receives for sampling")
    group: str | None = Field(None, description="column of the donor; a split does not divide a donor")
    batch: str | None = Field(None, description="column of the technical source")
    targets: tuple[str, ...] = Field((), description="columns or features that downstream tasks predict")
    categorical_features: tuple[str, ...] = Field((), description="categorical columns to generate")
    ignore: tuple[str, ...] = Field((), description="columns to exclude")
    transpose: bool = Field(False, description="whether samples are the columns of the file and features its rows")
    scale: Scale | None = Field(
        None, description="scale of the values; default: counts for an h5ad file of whole numbers, else linear"
    )
    log2p1: bool | None = Field(
        None, description="take log2(x + 1) before standardising; default: true if the scale is counts"
    )

    @field_validator("conditions", "targets", "categorical_features", "ignore", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    def named(self) -> tuple[str, ...]:
        """Return the columns that contain labels, even if the labels look like numbers."""
        names = [*(self.conditions or ()), self.batch, self.group, *self.categorical_features]
        return tuple(name for name in names if name is not None)


def looks_like_file(text: str) -> bool:
    """Return whether a dataset's name is the path of a card or a table; options after a colon are ignored.

    >>> looks_like_file("my.csv:log2p1=true"), looks_like_file("cards/my.toml"), looks_like_file("wdbc")
    (True, True, False)
    """
    return any(
        "/" in part or part.lower().endswith((".toml", *TABLE_SUFFIXES)) for part in (text, text.partition(":")[0])
    )


class FileSource(DatasetSource):
    """A table in a user's file.

    Args:
        config: options from the command line or a suite, which override the card.
        path: the card or the file itself.

    Raises:
        ConfigError: the card or the options contain an unknown key or an invalid value.
        DataError: the card or the file is missing, or its file type is unknown.
    """

    class Config(FileCard):
        """Fields of a card, set on the command line or in a suite."""

    def __init__(self, config: Options | None = None, *, path: Path) -> None:
        super().__init__(config)
        said = _read_card(path) if path.suffix.lower() == ".toml" else {"file": path.name}
        said |= self.config.model_dump(exclude_unset=True)
        self.settings = make_options(FileCard, said, where=str(path))
        if not self.settings.file:
            raise DataError(f'{path}: the card names no file, expected file = "table.csv"; add it')
        self.path = path.parent / Path(self.settings.file).expanduser()
        stem = path.name.removesuffix(suffix_of(path)) if suffix_of(path) else path.stem
        vars(self)["name"] = self.settings.name or stem  # the name belongs to the instance, not to the class
        known_suffix(self.path)

    @classmethod
    def from_path(cls, path: Path, options: Mapping[str, Any] | None = None) -> FileSource:
        """Return the source of a card or a file, with options that override the card."""
        return cls(make_options(cls.Config, options or {}, where=f"dataset {str(path)!r}"), path=path)

    @property
    def card(self) -> DatasetCard:
        """The card. Without a title or summary, the file's name is used."""
        said = self.settings
        return DatasetCard(
            title=said.title or self.name,
            summary=said.summary or f"table of {self.path.name}",
            citation=said.citation,
            licence=said.licence,
            url=said.url,
        )

    def identity(self) -> str:
        """Return a hash of the card, the options and the bytes of the file."""
        facts = [
            self.name,
            self.settings.model_dump_json(exclude={"file"}),
            suffix_of(self.path),
            file_digest(self.path),
        ]
        return hashlib.sha256("|".join(facts).encode()).hexdigest()

    def load(self) -> Table:
        """Return the checked table."""
        said, path = self.settings, self.path
        if suffix_of(path) == ".h5ad":
            refuse_transpose(said, path)
            adata = read_h5ad(path, ids=said.id, ignore=said.ignore)
            said = match_roles(said, [*adata.obs.columns, *adata.var_names], where=str(path))
            roles = says_roles(adata, said)
            schema, note = find_schema(adata.obs, said, path.name, where=path, look=False) if roles else (Schema(), "")
            source = self._source(note)
            table = table_from_adata(adata, path, schema=schema, scale=said.scale, log2p1=said.log2p1, source=source)
            return with_findings(table, where=path)
        frame = oriented(read_frame(path, ids=said.id, text=said.named()), said, path)
        said = match_roles(said, list(frame.columns), where=str(path))
        schema, note = find_schema(frame, said, path.name, where=path, look=True)
        source = self._source(note)
        table = table_from_frame(frame, path, schema=schema, scale=said.scale, log2p1=said.log2p1, source=source)
        return with_findings(table, where=path, notes=notes_on_ids(frame))

    def _source(self, note: str) -> Source:
        options = self.settings.model_dump(mode="json", exclude=DESCRIPTIVE, exclude_defaults=True)
        return Source(self.name, options, note)


def oriented(frame: pd.DataFrame, said: FileCard, where: Path | str) -> pd.DataFrame:
    """Return a frame as read without the ignored columns, transposed if the card says so."""
    if not said.transpose:
        return without(frame, said.ignore, where)
    rows = without(frame, [name for name in said.ignore if name in frame.columns], where)
    return without(transposed(rows, where), [name for name in said.ignore if name not in frame.columns], where)


def refuse_transpose(said: FileCard, where: Path | str) -> None:
    """Raise `ConfigError` if the card asks to transpose an h5ad file or an AnnData object."""
    if said.transpose:
        raise ConfigError(f"{where}: option 'transpose' is for CSV, text and Parquet; save the transposed AnnData (.T)")


def says_roles(adata: Any, said: FileCard) -> bool:
    """Return whether roles come from the card. A table written by TabGenBench contains its own roles."""
    roles = {"conditions", "group", "batch", "targets", "categorical_features"}
    return "tabgenbench" not in adata.uns or bool(roles & said.model_fields_set)


def find_schema(
    frame: pd.DataFrame, said: FileCard, title: str, *, where: Path | str, look: bool
) -> tuple[Schema, str]:
    """Return the roles of the columns, and a note on the inferred roles.

    Args:
        frame: the columns.
        said: the given fields of the card.
        title: name of the table in the note.
        where: name of the table in error messages.
        look: whether text columns become conditions if the card names none.
    """
    notes = [f"{title}, {len(frame):,} rows"]
    group, conditions = said.group, said.conditions
    taken = {*(conditions or ()), said.batch, *said.categorical_features}
    free = [str(column) for column in frame.columns if column not in taken]
    if group is None:
        group = next((column for column in free if column.lower() in GROUP_NAMES), None)
        notes += [f"group by default: {group}"] if group is not None else []
    if conditions is None:
        free = [column for column in free if column not in {*said.targets, group}]
        conditions = tuple(column for column in free if look and _is_condition(frame[column], where))
        notes.append(f"conditions by default: {', '.join(conditions) or 'none'}")
    schema = Schema(
        conditions=conditions,
        batch=said.batch,
        group=group,
        targets=said.targets,
        categorical_features=said.categorical_features,
    )
    return schema, "; ".join(notes)


def _is_condition(column: pd.Series, where: Path | str) -> bool:
    """Return whether a column is a condition. Raise `DataError` for other text that is not numbers."""
    if not is_text(column):
        return False
    filled = column.dropna()
    is_labelled = pd.api.types.is_bool_dtype(column) or isinstance(column.dtype, pd.CategoricalDtype)
    numbers = pd.to_numeric(filled, errors="coerce").notna() if not is_labelled else pd.Series()
    if numbers.any():  # ambiguous: numbers with invalid entries, or mixed categories
        raise DataError(f"{where}: column {column.name!r}, {numeric_problem(column)}")
    counts = filled.astype(str).value_counts()
    if len(counts) <= MAX_VALUES and counts.min() >= 2:
        return True
    rare = counts.index[-1]
    problem = f"{len(counts):,} values" if len(counts) > MAX_VALUES else f"{rare!r} in one row only"
    raise DataError(
        f"{where}: column {column.name!r} contains text with {problem}, expected numbers, or at most {MAX_VALUES} "
        "values of two rows each; declare it as id, conditions, group or batch, or list it under ignore"
    )


def _read_card(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path of the card") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: is not a TOML file: {error}; correct the card") from None
