from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from tabgenbench import DataError, Schema, Source, Table, Transform
from tabgenbench.data.h5ad import from_anndata, read_table, read_transform, to_anndata, write_table

MakeTable = Callable[..., Table]


@pytest.mark.parametrize("csr", [False, True])
def test_what_is_written_is_read(make_table: MakeTable, tmp_path: Path, csr: bool) -> None:
    table = make_table(csr=csr, scale="counts", source=Source("mine", {"genes": ["a", "b"], "n": 3}, "27 of 52 files"))
    write_table(table, tmp_path / "t.h5ad")
    back = read_table(tmp_path / "t.h5ad")
    assert back.fingerprint() == table.fingerprint()
    assert back.source == table.source
    pd.testing.assert_frame_equal(back.obs, table.obs, check_names=False)


def test_rows_have_the_columns_that_anndata_reads(table: Table, tmp_path: Path) -> None:
    n = table.n_rows
    columns: dict[str, Any] = {
        "stage": pd.Categorical(np.resize(["late", "early"], n), categories=["early", "late"], ordered=True),
        "grade": pd.Categorical(np.resize([3, 1, 2], n)),
        "unknown": pd.Categorical.from_codes(np.resize([0, -1], n), categories=["a"]),
        "note": np.resize(np.array(["one", "zwölf"], dtype=object), n),
        "age": np.linspace(20, 90, n),
        "reads": np.arange(n),
        "paired": np.arange(n) % 2 == 0,
        "visits": pd.array(np.resize([1, None], n), dtype="Int64"),
    }
    write_table(replace(table, obs=table.obs.assign(**columns)), tmp_path / "t.h5ad")
    expected = anndata.read_h5ad(tmp_path / "t.h5ad").obs
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.h5ad").obs, expected, check_index_type=False)


def test_values_are_mapped_and_read_only(make_table: MakeTable, tmp_path: Path) -> None:
    write_table(make_table(), tmp_path / "dense.h5ad")
    write_table(make_table(csr=True), tmp_path / "csr.h5ad")
    dense = read_table(tmp_path / "dense.h5ad").X
    assert isinstance(dense, np.memmap)
    assert dense.filename == tmp_path / "dense.h5ad"
    csr = read_table(tmp_path / "csr.h5ad").X
    assert all(isinstance(part, np.memmap) for part in (csr.data, csr.indices, csr.indptr))
    with pytest.raises(ValueError, match="read-only"):
        csr.data[0] = 1


@pytest.mark.parametrize("csr", [False, True])
def test_the_file_is_plain_h5ad(make_table: MakeTable, tmp_path: Path, csr: bool) -> None:
    table = make_table(csr=csr)
    write_table(table, tmp_path / "t.h5ad", layers={"own": table.X})
    adata = anndata.read_h5ad(tmp_path / "t.h5ad")
    assert sparse.issparse(adata.X) is csr
    assert from_anndata(adata).fingerprint() == table.fingerprint()
    assert adata.layers["own"].shape == table.X.shape


@pytest.mark.parametrize("csr", [False, True])
def test_the_bytes_are_those_that_anndata_writes(make_table: MakeTable, tmp_path: Path, csr: bool) -> None:
    table = make_table(csr=csr)
    transform = Transform.fit(table)
    adata = to_anndata(table, transform)
    write_table(table, tmp_path / "t.h5ad", transform=transform)
    with (tmp_path / "expected.h5ad").open("w+b", buffering=0) as raw, h5py.File(raw, "w") as file:
        file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        for name in ("obs", "var", "uns"):
            anndata.io.write_elem(file, name, getattr(adata, name))
        if csr:
            group = file.create_group("X")
            group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": table.X.shape})
            for part in ("data", "indices", "indptr"):
                group.create_dataset(part, data=getattr(table.X, part))
        else:
            anndata.io.write_elem(file, "X", table.X)
        anndata.io.write_elem(file, "layers", {})
    assert (tmp_path / "t.h5ad").read_bytes() == (tmp_path / "expected.h5ad").read_bytes()


def test_a_table_of_zeros_or_of_no_rows(make_table: MakeTable, tmp_path: Path) -> None:
    table = make_table(csr=True)
    zeros = Table(X=sparse.csr_matrix((60, 5), dtype=np.float32), obs=table.obs, features=table.features)
    for name, one in (("zeros", zeros), ("empty", make_table().take([]))):
        write_table(one, tmp_path / name)
        back = read_table(tmp_path / name)
        np.testing.assert_array_equal(back.dense(), one.dense())


def test_the_transform_is_kept_in_var(table: Table, tmp_path: Path) -> None:
    transform = Transform.fit(table)
    write_table(transform.apply(table), tmp_path / "t.h5ad", transform=transform)
    back = read_transform(tmp_path / "t.h5ad")
    np.testing.assert_array_equal(back.mean, transform.mean)
    np.testing.assert_array_equal(back.std, transform.std)
    assert (back.own_scale, back.log2p1) == (table.scale, True)
    assert read_table(tmp_path / "t.h5ad").scale == "standardized"


@pytest.mark.parametrize("csr", [False, True])
def test_the_own_layer_has_the_own_scale(make_table: MakeTable, tmp_path: Path, csr: bool) -> None:
    table = make_table(csr=csr)
    transform = Transform.fit(table)
    write_table(transform.apply(table), tmp_path / "t.h5ad", transform=transform, layers={"own": table.X})
    own = read_table(tmp_path / "t.h5ad", layer="own")
    assert own.fingerprint() == table.fingerprint()
    assert sparse.issparse(own.X) is csr


def test_a_missing_layer_is_named(table: Table, tmp_path: Path) -> None:
    write_table(table, tmp_path / "t.h5ad")
    with pytest.raises(DataError, match=r"t\.h5ad: no layers/own"):
        read_table(tmp_path / "t.h5ad", layer="own")


def test_a_file_of_another_program_is_refused(table: Table, tmp_path: Path) -> None:
    adata = to_anndata(table)
    del adata.uns["tabgenbench"]
    adata.write_h5ad(tmp_path / "t.h5ad")
    with pytest.raises(DataError, match=r"t\.h5ad: uns has no 'tabgenbench'.*load it as a dataset"):
        read_table(tmp_path / "t.h5ad")
    assert from_anndata(anndata.read_h5ad(tmp_path / "t.h5ad"), schema=Schema(conditions=("tissue",))).n_rows == 60


def test_writing_does_not_change_the_table(table: Table, tmp_path: Path) -> None:
    before = table.fingerprint()
    write_table(table, tmp_path / "t.h5ad", transform=Transform.fit(table))
    assert table.fingerprint() == before
    assert table.obs.index[0] == "S0000"
