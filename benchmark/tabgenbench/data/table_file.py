"""Reading of tables from user files (CSV, tab-separated text, Parquet and h5ad), with checks."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from tabgenbench.data.column_names import match_column, match_columns, match_roles
from tabgenbench.data.findings import notes_on_ids
from tabgenbench.data.frame_file import check_unique_names, is_text, known_suffix, read_frame, readable
from tabgenbench.data.number_size import too_large, too_large_in_matrix
from tabgenbench.data.schema import Schema
from tabgenbench.data.table import Scale, Source, Table
from tabgenbench.data.typed_columns import encoded_frame
from tabgenbench.errors import DataError, did_you_mean

__all__ = [
    "matrix_of",
    "numeric_problem",
    "prepare_adata",
    "read_frame",
    "read_h5ad",
    "read_table_file",
    "table_from_adata",
    "table_from_frame",
    "without",
]


def read_table_file(
    path: Path,
    *,
    schema: Schema,
    scale: Scale | None = None,
    log2p1: bool | None = None,
    ids: str | None = None,
    ignore: Collection[str] = (),
    name: str = "table",
) -> Table:
    """Return the table in a file, after a check of ids, names and values.

    Args:
        path: a CSV, tab-separated or Parquet file for `read_frame`, or an h5ad file with ``X`` and ``obs``.
        schema: roles of the columns. Columns without a role are features, but in an h5ad file, ``obs`` columns without
            a role are dropped. For an h5ad file written by TabGenBench, an empty `Schema()` means the stored schema.
        scale: scale of the values, such as ``counts``, ``log2p1`` or ``linear``. The default is ``counts`` if
            ``schema.per_10k`` is true, otherwise the scale stored in the h5ad file. Without a stored scale, the default
            is ``counts`` for an h5ad file of whole numbers >= 0, and ``linear`` for any other file.
        log2p1: whether log2(x + 1) is taken before standardisation. The default is False if ``schema.per_10k`` is true.
            Otherwise, a stored scale that is used has a stored ``log2p1``; for any other scale, the default is True
            only for ``counts``.
        ids: column of sample ids.
        ignore: columns to leave out.
        name: name of the dataset, for error messages and for `Table.source`.

    Raises:
        DataError: the file is invalid; the message names file, column and row.
    """
    if known_suffix(path) == ".h5ad":
        adata = read_h5ad(path, ids=ids, ignore=ignore)
        return table_from_adata(adata, path, schema=schema, scale=scale, log2p1=log2p1, source=Source(name))
    frame = without(read_frame(path, ids=ids, text=schema.obs_columns()), ignore, path)
    source = Source(name, note="; ".join(notes_on_ids(frame)))
    return table_from_frame(frame, path, schema=schema, scale=scale, log2p1=log2p1, source=source)


def read_h5ad(path: Path, *, ids: str | None = None, ignore: Collection[str] = (), layer: str = "") -> Any:
    """Read an h5ad file as an `anndata.AnnData`.

    Args:
        path: the file.
        ids: ``obs`` column of sample ids; by default the index of ``obs``.
        ignore: ``obs`` columns and features to leave out.
        layer: layer to read; ``X`` if empty.

    Raises:
        DataError: the file is missing, corrupt or empty, or has no column or layer with a given name.
    """
    import anndata

    with readable(path), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a later check reports repeated names
        warnings.filterwarnings("ignore", "Forward slashes", FutureWarning)  # about column names of the user
        adata = anndata.read_h5ad(path)
    if layer:
        adata.X = matrix_of(adata, layer, path)
    return prepare_adata(adata, path, ids=ids, ignore=ignore)


def matrix_of(adata: Any, layer: str, where: Path | str) -> Any:
    """Return a layer of an `anndata.AnnData`, or ``X`` if no layer is named.

    Raises:
        DataError: there is no layer with this name.
    """
    if not layer:
        return adata.X
    if layer not in adata.layers:
        known = ", ".join(map(repr, sorted(adata.layers))) or "no layer"
        raise DataError(f"{where}: no layer {layer!r}, the file has {known}; name another, or leave it out to read X")
    return adata.layers[layer]


def prepare_adata(adata: Any, path: Path | str, *, ids: str | None = None, ignore: Collection[str] = ()) -> Any:
    """Return an `anndata.AnnData` indexed by sample ids and without ignored columns and features; may change ``adata``.

    Raises:
        DataError: ``adata`` is empty, or has no column with a given name.
    """
    from tabgenbench.data.h5ad import KEY, obs_of

    if adata.n_obs == 0 or (adata.n_vars == 0 and KEY not in adata.uns) or adata.X is None:
        raise DataError(f"{path}: has {adata.n_obs} rows and {adata.n_vars} features, expected a matrix X of some")
    adata.obs = obs_of(adata)
    check_unique_names(adata.obs.columns, path)
    ignore = match_columns(ignore, [*adata.obs.columns, *adata.var_names], where=str(path))
    ids = match_column(ids, adata.obs.columns, where=str(path)) if ids is not None else None
    for column in [*ignore, *([ids] if ids is not None else [])]:
        if column not in adata.obs.columns and (column == ids or column not in adata.var_names):
            raise DataError(f"{path}: obs has no column {column!r}{did_you_mean(column, adata.obs.columns)}")
    keep = ~adata.var_names.isin(list(ignore))
    if not keep.all():
        adata = adata[:, keep].copy()
    if ids is not None:
        adata.obs.index = pd.Index(adata.obs[ids].astype(str), dtype=object, name=None)
    adata.obs = adata.obs.drop(columns=[column for column in ignore if column in adata.obs.columns])
    return adata


def table_from_adata(
    adata: Any,
    path: Path | str,
    *,
    schema: Schema,
    scale: Scale | None = None,
    log2p1: bool | None = None,
    source: Source,
) -> Table:
    """Convert an object from `read_h5ad` to a table, and check the table; for the arguments, see `read_table_file`."""
    from tabgenbench.data.h5ad import from_anndata

    schema = match_roles(schema, [*adata.obs.columns, *adata.var_names], where=str(path))
    schema.check(columns=list(adata.obs.columns), features=list(adata.var_names), where=str(path))
    kept = schema if schema != Schema() else None
    place = too_large_in_matrix(adata.X)
    if place is not None:
        row, column = adata.obs_names[place[0]], adata.var_names[place[1]]
        raise DataError(
            f"{path}: row {row!r}, column {column!r}: {adata.X[place]} is too large, expected at most 3.4e38 in size; "
            "give the column another unit or leave it out"
        )
    if schema.per_10k:
        counts = {"scale": scale or "counts", "log2p1": bool(log2p1)}
        return check_table(from_anndata(adata, schema=kept, source=source, **counts), path)
    with np.errstate(over="ignore"):
        table = from_anndata(adata, schema=kept, source=source)
    if scale is None and "tabgenbench" not in adata.uns:
        scale = "counts" if _whole_numbers(adata.X) else "linear"
    if scale is not None:
        table = replace(table, scale=scale, log2p1=scale == "counts")
    return check_table(table if log2p1 is None else replace(table, log2p1=log2p1), path)


def table_from_frame(
    frame: pd.DataFrame,
    path: Path | str,
    *,
    schema: Schema,
    scale: Scale | None = None,
    log2p1: bool | None = None,
    source: Source,
) -> Table:
    """Convert a frame from `read_frame` to a table, and check the table; for the arguments, see `read_table_file`."""
    scale = scale or ("counts" if schema.per_10k else "linear")
    log2p1 = scale == "counts" and not schema.per_10k if log2p1 is None else log2p1
    schema = match_roles(schema, list(frame.columns), where=str(path))
    frame = encoded_frame(frame, schema, str(path))
    targets = {target for target in schema.targets if target in frame and is_text(frame[target])}
    roles = {*schema.obs_columns(), *targets}
    schema.check(columns=list(frame.columns), features=[], where=str(path))
    with_gaps = {gap.column for gap in schema.gaps}
    for column in frame.columns:
        if column not in roles:
            problem = numeric_problem(frame[column].dropna() if column in with_gaps else frame[column])
            if problem:
                raise DataError(f"{path}: column {column!r}, {problem}")
        elif frame[column].isna().any():
            row = frame.index[int(frame[column].isna().to_numpy().argmax())]
            raise DataError(
                f"{path}: column {column!r}, row {row!r}: is empty, expected a value; fill it or drop the row"
            )
    if len(roles) == frame.shape[1] and not schema.categorical_features:
        raise DataError(f"{path}: no column is left for features, expected at least one column to generate")
    with np.errstate(over="ignore"):
        table = Table.from_frame(frame, schema=schema, scale=scale, log2p1=log2p1, source=source)
    return check_table(table, path)


def numeric_problem(column: pd.Series) -> str:
    """Return why a column is not numeric and in which row, or an empty text if the column is numeric."""
    if problem := too_large(column):
        return problem
    bad = column.isna().to_numpy()
    if is_text(column):
        bad = pd.to_numeric(column, errors="coerce").isna().to_numpy()
        if pd.api.types.is_bool_dtype(column) or not bad.any():
            bad = np.ones(len(column), dtype=bool)
    if not bad.any():
        return ""
    row = int(bad.argmax())
    value = column.iloc[row]
    if pd.isna(value):
        return f"row {column.index[row]!r}: is empty, expected a number; impute it or drop the row"
    hint = (
        "correct it, list it under missing_values, name the column as a condition or a categorical feature, or ignore "
        "the column"
    )
    return f"row {column.index[row]!r}: got {str(value)!r}, expected a number; {hint}"


def without(frame: pd.DataFrame, ignore: Collection[str], path: Path | str) -> pd.DataFrame:
    """Return the frame without the given columns, which must exist.

    If the column of sample ids is given, the ids remain in the index of the frame.
    """
    ids = frame.attrs.get("ids")
    known = [*frame.columns, *([ids] if ids is not None else [])]
    ignore = [column for column in match_columns(ignore, known, where=str(path)) if column != ids]
    for column in ignore:
        if column not in frame.columns:
            raise DataError(f"{path}: no column {column!r} to ignore{did_you_mean(column, frame.columns)}")
    return frame.drop(columns=list(ignore))


def check_table(table: Table, path: Path | str) -> Table:
    """Return the same table if its content is valid, or raise an error that names the path of the file."""
    try:
        return table.validate()
    except DataError as error:
        message = str(error).removeprefix(f"dataset {table.source.name!r}: ")
        raise DataError(f"{path}: {message}") from None


def _whole_numbers(values: Any) -> bool:
    stored = values.data if sparse.issparse(values) else np.asarray(values)
    return bool((stored >= 0).all() and (stored == np.floor(stored)).all())
