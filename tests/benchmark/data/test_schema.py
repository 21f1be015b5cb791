from __future__ import annotations

import pytest
from pydantic import ValidationError

from tabgenbench import DataError, Schema

FULL = Schema(
    conditions=("tissue", "status"),
    batch="site",
    group="donor",
    targets=("status", "G1"),
    categorical_features=("sex",),
)


def test_columns_with_a_role_come_once_and_in_order() -> None:
    assert FULL.obs_columns() == ("tissue", "status", "site", "donor", "sex")
    assert Schema().obs_columns() == ()


def test_a_target_may_be_a_column_or_a_feature() -> None:
    columns = ["tissue", "status", "site", "donor", "sex"]
    FULL.check(columns=columns, features=["G1"], where="here")
    with pytest.raises(DataError, match="here: no column 'G1', given as a target"):
        FULL.check(columns=columns, features=["G2"], where="here")


@pytest.mark.parametrize("role", ["tissue", "site", "donor"])
def test_a_categorical_feature_has_no_other_role(role: str) -> None:
    both = FULL.model_copy(update={"categorical_features": ("sex", role)})
    with pytest.raises(DataError, match=f"column '{role}' is a categorical feature and also a condition"):
        both.check(columns=["tissue", "status", "site", "donor", "sex"], features=["G1"], where="here")


@pytest.mark.parametrize(
    ("lost", "role"),
    [("tissue", "a condition"), ("site", "the batch"), ("donor", "the group"), ("sex", "a categorical feature")],
)
def test_a_missing_column_is_named_with_its_role(lost: str, role: str) -> None:
    columns = [name for name in ("tissue", "status", "site", "donor", "sex") if name != lost]
    with pytest.raises(DataError, match=f"^here: no column '{lost}', given as {role}; known: "):
        FULL.check(columns=columns, features=["G1"], where="here")


def test_a_close_column_is_suggested() -> None:
    with pytest.raises(DataError, match="did you mean 'tissue'"):
        Schema(conditions=("tisue",)).check(columns=["tissue", "status"], features=[], where="here")


def test_a_schema_is_frozen_and_knows_its_fields() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        FULL.batch = "other"  # type: ignore[misc]  # that is what is tested
    with pytest.raises(ValidationError, match="Extra inputs"):
        Schema(donor="x")  # type: ignore[call-arg]  # that is what is tested
    assert Schema(**FULL.model_dump(mode="json")) == FULL
