from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tabgenbench import DataError, Schema, Table, Transform
from tabgenbench.data.schema import Gap

MakeTable = Callable[..., Table]


def plain(values: np.ndarray, *, log2p1: bool) -> Table:
    obs = pd.DataFrame(index=[f"s{i}" for i in range(len(values))])
    features = tuple(f"g{i}" for i in range(values.shape[1]))
    return Table(X=values.astype(np.float32), obs=obs, features=features, log2p1=log2p1)


def matrices(low: float, high: float) -> st.SearchStrategy[np.ndarray]:
    shape = hnp.array_shapes(min_dims=2, max_dims=2, max_side=8)
    return hnp.arrays(np.float32, shape, elements=st.floats(low, high, width=32))


@settings(max_examples=100, deadline=None)
@given(matrices(0, 2.0**32))
def test_log2p1_is_undone_to_float32_rounding(values: np.ndarray) -> None:
    table = plain(values, log2p1=True)
    transform = Transform.fit(table)
    back = transform.invert(transform.apply(table))
    # Rounding of the standardised value times the slope of 2^y: |y| eps ln 2 relative to x + 1, y up to 32 + spread.
    spread = np.abs((np.log2(values.astype(float) + 1) - transform.mean) / transform.std) * transform.std
    slack = 4 * np.finfo(np.float32).eps * (1 + spread) * (values.astype(float) + 1)
    assert (np.abs(back.dense().astype(float) - values) <= slack).all()
    assert back.scale == "linear"


@settings(max_examples=100, deadline=None)
@given(matrices(-(2.0**20), 2.0**20))
def test_standardisation_is_undone_to_float32_rounding(values: np.ndarray) -> None:
    table = plain(values, log2p1=False)
    transform = Transform.fit(table)
    back = transform.invert(transform.apply(table))
    slack = 4 * np.finfo(np.float32).eps * (np.abs(values).max(axis=0, initial=0) + 1)
    assert (np.abs(back.dense() - values) <= slack).all()


@settings(max_examples=50, deadline=None)
@given(matrices(0, 2.0**20), st.booleans())
def test_training_rows_have_mean_0_and_sd_1_or_0(values: np.ndarray, log2p1: bool) -> None:
    table = plain(values, log2p1=log2p1)
    standardized = Transform.fit(table).apply(table).dense().astype(float)
    assert np.isfinite(standardized).all()
    np.testing.assert_allclose(standardized.mean(axis=0), 0, atol=1e-4)
    sd = standardized.std(axis=0)
    constant = values.max(axis=0) == values.min(axis=0)
    np.testing.assert_allclose(sd[constant], 0, atol=1e-6)
    # A spread near float32's resolution of the logarithm can vanish by rounding, so such columns are not checked.
    clear = ~constant & (values.max(axis=0) - values.min(axis=0) > 1e-2 * (values.max(axis=0) + 1))
    np.testing.assert_allclose(sd[clear], 1, rtol=1e-4)


def test_known_values() -> None:
    table = plain(np.array([[0.0, 1.0], [3.0, 1.0]]), log2p1=True)
    transform = Transform.fit(table)
    np.testing.assert_allclose(transform.mean, [1.0, 1.0])
    np.testing.assert_allclose(transform.std, [1.0, 1.0], err_msg="a constant feature is divided by 1")
    np.testing.assert_allclose(transform.apply(table).dense(), [[-1, 0], [1, 0]])
    assert transform.apply(table).scale == "standardized"


def test_statistics_are_those_of_the_rows_fitted_on(make_table: MakeTable) -> None:
    table = make_table(n_rows=2100)  # more than two blocks
    transform = Transform.fit(table.take(range(1500)))
    logged = np.log2(table.dense()[:1500].astype(float) + 1)
    np.testing.assert_allclose(transform.mean, logged.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(transform.std, logged.std(axis=0), rtol=1e-9)
    everything = transform.apply(table).dense()
    np.testing.assert_array_equal(everything[1500:], transform.apply(table.take(range(1500, 2100))).dense())


def test_sparse_and_dense_values_give_the_same(make_table: MakeTable) -> None:
    dense, csr = make_table(), make_table(csr=True)
    one, other = Transform.fit(dense), Transform.fit(csr)
    np.testing.assert_array_equal(one.std, other.std)
    np.testing.assert_array_equal(one.apply(dense).dense(), other.apply(csr).dense())


def test_a_feature_constant_in_training_may_vary_elsewhere() -> None:
    table = plain(np.array([[1.0], [1.0], [7.0]]), log2p1=True)
    transform = Transform.fit(table.take([0, 1]))
    np.testing.assert_allclose(transform.apply(table).dense(), [[0], [0], [2]])


def test_below_zero_counts_as_zero_under_the_logarithm() -> None:
    table = plain(np.array([[0.0], [3.0]]), log2p1=True)
    transform = Transform.fit(table)
    negative = transform.apply(replace(table, X=np.array([[-5.0], [3.0]], np.float32)))
    np.testing.assert_allclose(negative.dense(), [[-1], [1]])
    below = transform.invert(replace(negative, X=np.array([[-9.0], [1.0]], np.float32)))
    np.testing.assert_allclose(below.dense(), [[0], [3]])


def test_a_table_that_is_there_already_comes_back_as_it_is(table: Table) -> None:
    transform = Transform.fit(table)
    standardized = transform.apply(table)
    assert transform.apply(standardized) is standardized
    assert transform.invert(table) is table


def test_a_standardized_dataset_is_on_the_evaluation_scale_as_it_is(make_table: MakeTable) -> None:
    table = make_table(scale="standardized", log2p1=False)
    transform = Transform.fit(table)
    assert transform.apply(table) is table
    np.testing.assert_array_equal(transform.invert(table).dense(), table.dense())
    with pytest.raises(DataError, match="log2p1 for values that are standardized already"):
        Transform.fit(make_table(scale="standardized"))


def test_no_training_row_is_an_error(table: Table) -> None:
    with pytest.raises(DataError, match="training side of the split has no row"):
        Transform.fit(table.take([]))


def test_the_input_is_not_written_to(table: Table) -> None:
    before = table.fingerprint()
    transform = Transform.fit(table)
    transform.invert(transform.apply(table))
    assert table.fingerprint() == before


def test_whole_numbers_are_rounded_but_at_gaps() -> None:
    obs = pd.DataFrame({"x is missing": ["yes", "no"]}, index=["a", "b"], dtype="category")
    gap = Gap(column="x", shown_by="x is missing", value="yes")
    schema = Schema(categorical_features=("x is missing",), whole_numbers=("x",), gaps=(gap,))
    table = Table(np.array([[2.5], [2.4]], np.float32), obs, ("x",), schema, scale="standardized")
    transform = Transform(np.zeros(1), np.ones(1), "linear", False)
    assert transform.round_whole(table).X.ravel().tolist() == [2.5, 2.0]
