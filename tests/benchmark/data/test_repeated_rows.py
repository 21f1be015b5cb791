from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from tabgenbench import Schema, Table
from tabgenbench.data import repeated_rows
from tabgenbench.data.repeated_rows import n_repeated_rows

ROWS = st.lists(
    st.tuples(
        st.sampled_from([0.0, -0.0, 1.0, 2.0, float("nan")]), st.sampled_from([0.0, 1.0, 5.0]), st.sampled_from("xy")
    ),
    min_size=1,
    max_size=30,
)


def table_of(values: np.ndarray, kinds: list[str], **more: object) -> Table:
    obs = pd.DataFrame({"kind": pd.Categorical(kinds)}, index=[f"S{i}" for i in range(len(kinds))])
    names = tuple(f"g{i}" for i in range(values.shape[1]))
    return Table(values.astype(np.float32), obs, names, **{"schema": Schema(conditions=("kind",)), **more})  # type: ignore[arg-type]


@given(ROWS)
def test_the_count_is_that_of_pandas(rows: list[tuple[float, float, str]]) -> None:
    values = np.array([row[:2] for row in rows])
    expected = int(pd.DataFrame(rows).replace(-0.0, 0.0).duplicated().sum())
    assert n_repeated_rows(table_of(values, [row[2] for row in rows])) == expected


@given(ROWS)
def test_sparse_rows_are_counted_like_dense_ones(rows: list[tuple[float, float, str]]) -> None:
    values, kinds = np.nan_to_num(np.array([row[:2] for row in rows])), [row[2] for row in rows]
    dense = table_of(values, kinds)
    stored = Table(sparse.csr_matrix(dense.X), dense.obs, dense.features, schema=dense.schema)
    assert n_repeated_rows(stored) == n_repeated_rows(dense)


def test_blocks_do_not_change_the_count(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).integers(0, 3, (200, 3)).astype(float)
    dense = table_of(values, list("xy") * 100)
    stored = Table(sparse.csr_matrix(dense.X), dense.obs, dense.features, schema=dense.schema)
    expected = n_repeated_rows(dense)
    monkeypatch.setattr(repeated_rows, "BLOCK_VALUES", 20)
    assert n_repeated_rows(dense) == n_repeated_rows(stored) == expected > 100


def test_the_group_does_not_make_a_row_another_one() -> None:
    values, kinds = np.ones((4, 2)), ["x", "x", "y", "y"]
    assert n_repeated_rows(table_of(values, kinds)) == 2
    assert n_repeated_rows(table_of(values, kinds, schema=Schema(group="kind"))) == 3
    assert n_repeated_rows(table_of(np.ones((4, 0)), kinds)) == 2


def test_many_rows_have_no_chance_twins() -> None:
    values = np.random.default_rng(0).integers(0, 2, (100_000, 64)) * 2.0 ** np.arange(-32, 32)
    assert n_repeated_rows(table_of(values, ["x"] * len(values))) == 0
