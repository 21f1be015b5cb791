from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabgenbench import ConditionCodes, DataError, Table, nearest_known


def frame(*rows: tuple[str, ...], columns: tuple[str, ...] = ("tissue", "status")) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(columns), index=[f"s{i}" for i in range(len(rows))])


KNOWN = frame(("lung", "normal"), ("lung", "normal"), ("lung", "cancer"), ("colon", "normal"), ("colon", "normal"))


def test_codes_are_sorted_and_count_only_values_seen() -> None:
    known = KNOWN.astype({"tissue": pd.CategoricalDtype(["zebra", "lung", "colon"])})
    codes = ConditionCodes.fit(known)
    assert codes.categories == (("colon", "lung"), ("cancer", "normal"))
    assert codes.n_categories == (2, 2)
    np.testing.assert_array_equal(codes.encode(known), [[1, 1], [1, 1], [1, 0], [0, 1], [0, 1]])


def test_one_hot_puts_the_columns_side_by_side() -> None:
    encoded = ConditionCodes.fit(KNOWN).one_hot(frame(("colon", "cancer"), ("lung", "normal")))
    np.testing.assert_array_equal(encoded, [[1, 0, 1, 0], [0, 1, 0, 1]])
    assert encoded.dtype == np.float32


def test_no_condition_column_gives_no_code(table: Table) -> None:
    codes = ConditionCodes.fit(table.obs[[]])
    assert codes.encode(table.obs[[]]).shape == (60, 0)
    assert codes.one_hot(table.obs[[]]).shape == (60, 0)


def test_an_unseen_value_is_named() -> None:
    with pytest.raises(DataError, match=r"tissue='liver' has no training row, expected one of \['colon', 'lung'\]"):
        ConditionCodes.fit(KNOWN).encode(frame(("lung", "normal"), ("liver", "normal")))


def test_known_conditions_stay_as_they_are() -> None:
    used, replaced = nearest_known(KNOWN, KNOWN)
    assert replaced == {}
    pd.testing.assert_frame_equal(used, KNOWN)


def test_the_nearest_shares_most_values() -> None:
    asked = frame(("colon", "cancer"), ("lung", "cancer"), ("colon", "cancer"))
    used, replaced = nearest_known(asked, KNOWN)
    # (colon, normal) and (lung, cancer) share one value each; the first has two training rows, the second one.
    assert replaced == {"tissue=colon, status=cancer": "tissue=colon, status=normal"}
    assert used.to_numpy().tolist() == [["colon", "normal"], ["lung", "cancer"], ["colon", "normal"]]
    assert used.index.equals(asked.index)


def test_of_equally_near_ones_the_most_frequent_then_the_first_by_name() -> None:
    asked = frame(("liver", "unknown"))
    assert nearest_known(asked, KNOWN)[0].iloc[0].tolist() == ["colon", "normal"], "2 rows each: colon before lung"
    more = pd.concat([KNOWN, frame(("lung", "normal"))])
    assert nearest_known(asked, more)[0].iloc[0].tolist() == ["lung", "normal"], "3 rows of lung"
    three = frame(("liver", "a", "x"), ("lung", "b", "x"), ("lung", "b", "x"), columns=("tissue", "status", "sex"))
    closer = nearest_known(frame(("liver", "a", "y"), columns=("tissue", "status", "sex")), three)[0]
    assert closer.iloc[0].tolist() == ["liver", "a", "x"], "two shared values beat two rows"


def test_the_answer_does_not_depend_on_the_order_of_training_rows() -> None:
    asked = frame(("liver", "cancer"), ("colon", "cancer"))
    answers = {str(nearest_known(asked, KNOWN.sample(frac=1, random_state=seed))) for seed in range(5)}
    assert len(answers) == 1


def test_replaced_conditions_can_be_encoded() -> None:
    asked = frame(("liver", "cancer"), ("stomach", "normal"))
    used, replaced = nearest_known(asked, KNOWN)
    assert ConditionCodes.fit(KNOWN).encode(used).shape == (2, 2)
    assert set(replaced) == {"tissue=liver, status=cancer", "tissue=stomach, status=normal"}


@pytest.mark.parametrize("columns", [("label", "n"), ("n", "label"), ("name", "count"), ("index", "0")])
def test_a_condition_may_have_any_name(columns: tuple[str, str]) -> None:
    known, asked = KNOWN.set_axis(list(columns), axis=1), frame(("lung", "relapse"), ("lung", "cancer"))
    used, replaced = nearest_known(asked.set_axis(list(columns), axis=1), known)
    assert replaced == {f"{columns[0]}=lung, {columns[1]}=relapse": f"{columns[0]}=lung, {columns[1]}=normal"}
    assert used.to_numpy().tolist() == [["lung", "normal"], ["lung", "cancer"]]
    assert ConditionCodes.fit(known).encode(used).shape == (2, 2)
