"""The page on generators: its code runs and its tables are correct."""

from __future__ import annotations

import itertools
import json
import pkgutil
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tabgenbench import Generator, Lazy, Options
from tabgenbench_plugins import register_generators
from tabgenbench_plugins.generators.arf import ARF
from tabgenbench_plugins.generators.ctgan import CTGAN
from tabgenbench_plugins.generators.cvae import CVAE
from tabgenbench_plugins.generators.flow_matching import FlowMatching
from tabgenbench_plugins.generators.forest_flow import ForestFlow
from tabgenbench_plugins.generators.hierarchical_factors import HierarchicalFactors
from tabgenbench_plugins.generators.invae import InVAE
from tabgenbench_plugins.generators.scanvi import SCANVI
from tabgenbench_plugins.generators.scvi import SCVI
from tabgenbench_plugins.generators.tabddpm import TabDDPM
from tabgenbench_plugins.generators.tvae import TVAE
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


@pytest.mark.parametrize("lazy", register_generators(), ids=lambda lazy: lazy.name)  # type: ignore[attr-defined]
def test_generators_and_their_options_are_on_the_page(lazy: Lazy) -> None:
    kind: type[Generator] = pkgutil.resolve_name(lazy.target)  # without its extra, too
    assert f"| `{kind.name}` |" in PAGE
    for option in kind.Config.model_fields:
        assert f"`{option}`" in PAGE


def as_read(cell: str) -> object:
    """Return the default that a cell of the page shows."""
    text = cell.strip("`")
    try:
        return None if cell == "none" else json.loads(text)
    except json.JSONDecodeError:
        return text


@pytest.mark.parametrize(
    ("heading", "configs"),
    [
        ("The CVAE", [CVAE.Config()]),
        ("The WGAN-GP", [WGANGP.Config()]),
        ("Hierarchical factors", [HierarchicalFactors.Config()]),
        ("CTGAN and TVAE", [CTGAN.Config(), TVAE.Config()]),
        ("The adversarial random forest", [ARF.Config()]),
        ("Flow matching with boosted trees", [ForestFlow.Config()]),
        ("inVAE", [InVAE.Config(), InVAE.Config.model_validate({"recipe": "published"})]),
        ("scVI and scANVI", [SCVI.Config(), SCANVI.Config()]),
        ("Flow matching and TabDDPM", [FlowMatching.Config(), TabDDPM.Config()]),
    ],
)
def test_the_defaults_on_the_page_are_those_of_the_code(heading: str, configs: list[Options]) -> None:
    """A table of options has one column of defaults for each config; a cell is empty if a config lacks the option."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = itertools.takewhile(lambda line: line.startswith("|"), section[section.index("| option |") :].splitlines())
    rows = [re.split(r" *\| *", line) for line in lines if line.startswith("| `")]
    for column, config in enumerate(configs, start=2):
        shown = {row[1].strip("`"): as_read(row[column]) for row in rows if row[column]}
        assert shown == {name: list(value) if isinstance(value, tuple) else value for name, value in config}
