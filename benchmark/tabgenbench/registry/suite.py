"""Suites: which datasets, generators and metrics, on how many splits, seeds and draws. A TOML file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from tabgenbench.data.split_config import SplitConfig
from tabgenbench.errors import ConfigError, did_you_mean
from tabgenbench.options import Options, make_options, parse_plugin_string
from tabgenbench.registry.manager import Plugins

__all__ = ["Choice", "Suite", "find_suite", "parse_choice"]


class Choice(Options):
    """A plugin by name, with options."""

    name: str = Field(description="name of the plugin; for a dataset also the path of a card or a file")
    options: dict[str, Any] = Field(default_factory=dict, description="options that differ from the defaults")


class Suite(Options):
    """What a run is asked to do."""

    name: str = Field(description="name of the suite, under which a store keeps it")
    summary: str = Field("", description="one line for `tabgenbench list suites`")
    datasets: tuple[Choice, ...] = Field(description="datasets, as NAME, NAME:key=value or a table with name")
    generators: tuple[Choice, ...] = Field(description="generators and controls, likewise")
    metrics: tuple[Choice, ...] = Field(description="metrics, likewise")
    splits: int = Field(3, ge=1, description="number of splits")
    seeds: int = Field(1, ge=1, description="number of seeds inside each split")
    first_seed: int = Field(0, ge=0, description="the first seed; the others follow it")
    draws: int = Field(5, ge=1, description="number of samples a trained model gives")
    split: SplitConfig = Field(default_factory=SplitConfig, description="how rows are split")

    @field_validator("datasets", "generators", "metrics", mode="before")
    @classmethod
    def _choices(cls, value: Any) -> Any:
        return tuple(parse_choice(item) for item in value) if isinstance(value, list | tuple) else value


def parse_choice(item: Any) -> Choice:
    """Turn ``"cvae:epochs=30"`` or ``{"name": "cvae", "epochs": 30}`` into a choice."""
    if isinstance(item, Choice):
        return item
    if isinstance(item, str):
        if Path(item).is_file():  # a path may hold a colon
            return Choice(name=item)
        name, options = parse_plugin_string(item)
        return Choice(name=name, options=options)
    if isinstance(item, dict) and "name" in item:
        return Choice(name=item["name"], options={key: value for key, value in item.items() if key != "name"})
    raise ConfigError(f"got {item!r}, expected NAME:key=value or a table with name")


def find_suite(text: str, plugins: Plugins) -> Suite:
    """Return the suite of a registered name or of a TOML file.

    Raises:
        ConfigError: there is none of this name, or the file does not fit; names the file and the key.
    """
    known = plugins.suites()
    path = known[text].path if text in known else Path(text)
    if not path.is_file():
        raise ConfigError(f"unknown suite {text!r}{did_you_mean(text, known)}; or give the path of a TOML file")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    values.setdefault("name", path.stem)
    if isinstance(values.get("split"), dict):
        values["split"] = make_options(SplitConfig, values["split"], where=f"{path}: [split]")
    return make_options(Suite, values, where=str(path))
