"""The page on generators: its code runs, its tables are true."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tabgenbench import Generator, Lazy
from tabgenbench_plugins.generators.cvae import CVAE

PAGE = (Path(__file__).parents[3] / "docs" / "generators.md").read_text(encoding="utf-8")
SAMPLES = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_sample_generator_works(make_table: Callable[..., Any], fit: Any, sample: Any) -> None:
    names: dict[str, Any] = {"__name__": "my_package.jitter"}
    exec(SAMPLES[0], names)
    train = make_table()
    generator, _ = fit(names["Jitter"], train, sd=0.0)
    made, _ = sample(generator, train.conditions)
    assert issubclass(names["Jitter"], Generator)
    assert made.X.dtype == np.float32
    assert set(map(tuple, made.X)) <= set(map(tuple, train.X))
    assert len([line for line in SAMPLES[0].splitlines() if line.strip()]) <= 16


def test_the_sample_hook_names_it() -> None:
    names: dict[str, Any] = {}
    exec(SAMPLES[1], names)
    assert names["register_generators"]() == [Lazy("jitter", "my_package.jitter:Jitter", "a training row plus noise")]


def test_generators_and_their_options_are_on_the_page(generator_class: type[Generator]) -> None:
    assert f"| `{generator_class.name}` |" in PAGE
    for option in generator_class.Config.model_fields:
        assert f"`{option}`" in PAGE


def test_the_defaults_on_the_page_are_those_of_the_code() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", PAGE.split("## The CVAE")[1], flags=re.MULTILINE))
    shown = {name: value.strip("`") for name, value in rows.items()}
    code = {name: field.default for name, field in CVAE.Config.model_fields.items()}
    text = {None: "none", True: "true", 1e-4: "1e-4"}
    expected = {k: str(list(v)) if isinstance(v, tuple) else text.get(v, str(v)) for k, v in code.items()}
    assert {**shown, "beta": "1.0"} == {**expected, "beta": "1.0"}
    assert shown["beta"] == "1.0"
