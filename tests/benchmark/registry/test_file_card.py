from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tabgenbench.registry.file_card import FileOptions, override
from tabgenbench.registry.file_source import FileSource

CARD = {"categorical_features": ["rating", "town"], "targets": ["rating"], "ignore": "note", "group": "house"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {}),
        ({"conditions": "rating"}, {"conditions": ("rating",), "categorical_features": ["town"]}),
        ({"ignore": "rating"}, {"ignore": ("note", "rating"), "categorical_features": ["town"], "targets": []}),
        ({"ignore": []}, {"ignore": ()}),
        ({"batch": "note"}, {"batch": "note", "ignore": []}),
        ({"missing": "error"}, {"missing": "error"}),
    ],
)
def test_a_given_role_takes_the_column_from_the_roles_of_the_card(
    given: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert override(CARD, FileOptions(**given)) == CARD | {"ignore": ["note"]} | expected


def test_a_column_without_the_role_any_more_has_none() -> None:
    assert "group" not in override(CARD, FileOptions(categorical_features="house"))
    assert override({"date_formats": {"day": "%d"}}, FileOptions(ignore="day"))["date_formats"] == {}


def test_a_card_of_categories_can_be_used_with_one_of_them_as_the_condition(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("rating,x\n1,0.5\n2,0.25\n1,1.5\n")
    card = tmp_path / "t.toml"
    card.write_text('file = "t.csv"\ncategorical_features = ["rating"]\n')
    schema = FileSource.from_path(card, {"conditions": ["rating"]}).load().schema
    assert (schema.conditions, schema.categorical_features) == (("rating",), ())


def test_a_column_that_the_card_makes_a_category_is_no_condition_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("status,x\na,0.5\nb,0.25\na,1.5\nb,2.5\n")
    by_name = FileSource.from_path(tmp_path / "t.csv").load().schema
    named = FileSource.from_path(tmp_path / "t.csv", {"categorical_features": ["status"]}).load().schema
    assert (by_name.conditions, by_name.categorical_features) == (("status",), ())
    assert (named.conditions, named.categorical_features) == ((), ("status",))
