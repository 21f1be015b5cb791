"""Tables of counts with library sizes: transform, files of a split, readers, and export."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from tabgenbench import ConfigError, DataError, Schema, Table, Transform
from tabgenbench.data.h5ad import read_table, read_transform, write_table
from tabgenbench.data.highly_variable import highly_variable
from tabgenbench.data.library_size import LIBRARY, whole_counts
from tabgenbench.data.split import Split, SplitConfig, make_split
from tabgenbench.data.split_files import (
    read_evaluation_tables,
    read_fit_tables,
    read_split,
    read_stored_tables,
    same_split,
    write_split,
)
from tabgenbench.data.write_file import write_file
from tabgenbench.registry.file_source import FileSource
from tabgenbench.registry.memory_source import MemorySource

OF_CELLS = Schema(conditions=("label",), group="donor", per_10k=True)
Write = Callable[..., Path]


def make_counts(values: np.ndarray, *, schema: Schema = OF_CELLS, csr: bool = True) -> Table:
    n = len(values)
    obs = pd.DataFrame(
        {
            "label": pd.Categorical(np.array(["a", "b"])[np.arange(n) % 2]),
            "donor": pd.Categorical([f"d{i % 10}" for i in range(n)]),
            "truth": np.linspace(0, 1, n),
        },
        index=pd.Index([f"cell{i}" for i in range(n)], dtype=object),
    )
    values = values.astype(np.float32)
    features = tuple(f"g{j}" for j in range(values.shape[1]))
    return Table(sparse.csr_matrix(values) if csr else values, obs, features, schema, scale="counts")


@pytest.fixture(scope="module")
def cells() -> Table:
    """40 cells, 6 genes; the last gene has no count. No test changes it."""
    rng = np.random.default_rng(0)
    rates = rng.gamma(2.0, 1.0, (40, 6)) * np.array([1.0, 5.0, 0.3, 40.0, 2.0, 0.0])
    return make_counts(rng.poisson(rates))


def written(folder: Path, table: Table, **options: object) -> Split:
    split = make_split(table, SplitConfig(**options), seed=0)
    write_split(folder, table, split)
    return split


def test_known_values() -> None:
    table = make_counts(np.array([[1, 3], [0, 20_000]]))
    transform = Transform.fit(table)
    logs = np.log1p([[2500.0, 7500.0], [0.0, 10_000.0]])
    np.testing.assert_allclose(transform.mean, logs.mean(axis=0))
    np.testing.assert_allclose(transform.std, logs.std(axis=0))
    np.testing.assert_allclose(transform.library, (np.log([4, 20_000]).mean(), np.log([4, 20_000]).std()))
    np.testing.assert_allclose(transform.apply(table).X, [[1, -1], [-1, 1]], rtol=1e-5)
    for_generator = transform.for_generator(table)
    assert for_generator.features == ("g0", "g1", LIBRARY)
    np.testing.assert_allclose(for_generator.X, [[1, -1, -1], [-1, 1, 1]], rtol=1e-5)


@settings(max_examples=50, deadline=None)
@given(hnp.arrays(np.int64, hnp.array_shapes(min_dims=2, max_dims=2, max_side=8), elements=st.integers(0, 50_000)))
def test_counts_are_restored_exactly(values: np.ndarray) -> None:
    table = make_counts(values)
    transform = Transform.fit(table)
    back = transform.invert(transform.for_generator(table))
    assert sparse.isspmatrix_csr(back.X)
    assert (back.scale, back.features) == ("counts", table.features)
    np.testing.assert_array_equal(back.dense(), values)
    without = transform.apply(transform.for_generator(table))
    np.testing.assert_array_equal(without.X, transform.apply(table).X)


def test_dense_counts_give_the_same_transform(cells: Table) -> None:
    dense = replace(cells, X=cells.dense())
    one, other = Transform.fit(cells), Transform.fit(dense)
    np.testing.assert_array_equal(one.mean, other.mean)
    np.testing.assert_array_equal(one.for_generator(cells).X, other.for_generator(dense).X)


def test_only_counts_are_normalised_by_the_library(cells: Table) -> None:
    with pytest.raises(DataError, match=r"scale 'lognorm' with per_10k = true, expected scale = 'counts'"):
        replace(cells, scale="lognorm")
    with pytest.raises(DataError, match=r"log2p1 = true with per_10k = true, expected .* log2p1 = false"):
        replace(cells, log2p1=True)
    named = replace(cells, features=(*cells.features[:-1], LIBRARY))
    with pytest.raises(DataError, match="a feature named 'log library size'"):
        Transform.fit(named)
    with pytest.raises(DataError, match="no feature 'log library size', expected it to compute counts"):
        Transform.fit(cells).invert(Transform.fit(cells).apply(cells))


def test_a_schema_without_counts_keeps_its_fingerprint(cells: Table) -> None:
    assert "per_10k" not in Schema().fingerprint_text()
    assert '"per_10k":true' in OF_CELLS.fingerprint_text()
    plain = replace(cells, schema=OF_CELLS.model_copy(update={"per_10k": False}))
    assert plain.fingerprint() != cells.fingerprint()


def test_sampled_counts_are_stored_whole_and_sparse(cells: Table) -> None:
    transform = Transform.fit(cells)
    sampled = replace(cells.take([0, 1]), X=np.array([[1.4, -2, 0, 7, 0, 0]] * 2, dtype=np.float32))
    stored = transform.to_store(sampled)
    assert sparse.isspmatrix_csr(stored.X)
    assert stored.X.nnz == 4
    np.testing.assert_array_equal(stored.dense()[0], [1, 0, 0, 7, 0, 0])
    of_model = transform.for_generator(cells)
    assert transform.to_store(of_model) is of_model


def test_files_of_a_split_have_sparse_counts(cells: Table, tmp_path: Path) -> None:
    split = written(tmp_path, cells)
    for side in ("train", "test"):
        stored = read_table(tmp_path / f"{side}.h5ad")
        assert sparse.isspmatrix_csr(stored.X)
        np.testing.assert_array_equal(stored.dense(), cells.take(split.rows(cells, side)).dense())
    transform = Transform.fit(cells.take(split.rows(cells, "train")))
    train, validation, _ = read_fit_tables(tmp_path, "own")
    assert validation is not None
    assert sparse.isspmatrix_csr(train.X)
    assert (train.scale, train.schema.per_10k) == ("counts", True)
    assert list(train.obs.columns) == ["label"], "neither the donor nor a column without a role"
    scaled, _, _ = read_fit_tables(tmp_path, "standardized")
    np.testing.assert_array_equal(scaled.X, transform.for_generator(train).X)
    both, test, kept = read_evaluation_tables(tmp_path)
    np.testing.assert_array_equal(both.X[: train.n_rows], transform.apply(train).X)
    assert both.n_rows == train.n_rows + validation.n_rows
    assert list(test.obs.columns) == ["label", "donor", "truth"], "metrics see all columns"
    np.testing.assert_array_equal(test.X, transform.apply(cells.take(split.rows(cells, "test"))).X)
    assert kept.library == pytest.approx(transform.library)
    assert [one.n_rows for one in read_stored_tables(tmp_path)] == [both.n_rows, test.n_rows]
    (tmp_path / "again").mkdir()
    written(tmp_path / "again", cells)
    (tmp_path / "third").mkdir()
    written(tmp_path / "third", cells)
    assert same_split(tmp_path / "again", tmp_path / "third")
    assert read_transform(tmp_path / "train.h5ad").library == kept.library


def test_rows_of_a_model_on_the_evaluation_scale_keep_their_library_size(cells: Table, tmp_path: Path) -> None:
    transform = Transform.fit(cells)
    write_table(transform.for_generator(cells), tmp_path / "draw.h5ad", transform=transform)
    stored, kept = read_table(tmp_path / "draw.h5ad"), read_transform(tmp_path / "draw.h5ad")
    np.testing.assert_array_equal(kept.mean, transform.mean)
    np.testing.assert_array_equal(kept.invert(stored).dense(), cells.dense())
    np.testing.assert_array_equal(kept.apply(stored).X, transform.apply(cells).X)


def test_highly_variable_features_come_from_training_rows_alone(cells: Table, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    values = rng.poisson(np.geomspace(0.5, 100, 30), (40, 30))
    values[:, 3] = rng.poisson(np.where(rng.random(40) < 0.5, 2.0, 40.0))
    table = make_counts(values)
    config = SplitConfig(highly_variable=10)
    split = make_split(table, config, seed=0)
    assert "g3" in split.features
    assert len(split.features) == 10
    planted = table.dense().copy()
    planted[split.rows(table, "test"), 7] = 1e4
    planted[split.rows(table, "validation"), 8] = 1e4
    other = make_split(replace(table, X=sparse.csr_matrix(planted)), config, seed=0)
    assert (other.features, other.test) == (split.features, split.test)
    write_split(tmp_path, table, split)
    assert read_fit_tables(tmp_path, "own")[0].features == split.features
    assert read_split(tmp_path).features == split.features
    assert read_split(tmp_path).fingerprint == split.fingerprint
    plain = make_split(table, seed=0)
    assert (plain.features, plain.test) == ((), split.test)
    assert plain.fingerprint != split.fingerprint
    assert config.kind.endswith("10 highly variable features")
    linear = replace(table, scale="linear", schema=Schema(group="donor"))
    with pytest.raises(ConfigError, match=r"option 'highly_variable'.* has scale 'linear', expected counts"):
        make_split(linear, config, seed=0)
    assert highly_variable(cells, 100) == cells.features
    assert "g5" not in highly_variable(cells, 5)


def test_a_single_large_count_does_not_make_a_feature_highly_variable() -> None:
    values = np.random.default_rng(0).poisson(np.linspace(1, 12, 20), (100, 20))
    values[:, 5] = np.where(np.arange(100) % 2, 16, 2)
    values[0, 12] = 150
    assert highly_variable(make_counts(values), 1) == ("g5",)


def test_kept_features_keep_their_roles(cells: Table) -> None:
    schema = Schema(targets=("g0", "g1"), whole_numbers=("g1", "g2"))
    kept = replace(cells, schema=schema).keep_features(["g1", "g3"])
    assert (kept.schema.targets, kept.schema.whole_numbers) == (("g1",), ("g1",))
    np.testing.assert_array_equal(kept.dense(), cells.dense()[:, [1, 3]])


@pytest.fixture(scope="module")
def file(cells: Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An h5ad file with log-normalised values in X and counts in the layer ``counts``."""
    path = tmp_path_factory.mktemp("h5ad") / "cells.h5ad"
    adata = anndata.AnnData(sparse.csr_matrix(Transform.fit(cells).apply(cells).X * 0 + 0.5), obs=cells.obs.copy())
    adata.var_names = list(cells.features)
    adata.layers["counts"] = cells.X
    adata.layers["estimates"] = cells.X + sparse.csr_matrix(([0.25], ([0], [2])), shape=cells.X.shape)
    adata.write_h5ad(path)
    return path


def load(path: Path, **options: object) -> Table:
    return FileSource.from_path(path, {"conditions": ["label"], **options}).load()


def test_a_layer_is_read_as_counts(file: Path, cells: Table) -> None:
    table = load(file, layer="counts", per_10k=True)
    assert sparse.isspmatrix_csr(table.X)
    np.testing.assert_array_equal(table.dense(), cells.dense())
    assert (table.scale, table.log2p1, table.schema.per_10k) == ("counts", False, True)
    assert table.schema.group == "donor"
    assert "1 feature has no count, such as 'g5'" in table.source.note
    adata = anndata.read_h5ad(file)
    in_memory = MemorySource(adata, conditions=["label"], layer="counts", per_10k=True).load()
    np.testing.assert_array_equal(in_memory.dense(), cells.dense())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"per_10k": True},
            "row 'cell0', column 'g0': 0.5 is not a count, expected whole numbers >= 0; if the",
        ),
        ({"scale": "counts"}, "row 'cell0', column 'g0': 0.5 is not a count"),
        ({"layer": "estimates", "per_10k": True}, r"row 'cell0', column 'g2': \d+.25 is not a count"),
        ({"layer": "count"}, "no layer 'count', the file has 'counts', 'estimates'; name another, or leave it out"),
        ({"layer": "counts", "per_10k": True, "batch": "lane"}, "no column 'lane', given as the batch"),
        ({"layer": "counts", "per_10k": True, "scale": "linear"}, "scale 'linear' with per_10k = true"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(file: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(file, **options)


def test_counts_in_a_text_file(tmp_path: Path) -> None:
    path = tmp_path / "cells.csv"
    path.write_text("cell,label,g0,g1\nc1,a,1,0\nc2,b,3,5\nc3,a,0,2\nc4,b,1,1\n", encoding="utf-8")
    table = FileSource.from_path(path, {"per_10k": True}).load()
    assert (table.scale, table.schema.per_10k, table.schema.whole_numbers) == ("counts", True, ())
    with pytest.raises(ConfigError, match="option 'layer' is for h5ad files"):
        FileSource.from_path(path, {"layer": "counts"}).load()
    frame = write_file(replace(table, X=whole_counts(table.X)), tmp_path / "out.csv")
    assert list(frame["g1"]) == [0, 5, 2, 1]
    assert (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()[1] == "a,1,0"


def test_counts_are_exported_sparse_and_read_again(cells: Table, tmp_path: Path) -> None:
    write_file(cells, tmp_path / "out.h5ad")
    assert sparse.issparse(anndata.read_h5ad(tmp_path / "out.h5ad").X)
    again = FileSource.from_path(tmp_path / "out.h5ad").load()
    assert again.schema.per_10k
    assert load(tmp_path / "out.h5ad").schema.per_10k, "other roles do not change what the values are"
    np.testing.assert_array_equal(again.dense(), cells.dense())
