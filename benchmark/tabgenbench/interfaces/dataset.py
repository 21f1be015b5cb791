"""Base class of dataset sources, which load a table and can download its files and check them."""

from __future__ import annotations

import hashlib
import json
import tomllib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from tabgenbench.data.column_facts import column_facts
from tabgenbench.data.findings import examples, quoted_labels
from tabgenbench.data.table import Table
from tabgenbench.options import Options

__all__ = ["DatasetCard", "DatasetSource", "FetchProgress", "Fetchable", "FileStatus", "load_card"]


@dataclass(frozen=True, kw_only=True)
class DatasetCard:
    """Description of a dataset for readers."""

    title: str
    summary: str
    citation: str = ""
    licence: str = ""
    url: str = ""
    revision: str = ""


def load_card(package: str, name: str) -> DatasetCard:
    """Read ``cards/<name>.toml`` of a package."""
    text = files(package).joinpath("cards", f"{name}.toml").read_text(encoding="utf-8")
    return DatasetCard(**tomllib.loads(text))


@dataclass(frozen=True)
class FetchProgress:
    """Progress of a download in bytes; ``total`` is None if the server does not state it."""

    file: str
    done: int
    total: int | None


@dataclass(frozen=True)
class FileStatus:
    """Status of one file of a dataset (``ok``, ``missing`` or ``wrong``), with the reason in ``detail``."""

    file: str
    status: str
    detail: str = ""


@runtime_checkable
class Fetchable(Protocol):
    """Interface of a dataset source whose files can be downloaded and checked."""

    def fetch(self, on_progress: Callable[[FetchProgress], None]) -> list[FileStatus]:
        """Download missing files; return the status of every file."""

    def verify(self) -> list[FileStatus]:
        """Compare every file with its expected hash, and return the status of every file."""


class DatasetSource(ABC):
    """Base class of dataset sources. A dataset source loads one table, which users select by name.

    Attributes:
        name: name on the command line.
        data_dir: the root folder of downloaded data, or None if none is given.
    """

    name: ClassVar[str]

    class Config(Options):
        """No options."""

    def __init__(self, config: Options | None = None, *, data_dir: Path | None = None) -> None:
        self.config = config if config is not None else self.Config()
        self.data_dir = data_dir

    @property
    @abstractmethod
    def card(self) -> DatasetCard:
        """Title, summary, citation, licence, address and revision of the dataset."""

    @abstractmethod
    def load(self) -> Table:
        """Return the whole table.

        Raises:
            DataError: a file is missing, corrupt or has invalid content; the message names file, row and column.
        """

    def identity(self) -> str:
        """Return a hash that changes whenever the table would change, without loading the table.

        Only options and input files need to be hashed, because TabGenBench adds a hash of this class's code.
        """
        return hashlib.sha256(f"{self.name}|{self.config.model_dump_json()}".encode()).hexdigest()

    def describe(self) -> dict[str, Any]:
        """Return facts about the table that can be written as JSON, such as its size and columns."""
        return describe_table(self.load())


def describe_table(table: Table) -> dict[str, Any]:
    """Return facts about a table, such as its size, the roles of its columns and the number of rows per condition.

    The value of ``features`` is the number of numeric features.
    """
    schema = table.schema
    facts: dict[str, Any] = {
        "dataset": table.source.name,
        "options": json.loads(json.dumps(dict(table.source.options))),
        "note": table.source.note,
        "rows": table.n_rows,
        "features": table.n_features,
        "categorical_features": schema.n_categorical,
        "sample_ids": examples(table.obs.index),
        "feature_names": examples(table.features),
        "scale": table.scale,
        "log2p1": table.log2p1,
        "schema": json.loads(schema.fingerprint_text()),
        "fingerprint": table.fingerprint(),
        "columns": column_facts(table),
    }
    if schema.group is not None:
        facts["groups"] = int(table.obs[schema.group].nunique())
    if schema.conditions:
        counts = quoted_labels(table.conditions).value_counts().sort_index()
        facts["conditions"] = [{"condition": str(label), "rows": int(n)} for label, n in counts.items()]
    return facts
