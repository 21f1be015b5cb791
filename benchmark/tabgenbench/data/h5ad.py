"""Tables as h5ad files, read through a memory map.

Files are read and written with h5py. anndata is imported only for columns other than numbers, booleans, text and
categories, because the import takes half a second.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from tabgenbench.data.layout import Layout
from tabgenbench.data.library_size import LIBRARY
from tabgenbench.data.schema import Schema
from tabgenbench.data.table import Matrix, Source, Table, as_categorical
from tabgenbench.data.transform import Transform
from tabgenbench.errors import DataError

if TYPE_CHECKING:
    import anndata

__all__ = ["KEY", "from_anndata", "obs_of", "read_table", "read_transform", "to_anndata", "write_table"]

KEY = "tabgenbench"
INDEX = "_index"
KEEP_SIZE = 1  # FALLOC_FL_KEEP_SIZE
SPARE_BYTES = 2**20  # for what a file has beside its values
_TEXT = h5py.string_dtype()


def to_anndata(table: Table, transform: Transform | None = None) -> anndata.AnnData:
    """Return an `anndata.AnnData`; ``var`` contains means and standard deviations of ``transform``, if given."""
    import anndata

    obs, var, uns = _parts(table, transform)
    return anndata.AnnData(X=table.X, obs=obs, var=var, uns=uns)


def write_table(
    table: Table, path: Path, *, transform: Transform | None = None, layers: Mapping[str, Matrix] | None = None
) -> None:
    """Write an uncompressed h5ad file, which can be memory-mapped.

    The write is not atomic, so give a temporary path and rename the file afterwards. Disk space is reserved first,
    because HDF5 may crash when the disk is full.

    Args:
        table: the table.
        path: the file.
        transform: transform from the scale of the dataset to the scale of the table; its means and standard deviations
            are stored in ``var``.
        layers: additional arrays for the same rows and features, such as ``own`` (values before the transform).

    Raises:
        OSError: the file cannot be written.
    """
    obs, var, uns = _parts(table, transform)
    size = SPARE_BYTES + sum(map(_bytes_of, (table.X, *(layers or {}).values(), obs, var)))
    # Closing the HDF5 file returns what was reserved beyond its end. anndata itself writes sparse values in chunks,
    # which cannot be mapped.
    with path.open("w+b", buffering=0) as file, _reserved(file, size), h5py.File(file, "w") as handle:
        handle.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        _write_frame(handle, "obs", obs)
        _write_frame(handle, "var", var)
        stored = handle.create_group("uns")
        for name, text in uns.items():
            stored.create_dataset(name, data=np.array(text, dtype=_TEXT)).attrs.update(_encoding("string"))
        stored.attrs.update(_encoding("dict", "0.1.0"))
        _write_matrix(handle, "X", table.X)
        stored = handle.create_group("layers")
        stored.attrs.update(_encoding("dict", "0.1.0"))
        for name, values in (layers or {}).items():
            _write_matrix(stored, name, values)


def _bytes_of(values: Matrix | pd.DataFrame) -> int:
    if isinstance(values, pd.DataFrame):  # text takes more in memory than in a file
        return int(2 * values.memory_usage(deep=True).sum())
    if isinstance(values, np.ndarray):
        return int(values.nbytes)
    return int(values.data.nbytes + values.indices.nbytes + values.indptr.nbytes)


@contextmanager
def _reserved(file: FileIO, size: int) -> Iterator[None]:
    """Reserve disk space for a file; if the disk is full, remove the file and raise `OSError`.

    On a file system that cannot reserve space, such as some network file systems, nothing is reserved.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    arguments = ctypes.c_int(file.fileno()), ctypes.c_int(KEEP_SIZE), ctypes.c_int64(0), ctypes.c_int64(size)
    if libc.fallocate(*arguments) and ctypes.get_errno() in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        os.unlink(file.name)
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(file.name))
    yield


def _parts(table: Table, transform: Transform | None) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, str]]:
    var = pd.DataFrame(index=pd.Index(table.features, dtype=object))
    meaning: dict[str, Any] = {
        "schema": json.loads(table.schema.fingerprint_text()),
        "scale": table.scale,
        "log2p1": table.log2p1,
        "source": {"name": table.source.name, "options": dict(table.source.options), "note": table.source.note},
    }
    if table.source.layout is not None:
        meaning["source"]["layout"] = table.source.layout.model_dump(mode="json")
    if transform is not None:
        statistics = np.stack([transform.mean, transform.std])
        if transform.library is not None:
            meaning["library"] = list(transform.library)
            statistics = np.column_stack([statistics, transform.library])[:, : table.n_features]
        var["mean"], var["std"] = statistics
        meaning["own_scale"] = transform.own_scale
    written = _written_names(list(table.obs.columns))
    if written:
        meaning["names"] = {name: column for column, name in written.items()}
    obs = table.obs.rename(columns=written)
    obs.index = obs.index.astype(str).astype(object)
    return obs, var, {KEY: json.dumps(meaning)}


def _written_names(columns: Sequence[str]) -> dict[str, str]:
    """Return replacements for column names that HDF5 cannot store, such as ``a/b``, which HDF5 reads as a path."""
    names: dict[str, str] = {}
    for column in columns:
        if "/" in column or column in (".", INDEX):
            plain = column.replace("/", "_").replace(".", "_") if column != INDEX else f"{INDEX}_"
            while plain in (*columns, *names.values(), INDEX):
                plain += "_"
            names[column] = plain
    return names


def obs_of(adata: Any) -> pd.DataFrame:
    """Return ``obs`` of an `anndata.AnnData`, with the original names of columns that `write_table` renamed."""
    names = json.loads(adata.uns[KEY]).get("names", {}) if KEY in adata.uns else {}
    obs: pd.DataFrame = adata.obs
    return obs.rename(columns=names) if names else obs


def read_table(path: Path, *, layer: Literal["own"] | None = None) -> Table:
    """Return a table written by `write_table`, with values mapped read-only from disk.

    Args:
        path: the file.
        layer: ``own`` to read the values before the transform, on the dataset's own scale.

    Raises:
        DataError: the file has no such layer, or was not written by this program.
    """
    with h5py.File(path, "r") as handle:
        meaning = _meaning(handle, path)
        obs = _read_frame(handle["obs"]).rename(columns=meaning.get("names", {}))
        var = handle["var"]
        features = tuple(var[var.attrs["_index"]].asstr()[()])
        place = "X" if layer is None else f"layers/{layer}"
        if place not in handle:
            raise DataError(f"{path}: no {place}, expected a file that keeps the values on the dataset's own scale")
        values = _mapped_matrix(handle[place], path)
    scale = meaning["scale"] if layer is None else meaning["own_scale"]
    table = Table(X=values, obs=obs, features=features, schema=Schema(**meaning["schema"]), scale=scale)
    return replace(table, log2p1=meaning["log2p1"], source=_source(meaning["source"]))


def read_transform(path: Path) -> Transform:
    """Return the transform whose statistics `write_table` stored in ``var``."""
    with h5py.File(path, "r") as handle:
        meaning = _meaning(handle, path)
        mean, std = handle["var/mean"][()], handle["var/std"][()]
        names = handle["var"][handle["var"].attrs["_index"]].asstr()[()]
    if "library" not in meaning:
        return Transform(mean, std, meaning["own_scale"], meaning["log2p1"])
    genes = names != LIBRARY
    return Transform(mean[genes], std[genes], meaning["own_scale"], False, library=tuple(meaning["library"]))


def from_anndata(adata: Any, *, schema: Schema | None = None, **meaning: Any) -> Table:
    """Build a table from an `anndata.AnnData`.

    The arguments ``schema`` and ``meaning`` (``scale``, ``log2p1``, ``source``) override the properties that
    `to_anndata` stored. A stored ``per_10k`` (see `Schema`) is added to a given ``schema``, unless ``scale`` or
    ``log2p1`` is given.
    """
    kept: dict[str, Any] = {}
    if KEY in adata.uns:
        stored = json.loads(adata.uns[KEY])
        kept = {"scale": stored["scale"], "log2p1": stored["log2p1"], "source": _source(stored["source"])}
        of_counts = stored["schema"].get("per_10k", False) and not {"scale", "log2p1"} & meaning.keys()
        schema = schema.model_copy(update={"per_10k": True}) if schema and of_counts else schema
        schema = schema or Schema(**stored["schema"])
    schema = schema or Schema()
    source = meaning.get("source", kept.get("source", Source()))
    features = tuple(str(name) for name in adata.var_names)
    obs = obs_of(adata)
    schema.check(columns=obs.columns, features=features, where=f"dataset {source.name!r}")
    columns = [c for c in obs.columns if c in {*schema.obs_columns(), *schema.targets}]
    obs = obs.loc[:, columns].apply(as_categorical)
    obs.index = obs.index.astype(str)
    values = adata.X
    if values is None:
        raise DataError(f"dataset {source.name!r}: the h5ad file has no X, expected a matrix of values")
    values = sparse.csr_matrix(values, dtype=np.float32) if sparse.issparse(values) else np.asarray(values, np.float32)
    return Table(X=values, obs=obs, features=features, schema=schema, **{**kept, **meaning})


def _source(stored: Mapping[str, Any]) -> Source:
    layout = stored.get("layout")
    return Source(**{**stored, "layout": None if layout is None else Layout(**layout)})


def _read_frame(group: h5py.Group) -> pd.DataFrame:
    index = _read_column(group[group.attrs["_index"]])
    columns = {name: _read_column(group[name]) for name in group.attrs["column-order"]}
    return pd.DataFrame(columns, index=pd.Index(index, dtype=object), columns=list(columns))


def _read_column(stored: h5py.Group | h5py.Dataset) -> Any:
    kind = stored.attrs["encoding-type"]
    if kind == "categorical":
        ordered = bool(stored.attrs["ordered"])
        return pd.Categorical.from_codes(stored["codes"][()], _read_column(stored["categories"]), ordered=ordered)
    if kind == "string-array":
        return stored.asstr()[()]
    if kind == "array":
        return stored[()]
    import anndata

    return anndata.io.read_elem(stored)


def _write_frame(parent: h5py.Group, name: str, frame: pd.DataFrame) -> None:
    """Write a frame with the bytes that anndata writes, so that files from both have the same hash."""
    group = parent.create_group(name)
    group.attrs["column-order"] = list(frame.columns)
    group.attrs["_index"] = INDEX
    _write_column(group, INDEX, frame.index.to_numpy())
    for column in frame.columns:
        _write_column(group, column, frame[column].array)
    group.attrs.update(_encoding("dataframe"))


def _write_column(parent: h5py.Group, name: str, values: Any) -> None:
    if isinstance(values, pd.Categorical):
        group = parent.create_group(name)
        group.attrs["ordered"] = bool(values.ordered)
        _write_column(group, "codes", values.codes)
        _write_column(group, "categories", values.categories.to_numpy())
        group.attrs.update(_encoding("categorical"))
        return
    values = values.to_numpy() if isinstance(values, pd.arrays.NumpyExtensionArray) else values
    kind = values.dtype.kind if isinstance(values, np.ndarray) else ""
    if kind == "O":
        parent.create_dataset(name, data=values, dtype=_TEXT).attrs.update(_encoding("string-array"))
    elif kind in tuple("biuf"):
        parent.create_dataset(name, data=values).attrs.update(_encoding("array"))
    else:
        import anndata

        anndata.io.write_elem(parent, name, values)


def _encoding(kind: str, version: str = "0.2.0") -> dict[str, str]:
    return {"encoding-type": kind, "encoding-version": version}


def _meaning(handle: h5py.File, path: Path) -> dict[str, Any]:
    if KEY not in handle.get("uns", ()):
        raise DataError(f"{path}: uns has no {KEY!r}, expected a table written by this program; load it as a dataset")
    meaning: dict[str, Any] = json.loads(handle["uns"][KEY].asstr()[()])
    return meaning


def _write_matrix(parent: h5py.Group, name: str, values: Matrix) -> None:
    """Write values in anndata's format, each array contiguously, so that it can be memory-mapped."""
    if not sparse.issparse(values):
        parent.create_dataset(name, data=np.ascontiguousarray(values)).attrs.update(_encoding("array"))
        return
    group = parent.create_group(name)
    group.attrs.update({**_encoding("csr_matrix", "0.1.0"), "shape": values.shape})
    for part in ("data", "indices", "indptr"):
        group.create_dataset(part, data=getattr(values, part))


def _mapped_matrix(item: h5py.Dataset | h5py.Group, path: Path) -> Matrix:
    if isinstance(item, h5py.Dataset):
        return _mapped(item, path)
    data, indices, indptr = (_mapped(item[name], path) for name in ("data", "indices", "indptr"))
    matrix: Any = sparse.csr_matrix(tuple(item.attrs["shape"]), dtype=np.float32)
    matrix.data, matrix.indices, matrix.indptr = data, indices, indptr
    return matrix


def _mapped(dataset: h5py.Dataset, path: Path) -> NDArray[Any]:
    offset = dataset.id.get_offset()  # None for an empty or a chunked dataset, which cannot be mapped
    if offset is None:
        return np.asarray(dataset[()])
    return np.memmap(path, dtype=dataset.dtype, mode="r", offset=offset, shape=dataset.shape)
