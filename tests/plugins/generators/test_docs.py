"""The page on generators: its code runs and its tables are correct."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tabgenbench import Generator, Lazy, Options
from tabgenbench_plugins.generators.cvae import CVAE
from tabgenbench_plugins.generators.flow_matching import FlowMatching
from tabgenbench_plugins.generators.hierarchical_factors import HierarchicalFactors
from tabgenbench_plugins.generators.tabddpm import TabDDPM
from tabgenbench_plugins.generators.wgan_gp import WGANGP

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


def as_shown(default: object) -> str:
    """Return a default as the page writes it."""
    if isinstance(default, tuple):
        return str(list(default))
    if default is None or isinstance(default, bool):
        return str(default).lower()
    return str(default).replace("0.000", "") + "e-4" if str(default).startswith("0.000") else str(default)


@pytest.mark.parametrize(
    ("heading", "config"),
    [
        ("The CVAE", CVAE.Config),
        ("The WGAN-GP", WGANGP.Config),
        ("Hierarchical factors", HierarchicalFactors.Config),
    ],
)
def test_the_defaults_on_the_page_are_those_of_the_code(heading: str, config: type[Options]) -> None:
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    shown = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", section, flags=re.MULTILINE))
    expected = {name: as_shown(field.default) for name, field in config.model_fields.items()}
    assert {name: value.strip("`") for name, value in shown.items()} == expected


@pytest.mark.parametrize(("column", "config"), [(2, FlowMatching.Config), (3, TabDDPM.Config)])
def test_the_defaults_of_two_models_in_one_table(column: int, config: type[Options]) -> None:
    section = PAGE.split("## Flow matching and TabDDPM\n")[1].split("\n## ")[0]
    rows = [re.split(r" *\| *", line) for line in section.splitlines() if line.startswith("| `")]
    shown = {row[1].strip("`"): row[column].strip("`") for row in rows}
    expected = {name: as_shown(field.default) for name, field in config.model_fields.items()}
    assert {name: value for name, value in shown.items() if value} == expected
