from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from tabgenbench import DataError, Schema, Source, Table, condition_labels
from tabgenbench.data.h5ad import from_anndata, to_anndata

MakeTable = Callable[..., Table]


def with_value(table: Table, row: int, column: int, value: float) -> Table:
    values = table.dense().copy()
    values[row, column] = value
    return replace(table, X=sparse.csr_matrix(values) if sparse.issparse(table.X) else values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scale": "log10"}, "scale 'log10', expected one of counts, linear"),
        ({"X": np.zeros((60, 5))}, "2 dimensions of float64, expected 2 of float32"),
        ({"X": np.zeros(60, np.float32)}, "1 dimensions of float32"),
        ({"X": np.zeros((59, 5), np.float32)}, r"shape \(59, 5\), expected \(60, 5\)"),
        ({"features": ("G0",)}, r"shape \(60, 5\), expected \(60, 1\)"),
        ({"schema": Schema(batch="sites")}, "no column 'sites'.*did you mean 'site'"),
    ],
)
def test_parts_that_do_not_fit_are_refused(table: Table, change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=f"^table 'tiny': .*{message}"):
        replace(table, **change)


@pytest.mark.parametrize("csr", [False, True])
@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (np.nan, "nan is not a finite number"),
        (np.inf, "inf is not a finite number"),
        (-1.5, r"-1.5 is negative, expected >= 0 to take log2\(x \+ 1\)"),
    ],
)
def test_a_bad_value_is_named_by_row_and_column(make_table: MakeTable, csr: bool, value: float, problem: str) -> None:
    table = with_value(make_table(n_rows=1500, csr=csr), 1200, 3, value)  # past the first block of rows
    with pytest.raises(DataError, match=f"dataset 'tiny': row 'S1200', column 'G3': {problem}"):
        table.validate()


def test_negative_values_are_fine_without_a_logarithm(make_table: MakeTable) -> None:
    table = with_value(make_table(log2p1=False), 0, 0, -1.0)
    assert table.validate() is table


def test_duplicate_names_are_refused(table: Table) -> None:
    rows = replace(table, obs=table.obs.set_axis(["twin", "twin", *table.obs.index[2:]]))
    with pytest.raises(DataError, match="sample id 'twin' occurs more than once"):
        rows.validate()
    with pytest.raises(DataError, match="feature 'G0' occurs more than once"):
        replace(table, features=("G0", "G1", "G2", "G3", "G0")).validate()


@pytest.mark.parametrize("column", ["tissue", "site", "donor"])
def test_a_missing_label_is_named_by_row_and_column(table: Table, column: str) -> None:
    labels = table.obs[column].copy()
    labels.iloc[7] = np.nan
    with pytest.raises(DataError, match=f"column '{column}' has no value in row 'S0007'"):
        replace(table, obs=table.obs.assign(**{column: labels})).validate()


def test_fingerprint_is_of_the_content(make_table: MakeTable) -> None:
    table = make_table()
    assert table.fingerprint() == make_table().fingerprint()
    assert table.fingerprint() == make_table(csr=True).fingerprint(), "how zeros are stored is not content"
    assert len(table.fingerprint()) == 64


def test_fingerprint_changes_with_values_order_and_names(table: Table) -> None:
    swapped = table.obs["tissue"].to_numpy().copy()
    swapped[[0, 1]] = swapped[[1, 0]]
    changed = {
        "itself": table,
        "a value": with_value(table, 5, 2, 123.0),
        "row order": table.take([1, 0, *range(2, 60)]),
        "fewer rows": table.take(range(59)),
        "a feature's name": replace(table, features=("G0", "G1", "G2", "G3", "X")),
        "a sample's name": replace(table, obs=table.obs.set_axis(["X", *table.obs.index[1:]])),
        "a label": replace(table, obs=table.obs.assign(tissue=pd.Categorical(swapped))),
        "a column's name": replace(
            table, obs=table.obs.rename(columns={"site": "place"}), schema=Schema(conditions=("tissue", "status"))
        ),
        "a role": replace(table, schema=Schema(conditions=("tissue",))),
        "the scale": replace(table, scale="counts"),
        "the logarithm": replace(table, log2p1=False),
    }
    prints = {name: one.fingerprint() for name, one in changed.items()}
    assert len(set(prints.values())) == len(changed), prints


def test_fingerprint_does_not_confuse_neighbouring_names(table: Table) -> None:
    one = replace(table, features=("ab", "c", "2", "3", "4"))
    other = replace(table, features=("a", "bc", "2", "3", "4"))
    assert one.fingerprint() != other.fingerprint()


@pytest.mark.parametrize("csr", [False, True])
def test_take_returns_rows_in_the_asked_order(make_table: MakeTable, csr: bool) -> None:
    table = make_table(csr=csr)
    some = table.take([3, 0, 3])
    assert list(some.obs.index) == ["S0003", "S0000", "S0003"]
    np.testing.assert_array_equal(some.dense(), table.dense()[[3, 0, 3]])
    assert (some.n_rows, some.n_features) == (3, 5)
    assert table.take([]).n_rows == 0


def test_like_keeps_the_roles_that_the_new_rows_have(table: Table) -> None:
    conditions = table.conditions.iloc[:4]
    made = table.like(np.ones((4, 5)), conditions)
    assert made.X.dtype == np.float32
    assert made.schema == Schema(conditions=("tissue", "status"))
    assert (made.scale, made.log2p1, made.source) == (table.scale, table.log2p1, table.source)
    with pytest.raises(DataError, match="shape"):
        table.like(np.ones((3, 5)), conditions)


@pytest.mark.parametrize("csr", [False, True])
def test_frame_round_trip(make_table: MakeTable, csr: bool) -> None:
    table = make_table(csr=csr)
    frame = table.to_frame()
    assert frame.shape == (60, 4 + 5)
    back = Table.from_frame(frame, schema=table.schema, log2p1=True, source=table.source)
    assert back.fingerprint() == table.fingerprint()


@pytest.mark.parametrize("csr", [False, True])
def test_anndata_round_trip(make_table: MakeTable, csr: bool) -> None:
    table = make_table(csr=csr)
    back = from_anndata(to_anndata(table))
    assert back.fingerprint() == table.fingerprint()
    assert back.source == table.source
    assert sparse.issparse(back.X) is csr
    assert from_anndata(to_anndata(table), scale="counts").scale == "counts"


def test_anndata_of_another_program(table: Table) -> None:
    adata = to_anndata(table)
    del adata.uns["tabgenbench"]
    plain = from_anndata(adata)
    assert plain.schema == Schema()
    assert plain.obs.shape == (60, 0)
    assert from_anndata(adata, schema=Schema(conditions=("site",))).obs.columns.tolist() == ["site"]
    adata.X = None
    with pytest.raises(DataError, match="the h5ad file has no X"):
        from_anndata(adata)


def test_frame_with_text_names_row_and_column() -> None:
    frame = pd.DataFrame({"c": ["x", "y"], "g": ["1.5", "n/a"]}, index=["first", "second"])
    with pytest.raises(DataError, match="dataset 'mine': column 'g', row 'second': got 'n/a', expected a number"):
        Table.from_frame(frame, schema=Schema(conditions=("c",)), source=Source("mine"))


def test_frame_whose_schema_names_another_column() -> None:
    with pytest.raises(DataError, match="no column 'tisue', given as a condition; did you mean 'tissue'"):
        Table.from_frame(pd.DataFrame({"tissue": ["a"], "g": [1.0]}), schema=Schema(conditions=("tisue",)))


def test_numbers_as_labels_become_text_and_missing_ones_stay_missing() -> None:
    frame = pd.DataFrame({"c": [2, 10, None], "g": [1, 2, 3]})
    table = Table.from_frame(frame, schema=Schema(conditions=("c",)))
    assert table.obs["c"].isna().tolist() == [False, False, True]
    assert all(isinstance(value, str) for value in table.obs["c"].cat.categories)
    assert table.obs.index.tolist() == ["0", "1", "2"]
    assert table.X.dtype == np.float32
    with pytest.raises(DataError, match="column 'c' has no value in row '2'"):
        table.validate()


def test_a_numeric_target_is_a_feature_and_a_text_target_a_column() -> None:
    frame = pd.DataFrame({"age": [30.0, 40.0], "sex": ["f", "m"], "g": [1.0, 2.0]})
    table = Table.from_frame(frame, schema=Schema(targets=("age", "sex")))
    assert table.features == ("age", "g")
    assert table.obs.columns.tolist() == ["sex"]


def test_labels_join_the_condition_columns(table: Table) -> None:
    labels = condition_labels(table.conditions)
    assert labels.iloc[0] == f"tissue={table.obs['tissue'].iloc[0]}, status={table.obs['status'].iloc[0]}"
    assert condition_labels(table.obs[[]]).unique().tolist() == ["all"]


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from("pq")), min_size=1, max_size=10))
def test_rows_have_one_label_exactly_where_their_conditions_are_equal(rows: list[tuple[str, str]]) -> None:
    labels = condition_labels(pd.DataFrame(rows, columns=["a", "b"])).tolist()
    for i, one in enumerate(rows):
        for j, other in enumerate(rows):
            assert (one == other) == (labels[i] == labels[j])
