"""A dataset from a user's file. The user gives the path of the table, or of a card that describes the table.

A card is a TOML file with the fields of `FileCard`, or a metadata file of the package SDV. Roles that the card does not
give are inferred from the table, and listed in the note of the table's `Source`:

* The first column contains the sample ids if it has no name, a name in `ID_NAMES` (``id``, ``sample``) or unique text.
  Otherwise, rows are numbered from 1.
* In CSV, tab-separated and Parquet files, `find_roles` infers the roles of the other columns.
* In h5ad files, ``X`` contains the features. A column of ``obs`` with a name in `GROUP_NAMES`, such as ``donor``, is
  the group. By default, no column is a condition, because ``obs`` often has many columns.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pandas as pd

from tabgenbench.data.column_names import match_roles
from tabgenbench.data.file_digest import file_digest
from tabgenbench.data.findings import with_findings
from tabgenbench.data.frame_file import TABLE_SUFFIXES, known_suffix, suffix_of, transposed
from tabgenbench.data.layout import Layout
from tabgenbench.data.schema import Schema
from tabgenbench.data.table import Source, Table
from tabgenbench.data.table_file import read_frame, read_h5ad, table_from_adata, table_from_frame, without
from tabgenbench.errors import ConfigError, DataError
from tabgenbench.interfaces.dataset import DatasetCard, DatasetSource
from tabgenbench.options import Options, make_options
from tabgenbench.registry.file_card import DESCRIPTIVE, FileCard, override
from tabgenbench.registry.keys import code_hash
from tabgenbench.registry.roles import find_roles, named_roles
from tabgenbench.registry.sdv_metadata import read_sdv_metadata

__all__ = ["FileSource", "looks_like_file", "refuse_transpose", "says_roles", "source_of", "table_of_frame"]

CARD_SUFFIXES = (".toml", ".json")


def looks_like_file(text: str) -> bool:
    """Return whether a text is the path of a card or a table, with or without options after a colon.

    >>> looks_like_file("my.csv:log2p1=true"), looks_like_file("cards/my.toml"), looks_like_file("wdbc")
    (True, True, False)
    """
    return any(
        "/" in part or part.lower().endswith((*CARD_SUFFIXES, *TABLE_SUFFIXES))
        for part in (text, text.partition(":")[0])
    )


class FileSource(DatasetSource):
    """Dataset source for a user's file.

    Args:
        config: options from the command line or a suite, which override the card.
        path: the card (TOML file, or metadata file of the package SDV) or the table itself.
        card: fields that override those of the file at ``path``, for a subclass that has no card file.

    Raises:
        ConfigError: the card or the options contain an unknown key or an invalid value.
        DataError: the card or the file is missing, or its file type is unknown.
    """

    class Config(FileCard):
        """Options on the command line or in a suite file; they have the names of the fields of a card."""

    def __init__(self, config: Options | None = None, *, path: Path, card: Mapping[str, Any] | None = None) -> None:
        super().__init__(config)
        given = cast(FileCard, self.config)
        fields = {**_read_card(path, given), **(card or {})}
        self.settings = make_options(FileCard, override(fields, given), where=str(path))
        if not self.settings.file:
            raise DataError(f'{path}: the card names no file, expected file = "table.csv"; add it')
        self.path = path.parent / Path(self.settings.file).expanduser()
        stem = path.name.removesuffix(suffix_of(path)) if suffix_of(path) else path.stem
        vars(self)["name"] = self.settings.name or stem  # the name belongs to the instance, not to the class
        known_suffix(self.path)

    @classmethod
    def from_path(cls, path: Path, options: Mapping[str, Any] | None = None) -> FileSource:
        """Return the dataset source of a card or a table; the options override the card."""
        return cls(make_options(cls.Config, options or {}, where=f"dataset {str(path)!r}"), path=path)

    @property
    def card(self) -> DatasetCard:
        """The card of the dataset; by default, title and summary come from the name of the file."""
        said = self.settings
        return DatasetCard(
            title=said.title or self.name,
            summary=said.summary or f"table of {self.path.name}",
            citation=said.citation,
            licence=said.licence,
            url=said.url,
        )

    def identity(self) -> str:
        """Return a hash of the card, the options, the content of the file and the code that reads the file."""
        facts = [
            code_hash(__name__),
            self.name,
            self.settings.model_dump_json(exclude={"file", "metadata"}),
            suffix_of(self.path),
            file_digest(self.path),
        ]
        return hashlib.sha256("|".join(facts).encode()).hexdigest()

    def load(self) -> Table:
        """Read, check and return the table."""
        said, path = self.settings, self.path
        if suffix_of(path) == ".h5ad":
            refuse_transpose(said, path)
            adata = read_h5ad(path, ids=said.id, ignore=said.ignore, layer=said.layer)
            said = match_roles(said, [*adata.obs.columns, *adata.var_names], where=str(path))
            roles = says_roles(adata, said)
            schema, note = named_roles(adata.obs, said, path.name) if roles else (Schema(), "")
            source = self._source(note)
            table = table_from_adata(adata, path, schema=schema, scale=said.scale, log2p1=said.log2p1, source=source)
            return with_findings(table, where=path)
        frame = read_frame(path, ids=said.id, text=(*said.named(), *said.date_formats), missing=said.missing_values)
        return table_of_frame(frame, said, (self.name, path.name), where=path)

    def _source(self, note: str) -> Source:
        return source_of(self.settings, self.name, note)


def source_of(said: FileCard, name: str, note: str, layout: Layout | None = None) -> Source:
    """Return the `Source` of a table: name of the dataset, options of its card, and a note on inferred roles."""
    options = said.model_dump(mode="json", exclude=DESCRIPTIVE, exclude_defaults=True)
    return Source(name, options, note, layout)


def table_of_frame(frame: pd.DataFrame, said: FileCard, names: tuple[str, str], *, where: Path | str) -> Table:
    """Check a frame and return it as a table; infer roles of columns that the card does not give.

    Args:
        frame: one row per sample, indexed by sample ids.
        said: the fields of the card that the user has set.
        names: name of the dataset, and name of the file or object for the note on inferred roles.
        where: name of the table in error messages.

    Raises:
        ConfigError: the card names a layer, which only h5ad files and AnnData objects have.
        DataError: the content is invalid; the message names column and row.
    """
    if said.layer:
        raise ConfigError(
            f"{where}: option 'layer' is for h5ad files and AnnData objects, got {said.layer!r}; remove it"
        )
    frame = _oriented(frame, said, where)
    said = match_roles(said, list(frame.columns), where=str(where))
    found = find_roles(frame, said, names[1], where=where)
    source = source_of(said, names[0], found.note, found.layout)
    table = table_from_frame(
        found.frame, where, schema=found.schema, scale=said.scale, log2p1=said.log2p1, source=source
    )
    return with_findings(table, where=where)


def _oriented(frame: pd.DataFrame, said: FileCard, where: Path | str) -> pd.DataFrame:
    if not said.transpose:
        return without(frame, said.ignore, where)
    rows = without(frame, [name for name in said.ignore if name in frame.columns], where)
    return without(transposed(rows, where), [name for name in said.ignore if name not in frame.columns], where)


def refuse_transpose(said: FileCard, where: Path | str) -> None:
    """Raise `ConfigError` if the card asks to transpose an h5ad file or an AnnData object."""
    if said.transpose:
        raise ConfigError(f"{where}: option 'transpose' is for CSV, text and Parquet; save the transposed AnnData (.T)")


def says_roles(adata: Any, said: FileCard) -> bool:
    """Return whether the card gives roles, or ``adata`` contains no roles that TabGenBench stored."""
    roles = {"conditions", "group", "batch", "targets", "categorical_features", "per_10k"}
    return "tabgenbench" not in adata.uns or bool(roles & said.model_fields_set)


def _read_card(path: Path, given: FileCard) -> dict[str, Any]:
    suffix = path.suffix.lower()
    if suffix == ".json":
        name, fields = read_sdv_metadata(path)
        if not (name or given.file):
            raise DataError(f"{path}: does not name its table; run with {path.name}:file=table.csv")
        return fields | ({"name": name, "file": f"{name}.csv"} if name else {})
    fields = _read_toml(path) if suffix == ".toml" else {"file": path.name}
    metadata = given.metadata or fields.get("metadata")
    if not metadata:
        return fields
    _, kinds = read_sdv_metadata(path.parent / Path(str(metadata)).expanduser())
    return override(kinds, make_options(FileCard, fields, where=str(path)))


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path of the card") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: is not a TOML file: {error}; correct the card") from None
