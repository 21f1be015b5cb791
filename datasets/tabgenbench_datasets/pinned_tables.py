"""Public CSV tables that are downloaded from a fixed commit of a git repository and verified by a hash of the file.

The file ``cards/<name>.toml`` describes a table. The file ``cards/pinned_tables.toml`` contains the commit and hash of
each table and the roles of its columns (condition, target). Tables are stored as ``tabular/<file>.csv`` in the data
folder.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

from tabgenbench import (
    DatasetCard,
    DatasetSource,
    FetchProgress,
    FileOptions,
    FileSource,
    FileStatus,
    Options,
    Table,
    load_card,
)
from tabgenbench_datasets.fetching import Downloader, PinnedFile, data_root, file_status, public_url, read_pinned

__all__ = ["Adult", "Credit", "Insurance", "Mushrooms", "PinnedTable", "SNSData"]

URL_VARIABLE = "TABGENBENCH_TABLES_URL"


class PinnedTable(DatasetSource):
    """A dataset in a CSV file of a fixed commit of a git repository.

    Args:
        config: options, which override the default roles of columns; None for the defaults.
        data_dir: the data folder, which contains the folder ``tabular``; see `data_root` for the default.
        file: path, hash and address of the file; by default from ``cards/pinned_tables.toml``.
        downloader: settings of downloads.
    """

    class Config(FileOptions):
        """Options that set the roles of columns and the treatment of missing values."""

    def __init__(
        self,
        config: Options | None = None,
        *,
        data_dir: Path | None = None,
        file: PinnedFile | None = None,
        downloader: Downloader | None = None,
    ) -> None:
        super().__init__(config, data_dir=data_dir)
        self.root = data_root(data_dir)
        self.file = file if file is not None else self._pinned_file()
        self.downloader = downloader if downloader is not None else Downloader()

    @property
    def card(self) -> DatasetCard:
        """Card (description) of the dataset."""
        return load_card("tabgenbench_datasets", self.name)

    def load(self) -> Table:
        """Verify the hash of the file, and return the table."""
        return self._verified().load()

    def identity(self) -> str:
        """Verify the file, and return a hash of the dataset's name, options and content.

        Raises:
            DataError: the file of the dataset is missing or has another hash.
        """
        return self._verified().identity()

    def fetch(self, on_progress: Callable[[FetchProgress], None]) -> list[FileStatus]:
        """Download the file if it is missing or has a wrong hash; return its status."""
        return self.downloader.fetch([self.file], self.root, on_progress)

    def verify(self) -> list[FileStatus]:
        """Return a list with one status, which states whether the file exists and has the expected hash."""
        return [file_status(self.file, self.root)]

    @cached_property
    def _pins(self) -> dict[str, Any]:
        text = files("tabgenbench_datasets").joinpath("cards", "pinned_tables.toml").read_text(encoding="utf-8")
        pins: dict[str, Any] = tomllib.loads(text)[self.name]
        return pins

    def _pinned_file(self) -> PinnedFile:
        pins = self._pins
        url = "/".join([public_url(URL_VARIABLE), pins["repository"], pins["commit"], pins["path"]])
        return PinnedFile(f"tabular/{url.rpartition('/')[2]}", pins["blob"], url)

    def _verified(self) -> FileSource:
        path = self.root / self.file.path
        read_pinned(path, self.file.blob, f"run: tabgenbench dataset fetch {self.name}, or name --data-dir")
        given = FileSource.Config(**self.config.model_dump(exclude_unset=True))
        return FileSource(given, path=path, card={**self._pins["roles"], "name": self.name})


class Insurance(PinnedTable):
    """Medical charges of 1,338 insured persons; the numeric target is ``charges``."""

    name: ClassVar[str] = "insurance"


class Credit(PinnedTable):
    """1,000 German bank credits; the categorical target is ``default``."""

    name: ClassVar[str] = "credit"


class Mushrooms(PinnedTable):
    """8,124 descriptions of mushrooms; all columns are categories; the target is ``type``."""

    name: ClassVar[str] = "mushrooms"


class SNSData(PinnedTable):
    """Words in the profiles of 30,000 pupils in a social network, with gaps in ``gender`` and ``age``."""

    name: ClassVar[str] = "snsdata"


class Adult(PinnedTable):
    """32,561 persons of the US census of 1994; the categorical target is ``income``."""

    name: ClassVar[str] = "adult"
