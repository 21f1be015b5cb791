"""A dataset from a DataFrame or an AnnData object."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pandas as pd

from tabgenbench.data.column_names import match_roles
from tabgenbench.data.findings import with_findings
from tabgenbench.data.memory import adata_as_read, frame_as_read, is_adata
from tabgenbench.data.schema import Schema
from tabgenbench.data.table import Table
from tabgenbench.data.table_file import table_from_adata
from tabgenbench.errors import ConfigError, DataError
from tabgenbench.interfaces.dataset import DatasetCard, DatasetSource
from tabgenbench.options import make_options
from tabgenbench.registry.file_card import FileCard, override
from tabgenbench.registry.file_source import refuse_transpose, says_roles, source_of, table_of_frame
from tabgenbench.registry.roles import named_roles
from tabgenbench.registry.sdv_metadata import read_sdv_metadata

__all__ = ["MemorySource"]


class MemorySource(DatasetSource):
    """Dataset source for a DataFrame or an AnnData object.

    If the arguments give no role (such as condition or feature) to a column, the role is inferred as for a file. If an
    earlier run used data with the same values, column names and roles, a run reuses the stored results.

    Args:
        data: a `pandas.DataFrame` or an `anndata.AnnData`, one row per sample.
        name: name of the dataset in results.
        said: fields of the dataset's card, such as ``conditions``, ``group``, ``batch``, ``targets``, ``ignore``,
            ``id``, ``scale``, ``log2p1``, ``layer``, ``per_10k``, and ``metadata`` (metadata file of the package SDV).

    Raises:
        ConfigError: a field is unknown or its value is invalid.
        DataError: ``data`` has another type.
    """

    def __init__(self, data: Any, *, name: str = "table", **said: Any) -> None:
        super().__init__()
        where = f"dataset {name!r}"
        if not isinstance(data, pd.DataFrame) and not is_adata(data):
            got = f"{type(data).__module__}.{type(data).__qualname__}"
            raise DataError(f"{where}: got {got}, expected a pandas.DataFrame or an anndata.AnnData; convert it first")
        if "file" in said:
            raise ConfigError(f"{where}: unknown option 'file'; pass the path instead of the data")
        self.data = data
        self.settings = make_options(FileCard, {**said, "name": name}, where=where)
        if self.settings.metadata:
            _, kinds = read_sdv_metadata(Path(self.settings.metadata).expanduser())
            self.settings = make_options(FileCard, override(kinds, self.settings), where=where)
        vars(self)["name"] = name  # the name belongs to the instance, not to the class

    @property
    def card(self) -> DatasetCard:
        """Card (description) of the dataset; by default, the title is the name of the dataset."""
        said = self.settings
        summary = said.summary or f"{type(self.data).__name__} of {self.data.shape[0]:,} rows"
        return DatasetCard(
            title=said.title or self.name, summary=summary, citation=said.citation, licence=said.licence, url=said.url
        )

    def identity(self) -> str:
        """Return a hash of the dataset's card and values."""
        facts = [self.name, self.settings.model_dump_json(), self.load().fingerprint()]
        return hashlib.sha256("|".join(facts).encode()).hexdigest()

    def load(self) -> Table:
        """Check the data and return them as a table."""
        said, where = self.settings, f"dataset {self.name!r}"
        if isinstance(self.data, pd.DataFrame):
            frame = frame_as_read(self.data, where, ids=said.id, text=said.named(), missing=said.missing_values)
            return table_of_frame(frame, said, (self.name, self.name), where=where)
        refuse_transpose(said, where)
        adata = adata_as_read(self.data, where, ids=said.id, ignore=said.ignore, layer=said.layer)
        said = match_roles(said, [*adata.obs.columns, *adata.var_names], where=where)
        roles = says_roles(adata, said)
        schema, note = named_roles(adata.obs, said, self.name) if roles else (Schema(), "")
        source = source_of(said, self.name, note)
        table = table_from_adata(adata, where, schema=schema, scale=said.scale, log2p1=said.log2p1, source=source)
        return with_findings(table, where=where)
