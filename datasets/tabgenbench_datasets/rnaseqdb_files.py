"""Reads the files of RNAseqDB.

A file ``<code>-rsem-fpkm-<source>.txt.gz`` is tab-separated text with the columns ``Hugo_Symbol``, ``Entrez_Gene_Id``,
and one column per sample. Genes of different files are matched by symbol, because symbols are unique within a file and
Entrez ids are not.
"""

from __future__ import annotations

import gzip
import io
import tomllib
import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench import DataError
from tabgenbench_datasets.fetching import PinnedFile, public_url, read_pinned

__all__ = [
    "EsophagusSite",
    "ExpressionFile",
    "Manifest",
    "common_genes",
    "donor_of",
    "load_manifest",
    "read_landmark_symbols",
    "study_and_source",
    "tissue_of",
]

URL_VARIABLE = "TABGENBENCH_RNASEQDB_URL"
FIX = "run: tabgenbench dataset fetch rnaseqdb"
N_LEADING = 2  # columns before the samples: symbol and Entrez id

EsophagusSite = Literal["gas", "muc", "mus"]

TISSUE_OF_CODE = {
    code: tissue
    for tissue, codes in {
        "bladder": "bladder blca",
        "breast": "breast brca",
        "cervix": "cervix cesc",
        "colon": "colon coad read",
        "esophagus_gas": "esophagus_gas",
        "esophagus_muc": "esophagus_muc",
        "esophagus_mus": "esophagus_mus",
        "kidney": "kidney kich kirc kirp",
        "liver": "liver chol lihc",
        "lung": "lung luad lusc",
        "prostate": "prostate prad",
        "salivary": "salivary hnsc",
        "stomach": "stomach stad",
        "thyroid": "thyroid thca",
        "uterus": "uterus ucec ucs",
    }.items()
    for code in codes.split()
}


@dataclass(frozen=True)
class Manifest:
    """The files of RNAseqDB with their hashes: the expression tables, and the table that marks L1000 landmark genes."""

    expression: tuple[PinnedFile, ...]
    landmark: PinnedFile

    @property
    def all(self) -> tuple[PinnedFile, ...]:
        """All files in the order of download; the small table of landmark genes comes first."""
        return (self.landmark, *self.expression)


def load_manifest() -> Manifest:
    """Return the names, addresses and hashes of the files.

    The environment variable ``TABGENBENCH_RNASEQDB_URL`` replaces https://raw.githubusercontent.com in the addresses.
    """
    text = files("tabgenbench_datasets").joinpath("cards", "rnaseqdb_files.toml").read_text(encoding="utf-8")
    pins = tomllib.loads(text)
    base = public_url(URL_VARIABLE)

    def pinned(part: str, here: str) -> list[PinnedFile]:
        there = f"{base}/{pins[part]['repository']}/{pins[part]['commit']}/{pins[part]['folder']}"
        return [
            PinnedFile(f"{here}/{name}", blob, f"{there}/{name}") for name, blob in sorted(pins[part]["files"].items())
        ]

    return Manifest(tuple(pinned("expression", "rnaseqdb")), pinned("landmark", "l1000")[0])


def study_and_source(name: str) -> tuple[str, str]:
    """Return the study code and the source in a file name: ``("kich", "tcga-t")`` for ``kich-rsem-fpkm-tcga-t.txt.gz``.

    The source is ``gtex`` (normal donor), ``tcga`` (normal tissue beside a tumour) or ``tcga-t`` (tumour).
    """
    study, _, source = name.removesuffix(".txt.gz").partition("-rsem-fpkm-")
    return study, source


def tissue_of(study: str, esca: EsophagusSite) -> str:
    """Return the tissue of a study code; for TCGA's study ``esca``, the oesophagus site in the argument ``esca``."""
    return f"esophagus_{esca}" if study == "esca" else TISSUE_OF_CODE[study]


def donor_of(barcode: str) -> str:
    """Return the donor of a sample: the first two parts of a GTEx barcode or the first three parts of a TCGA barcode.

    >>> donor_of("GTEX-13NYB-1726-SM-5N9G2"), donor_of("TCGA-KN-8436-11A-01R-2315-07")
    ('GTEX-13NYB', 'TCGA-KN-8436')
    """
    return "-".join(barcode.split("-")[: 2 if barcode.startswith("GTEX") else 3])


@dataclass(frozen=True, eq=False)
class ExpressionFile:
    """One verified expression table, split into lines but not parsed.

    Attributes:
        path: path of the file, shown in messages.
        samples: barcodes (sample ids), in the order of the columns.
        genes: gene symbols, in the order of the rows.
        lines: text lines of the genes that `open` selected, by symbol.
    """

    path: Path
    samples: tuple[str, ...]
    genes: frozenset[str]
    lines: dict[str, bytes]

    @classmethod
    def open(cls, path: Path, blob: str, *, keep: Collection[str] | None = None) -> ExpressionFile:
        """Read and verify a file.

        Args:
            path: the file.
            blob: expected git blob SHA-1 of the file.
            keep: genes to select; None for all.

        Raises:
            DataError: the file cannot be read, has a wrong hash, or is not a table of genes.
        """
        content = gunzip(read_pinned(path, blob, FIX), path)
        header, _, body = content.partition(b"\n")
        names = header.decode("ascii", errors="replace").rstrip("\r").split("\t")
        if names[:N_LEADING] != ["Hugo_Symbol", "Entrez_Gene_Id"] or len(names) == N_LEADING:
            raise DataError(
                f"{path}: begins with the columns {names[:3]}, expected Hugo_Symbol, Entrez_Gene_Id and samples; {FIX}"
            )
        genes: set[str] = set()
        lines: dict[str, bytes] = {}
        for line in body.split(b"\n"):
            if line.strip():
                symbol = line.partition(b"\t")[0].decode("ascii", errors="replace")
                if symbol in genes:
                    raise DataError(f"{path}: gene {symbol!r} has two rows, expected one; {FIX}")
                genes.add(symbol)
                if keep is None or symbol in keep:
                    lines[symbol] = line
        return cls(path, tuple(names[N_LEADING:]), frozenset(genes), lines)

    def values(self, genes: Sequence[str]) -> NDArray[np.float32]:
        """Return the values of the given genes, shape (n_samples, n_genes), float32.

        Raises:
            DataError: a value is not a finite number >= 0; the message names the gene and the sample.
        """
        lines = [self.lines[gene] for gene in genes]
        columns = range(N_LEADING, N_LEADING + len(self.samples))
        if any(line.count(b"\t") != columns.stop - 1 for line in lines):  # the parser would drop surplus values
            self._explain(genes)
        text = io.BytesIO(b"\n".join(lines))
        try:
            frame = pd.read_csv(text, sep="\t", header=None, usecols=columns, dtype=np.float32, na_filter=False)
        except ValueError:
            self._explain(genes)
            raise
        values = frame.to_numpy()
        if not (np.isfinite(values) & (values >= 0)).all():
            self._explain(genes)
        return np.ascontiguousarray(values.T)

    def _explain(self, genes: Iterable[str]) -> None:
        expected = "expected a number >= 0"
        for gene in genes:
            cells = self.lines[gene].decode("ascii", errors="replace").rstrip("\r").split("\t")[N_LEADING:]
            if len(cells) != len(self.samples):
                raise DataError(f"{self.path}: gene {gene!r} has {len(cells)} values for {len(self.samples)} samples")
            for sample, cell in zip(self.samples, cells, strict=True):
                try:
                    good = 0 <= float(cell) <= np.finfo(np.float32).max
                except ValueError:
                    good = False
                if not good:
                    raise DataError(f"{self.path}: gene {gene!r}, sample {sample!r}: got {cell!r}, {expected}; {FIX}")


def common_genes(tables: Collection[ExpressionFile]) -> list[str]:
    """Return the sorted symbols that occur in every file."""
    return sorted(frozenset.intersection(*(table.genes for table in tables)))


def read_landmark_symbols(path: Path, blob: str) -> frozenset[str]:
    """Return the symbols of the genes that a table of genes (GCT 1.3 text file) marks as L1000 landmark genes.

    Raises:
        DataError: the file cannot be read, its hash is wrong, or it lacks a column.
    """
    lines = read_pinned(path, blob, FIX).decode("utf-8", errors="replace").split("\n")
    names = lines[2].rstrip("\r").split("\t") if len(lines) > 2 else []
    for column in ("pr_gene_symbol", "pr_is_lmark"):
        if column not in names:
            raise DataError(f"{path}: no column {column!r}, expected a GCT 1.3 table of genes; {FIX}")
    symbol, flag = names.index("pr_gene_symbol"), names.index("pr_is_lmark")
    rows = [line.split("\t", max(symbol, flag) + 1) for line in lines[3:] if line]
    return frozenset(row[symbol] for row in rows if len(row) > max(symbol, flag) and row[flag] == "1")


def gunzip(content: bytes, path: Path) -> bytes:
    """Return the content of a gzip file, or raise `DataError`."""
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: is not a whole gzip file ({error}); {FIX}") from None
