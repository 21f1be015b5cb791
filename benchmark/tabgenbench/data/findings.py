"""Notes on possible mistakes in a table: repeated rows, nearly equal values, genes in rows, and so on."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from tabgenbench.data.column_names import is_pandas_index
from tabgenbench.data.repeated_rows import n_repeated_rows
from tabgenbench.data.table import Table, condition_labels
from tabgenbench.errors import DataError
from tabgenbench.formatting import count_text

__all__ = ["examples", "gene_ids", "in_quotes", "near_equal_values", "notes_on_ids", "quoted_labels", "with_findings"]

MAX_SHOWN = 4
MAX_IDS = 50_000  # ids that are checked; more than the number of genes
MIN_ROWS = 4  # with fewer rows, all conditions may differ by chance
GENE_ID = re.compile(
    r"ENS[A-Z]{0,6}[EGPT]\d{6,}(\.\d+)?"  # Ensembl: gene, transcript, protein, exon
    r"|[NX][CMPR]_\d+(\.\d+)?"  # RefSeq
    r"|(cg|rs)\d{6,}|ILMN_\d+|\d+(_[a-z])?_at"  # probes of arrays
)
KNOWN_GENES = frozenset(
    "ACTB ALB APOE B2M BRCA1 BRCA2 CD4 CD8A CDKN2A EGFR ERBB2 ESR1 GAPDH IL6 KRAS MKI67 MYC PTEN TNF TP53 VEGFA".split()
)


def with_findings(table: Table, *, where: Path | str, notes: Sequence[str] = ()) -> Table:
    """Return the table after appending ``notes``, and notes on possible mistakes in the table, to ``source.note``.

    Raises:
        DataError: every row has a different condition, in a table of at least `MIN_ROWS` rows.
    """
    _check_combinations(table, where)
    found = [*notes, *_combinations(table), *near_equal_values(table), *_repeated(table), *_without_counts(table)]
    if gene_ids(table.obs.index):
        found.append(
            f"sample ids such as {table.obs.index[0]!r} look like genes: rows are taken as samples and columns as "
            "features; if it is the other way round, set transpose = true"
        )
    if not found:
        return table
    note = "; ".join([table.source.note, *found] if table.source.note else found)
    return replace(table, source=replace(table.source, note=note))


def gene_ids(ids: Iterable[str]) -> bool:
    """Return whether most ids are accession numbers of genes or probes, or at least four are in `KNOWN_GENES`."""
    shown = [str(one) for one in islice(ids, MAX_IDS)]
    matches = sum(GENE_ID.fullmatch(one) is not None for one in shown)
    return matches > len(shown) / 2 or len(KNOWN_GENES.intersection(one.upper() for one in shown)) >= 4


def near_equal_values(table: Table) -> list[str]:
    """Return a note for each column of ``obs`` with values that differ only in case or blanks."""
    notes = []
    for column in table.obs.columns:
        alike: dict[str, list[str]] = {}
        for value in pd.unique(table.obs[column].dropna()):
            alike.setdefault(_plain(str(value)), []).append(str(value))
        groups = [sorted(values) for values in alike.values() if len(values) > 1]
        if groups:
            shown = ", ".join(map(repr, groups[0][:MAX_SHOWN])) + (", ..." if len(groups[0]) > MAX_SHOWN else "")
            more = f" (and {count_text(len(groups) - 1, 'more such group')})" if len(groups) > 1 else ""
            notes.append(f"column {column!r}: the values {shown} differ only in case or blanks{more}")
    return notes


def notes_on_ids(frame: pd.DataFrame) -> list[str]:
    """Return a note if the column of sample ids is an index that pandas wrote without a name."""
    ids = str(frame.attrs.get("ids", ""))
    return [f"sample ids: {ids}, the index that pandas has written"] if is_pandas_index(ids) else []


def examples(names: Iterable[object]) -> str:
    """Return the first three names, quoted by `in_quotes`, as text: ``S1, S2, S3, ...`` if there are more names."""
    first = [in_quotes(str(name)) for name in islice(names, MAX_SHOWN)]
    return ", ".join(first[: MAX_SHOWN - 1]) + (", ..." if len(first) == MAX_SHOWN else "")


def quoted_labels(conditions: pd.DataFrame) -> pd.Series:
    """Return the label of each row's condition, with values quoted by `in_quotes`."""
    return condition_labels(conditions.apply(lambda column: column.astype(str).map(in_quotes)))


def in_quotes(value: str) -> str:
    """Return a value in quotes if it is empty, begins or ends in white space, or contains a non-printable character.

    >>> in_quotes("normal"), in_quotes("normal ")
    ('normal', "'normal '")
    """
    return value if value and value == value.strip() and value.isprintable() else repr(value)


def _plain(value: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())


def _repeated(table: Table) -> list[str]:
    n_repeated = n_repeated_rows(table)
    verb = "repeats" if n_repeated == 1 else "repeat"
    return [f"{n_repeated:,} of {table.n_rows:,} rows {verb} an earlier row"] if n_repeated else []


def _without_counts(table: Table) -> list[str]:
    if table.scale != "counts":
        return []
    notes = []
    for axis, names, what in ((0, table.features, "feature"), (1, table.obs.index, "row")):
        empty = np.flatnonzero(np.asarray(table.X.sum(axis=axis)).reshape(-1) == 0)
        if len(empty):
            has = "have" if len(empty) > 1 else "has"
            notes.append(f"{count_text(len(empty), what)} {has} no count, such as {names[empty[0]]!r}")
    return notes


def _combinations(table: Table) -> list[str]:
    sizes = [int(table.obs[column].nunique()) for column in table.schema.conditions]
    possible = int(np.prod(sizes, dtype=object)) if sizes else 0
    names = " x ".join(table.schema.conditions)
    if len(sizes) == 1 and 2 * sizes[0] > table.n_rows >= MIN_ROWS:
        return [f"the condition {names} has {sizes[0]:,} values in {table.n_rows:,} rows; most have one row"]
    if len(sizes) < 2 or possible <= table.n_rows:
        return []
    n_found = len(table.conditions.drop_duplicates())
    return [
        f"the conditions {names} have {possible:,} possible combinations of values for {table.n_rows:,} rows; "
        f"{n_found:,} occur"
    ]


def _check_combinations(table: Table, where: Path | str) -> None:
    if not table.schema.conditions or table.n_rows < MIN_ROWS:
        return
    if len(table.conditions.drop_duplicates()) == table.n_rows:
        names = ", ".join(table.schema.conditions)
        several = len(table.schema.conditions) > 1
        raise DataError(
            f"{where}: the condition{'s' if several else ''} {names} {'have' if several else 'has'} {table.n_rows:,} "
            f"{'combinations of values' if several else 'values'} in {table.n_rows:,} rows, expected several rows for "
            f"some; name {'fewer' if several else 'other'} conditions"
        )
