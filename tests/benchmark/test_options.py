from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError, field_validator

from tabgenbench import ConfigError, Options
from tabgenbench.errors import did_you_mean
from tabgenbench.options import make_options, parse_plugin_string


class Config(Options):
    epochs: int = Field(10, ge=1, description="passes over the rows")
    hidden: tuple[int, ...] = Field((8,), description="widths")
    weights: str = Field("best", description="which weights to keep")
    rate: float = Field(1e-3, description="learning rate")

    @field_validator("weights")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in ("best", "last"):
            raise ValueError("expected best or last")
        return value


def test_options_are_built_and_frozen() -> None:
    config = make_options(Config, {"epochs": 3, "hidden": [4, 2]}, where="generator 'x'")
    assert config == Config(epochs=3, hidden=(4, 2))
    with pytest.raises(ValidationError, match="frozen"):
        config.epochs = 4  # type: ignore[misc]  # that is what is tested


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epoch": 3}, "generator 'x': unknown option 'epoch'; did you mean 'epochs'?"),
        ({"zzz": 3}, "generator 'x': unknown option 'zzz'; known: epochs, hidden, rate, weights"),
        ({"epochs": 0}, "generator 'x': option 'epochs': got 0: Input should be greater than or equal to 1"),
        ({"epochs": "many"}, "generator 'x': option 'epochs': got 'many': Input should be a valid integer"),
        ({"hidden": [4, "a"]}, "generator 'x': option 'hidden.1': got 'a'"),
        ({"weights": "worst"}, "generator 'x': option 'weights': got 'worst': expected best or last"),
        ({"rate": float("nan")}, "generator 'x': option 'rate': got nan: Input should be a finite number"),
    ],
)
def test_a_bad_option_is_named_in_one_sentence(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make_options(Config, values, where="generator 'x'")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cvae", ("cvae", {})),
        ("cvae:", ("cvae", {})),
        ("cvae:epochs=30", ("cvae", {"epochs": 30})),
        ("cvae:hidden=[64,32],weights=best", ("cvae", {"hidden": [64, 32], "weights": "best"})),
        ("cvae: epochs = 30 , rate=1e-4", ("cvae", {"epochs": 30, "rate": 1e-4})),
        ("a:keep=[x,y]", ("a", {"keep": ["x", "y"]})),
        ("a:deep=[[1,2],[3]]", ("a", {"deep": [[1, 2], [3]]})),
        ('a:leave_out={"tissue": ["lung", "liver"]},n=1', ("a", {"leave_out": {"tissue": ["lung", "liver"]}, "n": 1})),
        ("a:on=true,off=false,none=null", ("a", {"on": True, "off": False, "none": None})),
        ("a:path=x=y", ("a", {"path": "x=y"})),
        ("rnaseqdb:genes=all", ("rnaseqdb", {"genes": "all"})),
    ],
)
def test_plugin_strings(text: str, expected: tuple[str, dict[str, Any]]) -> None:
    assert parse_plugin_string(text) == expected


@pytest.mark.parametrize("text", ["cvae:epochs", "cvae:=3", "cvae:epochs=3,best"])
def test_a_plugin_string_without_key_and_value_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected key=value; write NAME:key=value,key=value"):
        parse_plugin_string(text)


@given(
    st.dictionaries(
        st.text("abc_", min_size=1, max_size=5),
        st.one_of(
            st.integers(), st.booleans(), st.none(), st.text("xyz", min_size=1, max_size=4), st.lists(st.integers())
        ),
        max_size=4,
    )
)
def test_what_is_written_as_json_is_read_back(options: dict[str, Any]) -> None:
    import json

    text = ",".join(f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in options.items())
    assert parse_plugin_string(f"name:{text}") == ("name", options)


def test_suggestions() -> None:
    assert did_you_mean("cvea", ["cvae", "shuffled"]) == "; did you mean 'cvae'?"
    assert did_you_mean("zzz", ["b", "a"]) == "; known: a, b"
    assert did_you_mean("zzz", []) == ""
