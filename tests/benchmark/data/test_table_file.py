from __future__ import annotations

import builtins
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from tabgenbench import Schema, Table
from tabgenbench.data.frame_file import read_frame, suffix_of
from tabgenbench.data.h5ad import write_table
from tabgenbench.data.table_file import prepare_adata, read_table_file
from tabgenbench.errors import DataError

GOOD = "sample,sex,a,b\nS1,f,1.5,2\nS2,m,3,4\n"
BY_SEX = Schema(conditions=("sex",))
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(content: str | bytes, name: str = "my.csv") -> Path:
        raw = content if isinstance(content, bytes) else content.encode()
        path = tmp_path / name
        path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
        return path

    return to_file


@pytest.fixture
def adata() -> anndata.AnnData:
    obs = pd.DataFrame({"kind": ["x", "y", "x"], "cell": ["A", "B", "C"]}, index=["1", "2", "3"])
    values = sparse.csr_matrix(np.array([[0, 2.0], [1, 0], [3, 4]]))
    return anndata.AnnData(values, obs=obs, var=pd.DataFrame(index=["g1", "g2"]))


@pytest.mark.parametrize("name", ["my.csv", "my.csv.gz", "my.tsv", "my.txt", "my.TSV.gz"])
def test_the_suffix_gives_the_delimiter(write: Write, name: str) -> None:
    content = GOOD if "csv" in name else GOOD.replace(",", "\t")
    table = read_table_file(write(content, name), schema=BY_SEX, name="mine")
    assert table.X.tolist() == [[1.5, 2.0], [3.0, 4.0]]
    assert list(table.obs.index) == ["S1", "S2"]
    assert list(table.obs["sex"]) == ["f", "m"]
    assert (table.features, table.scale, table.log2p1, table.source.name) == (("a", "b"), "linear", False, "mine")


def test_parquet_gives_what_csv_gives(write: Write, tmp_path: Path) -> None:
    frame = pd.read_csv(write(GOOD), index_col=0)
    frame.to_parquet(tmp_path / "indexed.parquet")
    frame.reset_index().to_parquet(tmp_path / "plain.parquet")
    expected = read_table_file(write(GOOD), schema=BY_SEX).fingerprint()
    for name in ("indexed", "plain"):
        assert read_table_file(tmp_path / f"{name}.parquet", schema=BY_SEX).fingerprint() == expected


@pytest.mark.parametrize(
    ("content", "ids"),
    [
        (",a\nx,1\ny,2\n", ["x", "y"]),  # as pandas and R write an index
        ("a\nx,1\ny,2\n", ["x", "y"]),  # as R writes row names without col.names = NA
        ("name,a\nx,1\ny,2\n", ["x", "y"]),
        ("id,a\n007,1\n008,2\n", ["007", "008"]),
        ("b,a\n7,1\n8,2\n", ["1", "2"]),
        ("\ufeffid,a\nx,1\ny,2\n", ["x", "y"]),
    ],
)
def test_sample_ids_by_default(write: Write, content: str, ids: list[str]) -> None:
    assert list(read_frame(write(content)).index) == ids


def test_ids_may_be_named_and_a_named_column_is_kept_as_text(write: Write) -> None:
    path = write("site,key,a\n01,9,1\n02,8,2\n")
    table = read_table_file(path, schema=Schema(batch="site"), ids="key")
    assert list(table.obs.index) == ["9", "8"]
    assert list(table.obs["site"]) == ["01", "02"]


def test_columns_may_be_ignored_and_scales_given(write: Write) -> None:
    table = read_table_file(write(GOOD), schema=Schema(), ignore=["sex", "a"], scale="counts")
    assert (table.features, table.scale, table.log2p1) == (("b",), "counts", True)
    assert not read_table_file(write(GOOD), schema=BY_SEX, scale="lognorm", log2p1=False).log2p1
    assert not read_table_file(write(GOOD), schema=Schema(), ignore=["sex", "a"], scale="counts", log2p1=False).log2p1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,a,b\nx,1,2\ny,3,four\n", r"column 'b', row 'y': got 'four', expected a number"),
        ("id,a,b\nx,1,2\ny,3,NA\n", r"column 'b', row 'y': is empty, expected a number"),
        ("id,a,b\nx,1,2\ny,3,\n", r"column 'b', row 'y': is empty"),
        ("id,a,b\nx,1,2\ny,3\n", r"column 'b', row 'y': is empty"),
        ("id,a,b\nx,1,2\ny,3,True\n", r"column 'b', row 'y': got 'True'"),
        ("id,a,b\nx,1,False\ny,3,True\n", r"column 'b', row 'x': got 'False'"),
        ("id,a,b\nx,1,2\ny,3,inf\n", r"row 'y', column 'b': inf is not a finite number"),
        ("id,a,b\nx,1,2\ny,3,1e99\n", r"column 'b', row 'y': 1e\+99 is too large, expected at most 3.4e38"),
        ("id,a,b\nx,1,2\ny,-1e400,2\n", r"column 'a', row 'y': -1e400 is too large"),
        ("id,a,b\nx,1,1" + "0" * 25 + "\ny,3,4\n", r"column 'b', row 'x': 10{25} is too large, .* below 2\^63"),
        ("id,a,b\nx,1,2\nx,3,4\n", r"column 'id', sample id 'x' occurs in rows 1 and 2"),
        (",a,b\nx,1,2\nx,3,4\n", r"my.csv: sample id 'x' occurs in rows 1 and 2"),
        ("id,a,b\nx,1,2\n,3,4\n", r"row 2 has no sample id"),
        ("id,a,a\nx,1,2\ny,3,4\n", r"column 'a' occurs more than once"),
        ("id,a,\nx,1,2\ny,3,4\n", r"column 3 has no name"),
        ("id,a,b\nx,1\ny,3\n", r"the first row has 2 cells for 3 column names"),
        ("id,a,b\nx,1,2\ny,3,4,5\n", r"Expected 3 fields in line 3, saw 4"),
        ("id,a,b\n", r"has column names and no row"),
        ("\n1,2\n", r"the first line is empty"),
        ("", r"is empty, expected a table"),
        (b"id,a\n\xff\xfe,1\n", r"is not UTF-8 text"),
        ("id\nx\ny\n", r"no column is left for features"),
    ],
)
def test_what_is_wrong_is_named(write: Write, content: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_table_file(write(content), schema=Schema())
    assert "my.csv: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_negative_values_under_log2p1_are_named(write: Write) -> None:
    with pytest.raises(DataError, match=r"my.csv: row 'y', column 'a': -1.0 is negative"):
        read_table_file(write("id,a\nx,1\ny,-1\n"), schema=Schema(), log2p1=True)


def test_columns_that_are_not_there_are_named(write: Write) -> None:
    path = write(GOOD)
    with pytest.raises(DataError, match=r"my.csv: no column 'sexe'.*did you mean 'sex'"):
        read_table_file(path, schema=Schema(conditions=("sexe",)))
    with pytest.raises(DataError, match=r"my.csv: no column 'aa' to ignore"):
        read_table_file(path, schema=BY_SEX, ignore=["aa"])
    with pytest.raises(DataError, match=r"my.csv: no column 'smple' of sample ids; did you mean 'sample'"):
        read_table_file(path, schema=BY_SEX, ids="smple")
    with pytest.raises(DataError, match=r"my.csv: column 'sex', row 'S2': is empty"):
        read_table_file(write(GOOD.replace("m", "")), schema=BY_SEX)


def test_files_that_are_none_are_named(write: Write, tmp_path: Path) -> None:
    cut = write(GOOD * 50, "cut.csv.gz")
    cut.write_bytes(cut.read_bytes()[:-12])
    for path, message in [
        (tmp_path / "none.csv", "no such file"),
        (tmp_path, "is a folder"),
        (write(GOOD, "my.xlsx"), "unknown kind of file, expected one of .csv"),
        (cut, "cannot be read"),
        (write(b"not parquet", "my.parquet"), "cannot be read as a table"),
        (write(b"not hdf5", "my.h5ad"), "cannot be read"),
    ]:
        with pytest.raises(DataError, match=message) as caught:
            read_table_file(path, schema=BY_SEX)
        assert str(path) in str(caught.value)


def test_parquet_without_its_library_names_the_extra(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(b"PAR1", "my.parquet")
    real = builtins.__import__

    def without_pyarrow(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_pyarrow)
    with pytest.raises(DataError, match=r"pip install 'tabgenbench\[parquet\]'"):
        read_frame(path)


def test_h5ad_of_whole_numbers_is_counts(adata: anndata.AnnData, tmp_path: Path) -> None:
    adata.write_h5ad(tmp_path / "my.h5ad")
    table = read_table_file(tmp_path / "my.h5ad", schema=Schema(conditions=("kind",)), ids="cell")
    assert sparse.issparse(table.X)
    assert (table.scale, table.log2p1, table.features) == ("counts", True, ("g1", "g2"))
    assert list(table.obs.index) == ["A", "B", "C"]
    assert list(table.obs.columns) == ["kind"]
    assert read_table_file(tmp_path / "my.h5ad", schema=Schema(), ignore=["g1", "cell"]).features == ("g2",)


def test_h5ad_of_other_numbers_is_linear(adata: anndata.AnnData, tmp_path: Path) -> None:
    adata.X = adata.X * 0.5
    adata.write_h5ad(tmp_path / "my.h5ad")
    table = read_table_file(tmp_path / "my.h5ad", schema=Schema())
    assert (table.scale, table.log2p1) == ("linear", False)
    assert read_table_file(tmp_path / "my.h5ad", schema=Schema(), log2p1=True).log2p1


def test_h5ad_problems_are_named(adata: anndata.AnnData, tmp_path: Path) -> None:
    path = tmp_path / "my.h5ad"
    adata.write_h5ad(path)
    with pytest.raises(DataError, match=r"my.h5ad: no column 'knd'.*did you mean 'kind'"):
        read_table_file(path, schema=Schema(conditions=("knd",)))
    with pytest.raises(DataError, match=r"my.h5ad: obs has no column 'cel'"):
        read_table_file(path, schema=Schema(), ids="cel")
    with pytest.raises(DataError, match=r"my.h5ad: sample id 'x' occurs more than once"):
        read_table_file(path, schema=Schema(), ids="kind")
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(DataError, match=r"my.h5ad: cannot be read"):
        read_table_file(path, schema=Schema())


def test_h5ad_with_equal_gene_names_or_nan_is_refused(adata: anndata.AnnData, tmp_path: Path) -> None:
    adata.X.data[1] = np.nan
    adata.write_h5ad(tmp_path / "nan.h5ad")
    with pytest.raises(DataError, match=r"row '2', column 'g1': nan is not a finite number"):
        read_table_file(tmp_path / "nan.h5ad", schema=Schema())
    adata.var.index = ["g", "g"]
    adata.write_h5ad(tmp_path / "twice.h5ad")
    with pytest.raises(DataError, match=r"twice.h5ad: feature 'g' occurs more than once"):
        read_table_file(tmp_path / "twice.h5ad", schema=Schema())


def test_a_table_written_here_comes_back_as_it_was(table: Table, tmp_path: Path) -> None:
    write_table(table, tmp_path / "draw.h5ad")
    back = read_table_file(tmp_path / "draw.h5ad", schema=Schema(), name="tiny")
    assert back.fingerprint() == table.fingerprint()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(
        st.lists(st.floats(-(2.0**99), 2.0**99, width=32), min_size=3, max_size=3),
        min_size=1,
        max_size=6,
    )
)
def test_csv_keeps_every_float32_bit(tmp_path: Path, values: list[list[float]]) -> None:
    frame = pd.DataFrame(np.array(values, dtype=np.float32), columns=["a", "b", "c"])
    frame.to_csv(tmp_path / "bits.csv")
    table = read_table_file(tmp_path / "bits.csv", schema=Schema())
    assert np.array_equal(table.X, frame.to_numpy())


def test_suffix_of_a_name() -> None:
    assert suffix_of(Path("a.b.CSV.gz")) == ".csv.gz"
    assert suffix_of(Path("a.gz")) == ""


def test_numbers_too_large_in_h5ad_are_named(tmp_path: Path, adata: anndata.AnnData) -> None:
    for name, values in (("dense", np.array([[1, 2], [3, 4], [-1e99, 6]])), ("sparse", [[0, 0], [0, 0], [1e99, 0]])):
        adata.X = sparse.csr_matrix(values) if name == "sparse" else values
        adata.write_h5ad(tmp_path / f"{name}.h5ad")
        with pytest.raises(DataError, match=r"row '3', column 'g1': -?1e\+99 is too large, expected at most 3.4e38"):
            read_table_file(tmp_path / f"{name}.h5ad", schema=Schema())


def test_a_number_too_large_may_be_ignored_or_a_label(write: Write) -> None:
    path = write(f"kind,code,a\nx,1{'0' * 25},1\ny,1e400,2\nx,3,4\n")
    assert read_table_file(path, schema=Schema(conditions=("kind",)), ignore=["code"]).features == ("a",)
    table = read_table_file(path, schema=Schema(conditions=("kind", "code")))
    assert list(table.obs["code"]) == ["1" + "0" * 25, "1e400", "3"]


def test_the_column_of_ids_may_be_ignored(write: Write) -> None:
    table = read_table_file(write(GOOD), schema=BY_SEX, ignore=["sample", "b"])
    assert (table.features, list(table.obs.index)) == (("a",), ["S1", "S2"])


def test_a_column_name_may_lack_blanks_at_its_ends(write: Write) -> None:
    path = write("sample,Stage ,  a,b\nS1,01,1,2\nS2,02,3,4\n")
    for asked in ("Stage ", "Stage", " Stage"):
        table = read_table_file(path, schema=Schema(conditions=(asked,)), ignore=["a"], ids="sample ")
        assert table.conditions.to_dict("list") == {"Stage ": ["01", "02"]}
        assert table.features == ("b",)


def test_of_two_names_that_differ_in_blanks_the_exact_one_is_meant(write: Write) -> None:
    path = write("sex,sex ,a\nf,x,1\nm,y,2\n")
    assert list(read_table_file(path, schema=Schema(conditions=("sex ",)), ignore=["sex"]).obs["sex "]) == ["x", "y"]
    with pytest.raises(DataError, match="' sex' may mean the columns 'sex' and 'sex ', expected one; rename"):
        read_table_file(path, schema=Schema(conditions=(" sex",)))


def test_two_columns_of_one_name_in_parquet_and_h5ad_are_named(tmp_path: Path, adata: anndata.AnnData) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    twice = pyarrow.Table.from_arrays([pyarrow.array([1.0, 2.0])] * 2, names=["a", "a"])
    parquet.write_table(twice, tmp_path / "twice.parquet")
    with pytest.raises(DataError, match=r"twice.parquet: .*'?a'? "):
        read_frame(tmp_path / "twice.parquet")
    adata.obs = pd.concat([adata.obs, adata.obs[["kind"]]], axis=1)
    with pytest.raises(DataError, match="mine: column 'kind' occurs more than once, expected unique names; rename one"):
        prepare_adata(adata, "mine")
