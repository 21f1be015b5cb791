from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from tabgenbench import DataError, Schema, Table, Transform
from tabgenbench.data.split import Split, SplitConfig, make_split
from tabgenbench.data.split_files import (
    find_damage,
    read_evaluation_tables,
    read_fit_tables,
    read_split,
    same_split,
    write_split,
)

MakeTable = Callable[..., Table]


def is_mapped(values: object) -> bool:
    """Whether an array is mapped from a file; slices of memory maps are views of memory maps."""
    while values is not None:
        if isinstance(values, np.memmap):
            return True
        values = getattr(values, "base", None)
    return False


def written(folder: Path, table: Table, config: SplitConfig | None = None) -> Split:
    split = make_split(table, config, seed=0)
    write_split(folder, table, split)
    return split


def test_standardized_tables_are_those_of_a_transform_of_the_training_rows(table: Table, tmp_path: Path) -> None:
    split = written(tmp_path, table)
    sides = {side: table.take(split.rows(table, side)) for side in ("train", "validation", "test")}
    transform = Transform.fit(sides["train"])
    train, validation, _ = read_fit_tables(tmp_path, "standardized")
    assert validation is not None
    np.testing.assert_array_equal(train.X, transform.apply(sides["train"]).X)
    np.testing.assert_array_equal(validation.X, transform.apply(sides["validation"]).X)
    both, test, kept = read_evaluation_tables(tmp_path)
    np.testing.assert_array_equal(test.X, transform.apply(sides["test"]).X)
    np.testing.assert_array_equal(both.X, np.concatenate([train.X, validation.X]))
    assert list(both.obs.index) == [*split.train, *split.validation]
    np.testing.assert_array_equal(kept.mean, transform.mean)
    np.testing.assert_array_equal(kept.std, transform.std)
    assert (kept.own_scale, kept.log2p1) == ("linear", True)
    np.testing.assert_allclose(train.X.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(train.X.std(axis=0), 1, rtol=1e-5)


@pytest.mark.parametrize("csr", [False, True])
def test_own_scale_gives_the_datasets_values_bit_for_bit(make_table: MakeTable, tmp_path: Path, csr: bool) -> None:
    table = make_table(csr=csr)
    split = written(tmp_path, table)
    train, validation, _ = read_fit_tables(tmp_path, "own")
    assert validation is not None
    for side, found in (("train", train), ("validation", validation)):
        expected = table.take(split.rows(table, side))
        np.testing.assert_array_equal(found.dense(), expected.dense())
        assert list(found.obs.index) == list(expected.obs.index)
        assert list(found.obs.columns) == ["tissue", "status", "site"]  # the donor is never given to a generator
        assert found.source == expected.source
        assert sparse.issparse(found.X) is csr


def test_values_stay_on_the_disk(make_table: MakeTable, tmp_path: Path) -> None:
    table = make_table(csr=True)
    written(tmp_path, table, SplitConfig(validation_fraction=0))
    own, _, _ = read_fit_tables(tmp_path, "own")
    assert all(is_mapped(part) for part in (own.X.data, own.X.indices, own.X.indptr))
    standardized, _, _ = read_fit_tables(tmp_path, "standardized")
    both, test, _ = read_evaluation_tables(tmp_path)
    assert all(is_mapped(found.X) for found in (standardized, both, test))
    assert standardized.X.dtype == np.float32
    with pytest.raises(ValueError, match="read-only"):
        standardized.X[0, 0] = 1.0


@pytest.mark.parametrize("scale", ["standardized", "own"])
def test_tables_keep_obs_schema_and_meaning(table: Table, tmp_path: Path, scale: str) -> None:
    split = written(tmp_path, table)
    train, _, _ = read_fit_tables(tmp_path, scale)  # type: ignore[arg-type]  # parametrised
    expected = table.take(split.rows(table, "train"))
    pd.testing.assert_frame_equal(train.obs, expected.obs.drop(columns="donor"), check_names=False)
    assert train.schema == table.schema.model_copy(update={"group": None})
    assert train.source == table.source
    assert train.features == table.features
    assert train.log2p1 is True
    assert train.scale == ("standardized" if scale == "standardized" else "linear")


def test_the_fitting_side_never_opens_the_test_rows(table: Table, tmp_path: Path) -> None:
    split = written(tmp_path, table)
    (tmp_path / "test.h5ad").unlink()
    train, validation, conditions = read_fit_tables(tmp_path, "own")
    assert validation is not None
    assert train.n_rows + validation.n_rows + len(conditions) == table.n_rows
    assert not set(split.test) & {*train.obs.index, *validation.obs.index}
    expected = table.take(split.rows(table, "test")).conditions
    pd.testing.assert_frame_equal(conditions.reset_index(drop=True), expected.reset_index(drop=True))
    assert not set(conditions.index) & set(split.test), "a test row's id may name its donor"
    assert list(conditions.columns) == ["tissue", "status"], "no donor, no site"
    assert list(conditions["tissue"].cat.categories) == ["colon", "kidney", "lung"]


def test_a_split_without_validation_rows(table: Table, tmp_path: Path) -> None:
    written(tmp_path, table, SplitConfig(validation_fraction=0))
    assert not (tmp_path / "validation.h5ad").exists()
    assert read_fit_tables(tmp_path, "own")[1] is None
    assert read_evaluation_tables(tmp_path)[0].n_rows == 45


def test_statistics_come_from_training_rows_alone(table: Table, tmp_path: Path) -> None:
    split = make_split(table, seed=0)
    values = table.X.copy()
    values[split.rows(table, "test")] *= 100
    values[split.rows(table, "validation")] *= 100
    changed = replace(table, X=values)
    for folder, one in (("a", table), ("b", changed)):
        (tmp_path / folder).mkdir()
        write_split(tmp_path / folder, one, split)
    one, other = (read_evaluation_tables(tmp_path / folder)[2] for folder in "ab")
    np.testing.assert_array_equal(one.mean, other.mean)
    np.testing.assert_array_equal(one.std, other.std)


def test_a_table_that_is_standardized_already_stays_as_it_is(make_table: MakeTable, tmp_path: Path) -> None:
    table = make_table(scale="standardized", log2p1=False)
    split = written(tmp_path, table)
    expected = table.take(split.rows(table, "train")).X
    for scale in ("standardized", "own"):
        np.testing.assert_array_equal(read_fit_tables(tmp_path, scale)[0].X, expected)  # type: ignore[arg-type]


def test_a_table_without_any_role(make_table: MakeTable, tmp_path: Path) -> None:
    table = make_table()
    bare = replace(table, obs=table.obs[[]], schema=Schema())
    split = written(tmp_path, bare)
    train, _, conditions = read_fit_tables(tmp_path, "own")
    assert list(train.obs.index) == list(split.train)
    assert conditions.shape == (len(split.test), 0)
    assert len(conditions.index) == len(split.test)


def test_split_json_is_read_back_and_checked(table: Table, tmp_path: Path) -> None:
    split = written(tmp_path, table)
    assert read_split(tmp_path) == split
    kept = json.loads((tmp_path / "split.json").read_text())
    assert kept["fingerprint"] == split.fingerprint
    (tmp_path / "split.json").write_text("{}")
    with pytest.raises(DataError, match="not a split"):
        read_split(tmp_path)


def test_broken_conditions_are_named(table: Table, tmp_path: Path) -> None:
    written(tmp_path, table)
    (tmp_path / "conditions.json").write_text('{"ids": ["a"]')
    with pytest.raises(DataError, match=r"conditions\.json: not the conditions"):
        read_fit_tables(tmp_path, "own")


def test_a_split_of_another_table_is_refused(table: Table, tmp_path: Path) -> None:
    split = make_split(table, seed=0)
    with pytest.raises(DataError, match="no row"):
        write_split(tmp_path, table.take(range(30)), split)


def test_files_are_plain_h5ad_for_any_other_program(make_table: MakeTable, tmp_path: Path) -> None:
    table = make_table(csr=True)
    split = written(tmp_path, table)
    adata = anndata.read_h5ad(tmp_path / "train.h5ad")
    expected = table.take(split.rows(table, "train"))
    np.testing.assert_array_equal(adata.layers["own"].toarray(), expected.dense())
    assert list(adata.obs_names) == list(split.train)
    assert {"mean", "std"} <= set(adata.var.columns)


def test_equal_splits_are_the_same_whoever_wrote_them(make_table: MakeTable, tmp_path: Path) -> None:
    for csr in (False, True):
        folders = [tmp_path / f"{name}-{csr}" for name in "ab"]
        for folder in folders:
            folder.mkdir()
            written(folder, make_table(csr=csr))
        assert same_split(*folders)
        # Attributes do not count as values: another version of a library can write other attributes.
        with h5py.File(folders[0] / "train.h5ad", "r+") as handle:
            handle.attrs["written-by"] = "another version"
        (folders[0] / "conditions.json").write_text(
            json.dumps(json.loads((folders[0] / "conditions.json").read_text()), indent=2)
        )
        assert same_split(*folders)


def test_splits_without_numeric_features_are_compared(make_table: MakeTable, tmp_path: Path) -> None:
    table = make_table()
    table = replace(table, X=table.dense()[:, :0], features=())
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
        written(folder, table)
    with h5py.File(folders[0] / "train.h5ad", "r+") as handle:
        handle.attrs["written-by"] = "another version"
    assert same_split(*folders)


def test_splits_of_other_values_are_told_apart(make_table: MakeTable, tmp_path: Path) -> None:
    table = make_table()
    folders = [tmp_path / name for name in "abcde"]
    for folder in folders:
        folder.mkdir()
        written(folder, table)
    with h5py.File(folders[1] / "test.h5ad", "r+") as handle:
        handle["X"][0, 0] += 1e-6
    with h5py.File(folders[2] / "train.h5ad", "r+") as handle:
        handle["layers/own"][0, 0] += 1
    (folders[3] / "conditions.json").write_text("{}")
    (folders[4] / "validation.h5ad").unlink()
    assert [same_split(folders[0], folder) for folder in folders] == [True, False, False, False, False]


@pytest.mark.parametrize("name", ["train.h5ad", "test.h5ad", "split.json"])
def test_a_file_of_equal_size_that_changed_is_found(table: Table, tmp_path: Path, name: str) -> None:
    written(tmp_path, table)
    assert find_damage(tmp_path) == ""
    path = tmp_path / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    assert find_damage(tmp_path) == f"{name} is not as it was written"


def test_a_copy_of_a_split_with_other_times_is_intact(table: Table, tmp_path: Path) -> None:
    (tmp_path / "split").mkdir()
    written(tmp_path / "split", table)
    for path in (tmp_path / "split").iterdir():
        os.utime(path, (1, 1))
    assert find_damage(tmp_path / "split") == ""
