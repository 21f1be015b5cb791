"""Conversion of data in memory (DataFrame or AnnData) to the form that the readers of files return."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from tabgenbench.data.frame_file import check_unique_names, index_by_id
from tabgenbench.data.table_file import matrix_of, prepare_adata
from tabgenbench.errors import DataError

__all__ = ["adata_as_read", "frame_as_read", "is_adata"]


def is_adata(data: Any) -> bool:
    """Return whether an object is an `anndata.AnnData`."""
    import anndata

    return isinstance(data, anndata.AnnData)


def frame_as_read(
    frame: pd.DataFrame,
    where: str,
    *,
    ids: str | None = None,
    text: Collection[str] = (),
    missing: Collection[str] = (),
) -> pd.DataFrame:
    """Return a copy of a frame; the copy is indexed by sample ids (text), and its column names are text.

    If ``ids`` is given, the column or index of this name contains the ids. Otherwise the index contains the ids, unless
    it is a `RangeIndex` (row numbers); the column of ids is then found as in `read_frame`.

    Args:
        frame: one row per sample; it is not changed.
        where: the table's name in error messages.
        ids: name of the column or of the index that contains sample ids.
        text: columns that contain labels, even if the labels look like numbers.
        missing: texts that mean a missing value.

    Raises:
        DataError: the frame has no row or no column, or an id or a column name occurs twice.
    """
    frame = frame.rename(columns=str)
    if missing:
        frame = frame.replace(list(missing), np.nan)
    frame = frame.infer_objects()
    if frame.shape[0] == 0 or frame.shape[1] == 0:
        raise DataError(f"{where}: has {frame.shape[0]} rows and {frame.shape[1]} columns, expected at least one each")
    check_unique_names(frame.columns, where)
    is_named = ids is not None and ids == frame.index.name
    if (ids is not None and not is_named) or (ids is None and isinstance(frame.index, pd.RangeIndex)):
        return index_by_id(frame.reset_index(drop=True), where, ids=ids, text=text)
    labels = frame.index.map(str).astype(object).rename(None)
    if labels.has_duplicates:
        twice = labels[labels.duplicated()][0]
        fix = "call reset_index(drop=True) to number the rows"
        raise DataError(f"{where}: the index holds {twice!r} more than once, expected unique sample ids; {fix}")
    frame = frame.set_axis(labels, axis=0)
    frame.attrs["ids"] = ""
    return frame


def adata_as_read(
    adata: Any, where: str, *, ids: str | None = None, ignore: Collection[str] = (), layer: str = ""
) -> Any:
    """Return a copy of an `anndata.AnnData`, indexed by sample ids, without the columns and features in ``ignore``.

    Args:
        adata: one row per sample; it is not changed.
        where: the table's name in error messages.
        ids: ``obs`` column of sample ids; by default the index of ``obs``.
        ignore: ``obs`` columns and features to leave out.
        layer: layer to use as ``X`` of the copy; ``X`` if empty.

    Raises:
        DataError: ``adata`` is empty, or has no column or layer with a given name.
    """
    import anndata

    copied = anndata.AnnData(
        X=matrix_of(adata, layer, where), obs=adata.obs.copy(), var=adata.var[[]].copy(), uns=dict(adata.uns)
    )
    return prepare_adata(copied, where, ids=ids, ignore=ignore)
