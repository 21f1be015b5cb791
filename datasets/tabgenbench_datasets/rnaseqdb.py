"""RNAseqDB: expression of GTEx and TCGA samples in 15 tissues, processed uniformly by Wang et al. (2018)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import (
    DataError,
    DatasetCard,
    DatasetSource,
    FetchProgress,
    FileStatus,
    Options,
    Schema,
    Source,
    Table,
    as_categorical,
    describe_table,
    load_card,
)
from tabgenbench_datasets.fetching import Downloader, PinnedFile, data_root, file_status, read_pinned
from tabgenbench_datasets.rnaseqdb_files import (
    FIX,
    EsophagusSite,
    ExpressionFile,
    Manifest,
    common_genes,
    donor_of,
    load_manifest,
    read_landmark_symbols,
    study_and_source,
    tissue_of,
)

__all__ = ["RNAseqDB"]

N_COMMON = 18_154  # symbols common to all 52 files
SOURCES = ("gtex", "tcga", "tcga-t")
STATUS = {
    2: {"gtex": "normal", "tcga": "normal", "tcga-t": "cancer"},
    3: {"gtex": "normal-donor", "tcga": "normal-adjacent", "tcga-t": "tumour"},
}


@dataclass(frozen=True, eq=False)
class _Reading:
    table: Table
    n_common: int
    n_files: int


class RNAseqDB(DatasetSource):
    """RNAseqDB as normalised FPKM, with one row per sample and one feature per gene.

    The genes are those that all files contain, by default only the L1000 landmark genes among them. Rows are
    sorted by file name and keep their order within a file; genes are sorted by symbol. Sample ids are the barcodes of
    GTEx and TCGA. If only some of the files are on the disk, the dataset consists of these files, and
    `Table.source` states the number of files.

    With the option ``status=2`` (normal or cancer), status and source (the batch) are confounded: all cancer samples,
    and no other samples, have the source ``tcga-t``. A correction of batch effects would therefore also remove
    biological differences.

    Args:
        config: options; None for the defaults.
        data_dir: folder that contains the folders ``rnaseqdb`` and ``l1000``; see `data_root` for the default.
        manifest: files to read, with their hashes; None for the files in ``cards/rnaseqdb_files.toml``.
        downloader: settings of downloads.
    """

    name: ClassVar[str] = "rnaseqdb"

    class Config(Options):
        """Options of RNAseqDB."""

        genes: Literal["landmark", "all"] = Field(
            "landmark", description="the L1000 landmark genes (969 by symbol), or all genes common to the files"
        )
        status: Literal[2, 3] = Field(
            2,
            description="levels of status: 2 is normal / cancer; 3 is normal-donor (GTEx) / normal-adjacent / tumour",
        )
        esca: EsophagusSite = Field(
            "mus", description="oesophagus site of TCGA's esca samples: gas, muc or mus (as in Vinas et al.)"
        )

    def __init__(
        self,
        config: Options | None = None,
        *,
        data_dir: Path | None = None,
        manifest: Manifest | None = None,
        downloader: Downloader | None = None,
    ) -> None:
        super().__init__(config, data_dir=data_dir)
        self.options = cast("RNAseqDB.Config", self.config)
        self.root = data_root(data_dir)
        self.manifest = manifest if manifest is not None else load_manifest()
        self.downloader = downloader if downloader is not None else Downloader()

    @property
    def card(self) -> DatasetCard:
        """Description of the dataset (its card), with the commits from which the files are downloaded."""
        return load_card("tabgenbench_datasets", "rnaseqdb")

    def load(self) -> Table:
        """Return the table, after verifying the hash of every file that is read."""
        return self._read().table

    def identity(self) -> str:
        """Return a hash of the options and of the files that `load` reads; the files are verified but not parsed.

        Raises:
            DataError: a required file is missing, or a file has a wrong hash.
        """
        used = [*self._present(), *([self._landmark()] if self.options.genes == "landmark" else [])]
        for file in used:
            read_pinned(self.root / file.path, file.blob, FIX)
        facts = [self.name, self.config.model_dump(), [(file.path, file.blob) for file in used]]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def describe(self) -> dict[str, Any]:
        """Return numbers of rows, genes, donors and files, and the number of samples by tissue and source."""
        reading = self._read()
        table = reading.table
        counts = pd.crosstab(table.obs["tissue"].astype(str), table.obs["source"].astype(str))
        counts = counts.reindex(columns=list(SOURCES), fill_value=0)
        counts["rows"] = counts.sum(axis=1)
        landmark = {"landmark_genes": table.n_features} if self.options.genes == "landmark" else {}
        return describe_table(table) | {
            "files": f"{reading.n_files} of {len(self.manifest.expression)}",
            "file_names": [file.name for file in self._present()],
            "common_genes": reading.n_common,
            **landmark,
            "donors": int(table.obs["donor"].nunique()),
            "tissue_by_source": [
                {"tissue": str(tissue)} | {str(source): int(n) for source, n in row.items()}
                for tissue, row in counts.iterrows()
            ],
        }

    def fetch(self, on_progress: Callable[[FetchProgress], None]) -> list[FileStatus]:
        """Download the files that are missing or have a wrong hash; return the status of every file."""
        return self.downloader.fetch(self.manifest.all, self.root, on_progress)

    def verify(self) -> list[FileStatus]:
        """Compare the hash of every file with its expected hash, and return the status of every file."""
        return [file_status(file, self.root) for file in self.manifest.all]

    def _present(self) -> list[PinnedFile]:
        folder = self.root / "rnaseqdb"
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder, expected files of RNAseqDB in it; {FIX}, or name --data-dir")
        present = [file for file in self.manifest.expression if (self.root / file.path).exists()]
        if not present:
            total = len(self.manifest.expression)
            raise DataError(f"{folder}: none of the {total} files of RNAseqDB is there; {FIX}, or name --data-dir")
        return sorted(present, key=lambda file: file.name)

    def _landmark(self) -> PinnedFile:
        path = self.root / self.manifest.landmark.path
        if not path.exists():
            raise DataError(
                f"{path}: the table of landmark genes is missing; {FIX}, or take all genes with rnaseqdb:genes=all"
            )
        return self.manifest.landmark

    def _read(self) -> _Reading:
        present = self._present()
        wanted = self._landmark_symbols() if self.options.genes == "landmark" else None
        tables = [ExpressionFile.open(self.root / file.path, file.blob, keep=wanted) for file in present]
        obs = _sample_obs(tables, self.options)
        common = common_genes(tables)
        genes = [gene for gene in common if wanted is None or gene in wanted]
        if not genes:
            raise DataError(f"{self.root / 'rnaseqdb'}: the files share none of the requested genes; {FIX}")
        note = f"{len(tables)} of {len(self.manifest.expression)} files, {len(obs):,} rows"
        if len(common) != N_COMMON:  # differs from the full set of files, so the note must say it
            note += f", {len(common):,} genes common to the files present"
        schema = Schema(conditions=("tissue", "status"), batch="source", group="donor", targets=("tissue", "status"))
        source = Source(self.name, self.config.model_dump(mode="json"), note)
        values = _stacked_values(tables, genes)
        table = Table(values, obs, tuple(genes), schema, scale="linear", log2p1=True, source=source)
        return _Reading(table, len(common), len(present))

    def _landmark_symbols(self) -> frozenset[str]:
        file = self._landmark()
        return read_landmark_symbols(self.root / file.path, file.blob)


def _stacked_values(tables: list[ExpressionFile], genes: list[str]) -> NDArray[np.float32]:
    # The list of files is emptied to free memory.
    values = np.empty((sum(len(table.samples) for table in tables), len(genes)), dtype=np.float32)
    start = 0
    while tables:
        block = tables.pop(0).values(genes)
        values[start : start + len(block)] = block
        start += len(block)
    return values


def _sample_obs(tables: list[ExpressionFile], options: RNAseqDB.Config) -> pd.DataFrame:
    file_of: dict[str, Path] = {}
    rows: list[tuple[str, str, str, str, str]] = []
    for table in tables:
        study, source = study_and_source(table.path.name)
        tissue, status = tissue_of(study, options.esca), STATUS[options.status][source]
        for sample in table.samples:
            if sample in file_of:
                places = f"{file_of[sample].name} and {table.path.name}"
                raise DataError(
                    f"{table.path}: sample {sample!r} occurs twice, in {places}, expected unique barcodes; {FIX}"
                )
            file_of[sample] = table.path
            rows.append((tissue, status, source, donor_of(sample), study))
    index = pd.Index(list(file_of), dtype=object)
    frame = pd.DataFrame(rows, index=index, columns=["tissue", "status", "source", "donor", "study"])
    return frame.apply(as_categorical)
