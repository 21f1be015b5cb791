from __future__ import annotations

import pytest

from tabgenbench import DataError, Schema
from tabgenbench.data.column_names import match_column, match_columns, match_roles

COLUMNS = ["a", "b ", " c", "d", "d "]


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("a", "a"),
        (" a", "a"),
        ("b", "b "),
        ("b ", "b "),
        ("c ", " c"),
        ("d", "d"),
        ("d ", "d "),
        ("e", "e"),
        ("A", "A"),
    ],
)
def test_a_name_means_the_column_of_this_name_else_the_one_that_differs_in_blanks(asked: str, meant: str) -> None:
    assert match_column(asked, COLUMNS, where="my.csv") == meant


def test_a_name_that_may_mean_several_columns_is_an_error() -> None:
    with pytest.raises(DataError, match=r"my\.csv: ' d' may mean the columns 'd' and 'd ', expected one; rename one"):
        match_column(" d", COLUMNS, where="my.csv")


def test_a_column_is_named_once() -> None:
    assert match_columns(["b", "a", "b ", "a"], COLUMNS, where="my.csv") == ("b ", "a")
    assert Schema(conditions=("a", "b", "a"), targets=("c", "c")) == Schema(conditions=("a", "b"), targets=("c",))


def test_every_role_is_matched_and_an_unchanged_schema_stays() -> None:
    schema = Schema(conditions=("b",), group="c", batch="d", targets=("a ",), categorical_features=("d ",))
    matched = match_roles(schema, COLUMNS, where="my.csv")
    expected = Schema(conditions=("b ",), group=" c", batch="d", targets=("a",), categorical_features=("d ",))
    assert matched == expected
    assert match_roles(matched, COLUMNS, where="my.csv") == matched
