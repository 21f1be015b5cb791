from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabgenbench import Column, DateFeature, Gap, Layout, MemorySource, Schema, Source, Table
from tabgenbench.data.file_form import left_out, out_of_calendar, to_frame, with_open_gaps


def made(values: dict[str, Any], *columns: Column, schema: Schema | None = None, **obs: Any) -> Table:
    """A table of features with these values and a layout of these columns."""
    X = np.column_stack([np.asarray(one, dtype=np.float32) for one in values.values()])
    index = pd.Index([f"synthetic-{i}" for i in range(len(X))], dtype=object)
    frame = pd.DataFrame({name: pd.Categorical(one) for name, one in obs.items()}, index=index)
    source = Source(layout=Layout(columns=columns) if columns else None)
    return Table(X=X, obs=frame, features=tuple(values), schema=schema or Schema(), source=source)


def number(name: str, dtype: str = "float64", **more: Any) -> Column:
    return Column(name=name, kind="number", role="feature", dtype=dtype, **more)


def test_numbers_are_written_with_the_digits_of_the_file() -> None:
    table = made({"a": [0.1, 27.900002], "b": [0.1, 27.900002]}, number("a"), number("b", decimals=1))
    frame = to_frame(table)
    assert frame["a"].tolist() == [0.1, 27.900002]
    assert frame["b"].tolist() == [0.1, 27.9]
    assert frame.dtypes.tolist() == [np.dtype("float64")] * 2


def test_whole_numbers_outside_a_narrow_type_are_not_wrapped() -> None:
    columns = [Column(name=name, kind="whole number", role="feature", dtype="uint8") for name in ("fits", "large")]
    frame = to_frame(made({"fits": [0.2, 254.9], "large": [-3, 300]}, *columns))
    assert frame["fits"].tolist() == [0, 255]
    assert frame["large"].tolist() == [-3, 300]
    assert frame.dtypes.astype(str).tolist() == ["uint8", "int64"]


@pytest.mark.parametrize(("dtype", "expected"), [("int64", "Int64"), ("UInt8", "UInt8"), ("float64", "float64")])
def test_whole_numbers_with_gaps_are_nullable(dtype: str, expected: str) -> None:
    column = Column(name="n", kind="whole number", role="feature", dtype=dtype)
    schema = Schema(
        categorical_features=("n is missing",),
        whole_numbers=("n",),
        gaps=(Gap(column="n", shown_by="n is missing", value="yes"),),
    )
    table = made({"n": [1.0000001, 7]}, column, schema=schema, **{"n is missing": ["no", "yes"]})
    frame = to_frame(table)
    assert str(frame["n"].dtype) == expected
    assert frame["n"].isna().tolist() == [False, True]
    assert frame["n"].iloc[0] == 1
    assert list(frame) == ["n"]
    assert np.isnan(with_open_gaps(table)).tolist() == [[False], [True]]


@pytest.mark.parametrize(
    ("dtype", "form", "expected"),
    [
        ("object", "%d/%m/%Y", ["02/01/2020", "31/12/2019", "11/04/2262"]),
        ("datetime64[ns]", "%Y-%m-%d", ["2020-01-02", "2019-12-31", "2262-04-11"]),
        ("datetime64[us, Europe/Paris]", "%Y-%m-%d", ["2020-01-02", "2019-12-31", "2262-04-11"]),
    ],
)
def test_dates_have_the_format_or_type_of_the_file(dtype: str, form: str, expected: list[str]) -> None:
    date = DateFeature(column="day", unit="day", origin="2020-01-01T00:00:00", format=form)
    column = Column(name="day", kind="date", role="feature", dtype=dtype)
    table = made({"day": [1.2, -1, 1e9]}, column, schema=Schema(whole_numbers=("day",), dates=(date,)))
    frame = to_frame(table)
    assert out_of_calendar(table) == {"day": 1}
    assert str(frame["day"].dtype) == dtype
    days = frame["day"] if dtype == "object" else frame["day"].dt.strftime("%Y-%m-%d")
    assert days.tolist() == expected


def test_a_feature_that_is_constant_in_the_file_has_the_sampled_values() -> None:
    table = made({"a": [1.0, 1.25, 0.5]}, number("a", constant="1.0", decimals=2))
    assert to_frame(table)["a"].tolist() == [1.0, 1.25, 0.5]


def test_columns_with_one_value_or_none_are_as_they_were() -> None:
    frame = pd.DataFrame(
        {
            "x": [0.5, 1.5, 2.25],
            "n": np.array([7, 7, 7], dtype="int32"),
            "r": [0.1, 0.1, 0.1],
            "flag": [True, True, True],
            "name": ["a", "a", "a"],
            "day": pd.to_datetime(["2020-05-01"] * 3),
            "kind": pd.Categorical(["k"] * 3),
            "void": [None, None, None],
            "nan": [np.nan] * 3,
        }
    )
    table = MemorySource(frame).load()
    again = to_frame(table)
    pd.testing.assert_frame_equal(again, frame)


def test_a_frame_of_every_kind_is_written_as_it_was() -> None:
    rng, n = np.random.default_rng(0), 60
    frame = pd.DataFrame(
        {
            "price": np.round(rng.normal(20, 5, n), 2),
            "count": pd.array(rng.integers(0, 9, n), dtype="Int64"),
            "level": rng.integers(0, 200, n).astype("uint8"),
            "flag": rng.random(n) < 0.5,
            "maybe": pd.array(rng.random(n) < 0.5, dtype="boolean"),
            "site": pd.Categorical(rng.choice(["u", "v"], n)),
            "at": pd.Timestamp("2021-03-01 10:00") + pd.to_timedelta(rng.integers(0, 999, n), "h"),
            "label": rng.choice(["x", "y"], n),
            "text": pd.array(rng.choice(["p", "q"], n), dtype="string"),
        }
    )
    frame.loc[frame.index % 7 == 0, ["price", "count", "maybe", "at", "label", "text"]] = None
    pd.testing.assert_frame_equal(to_frame(MemorySource(frame).load()), frame, check_dtype=True)


def test_without_a_layout_columns_of_obs_are_first(make_table: Callable[..., Table]) -> None:
    table = make_table(n_rows=4, group=False)
    schema = table.schema.model_copy(update={"whole_numbers": ("G0",)})
    frame = to_frame(replace(table, schema=schema, source=Source()))
    assert list(frame)[:2] == ["tissue", "status"]
    assert list(frame)[-5:] == list(table.features)
    assert str(frame["G0"].dtype) == "int64"
    assert left_out(table) == []


def test_columns_that_no_generator_makes_are_named() -> None:
    frame = pd.DataFrame({"id": ["a", "b", "c", "d"], "patient": list("ppqq"), "x": [1.5, 2, 3, 4], "n": [1, 2, 3, 4]})
    table = MemorySource(frame).load()
    synthetic = table.like(table.X, table.obs.iloc[:, :0])
    assert {one.name: one.role for one in left_out(synthetic)} == {"id": "id", "patient": "group"}
    assert list(to_frame(synthetic)) == ["x", "n"]
