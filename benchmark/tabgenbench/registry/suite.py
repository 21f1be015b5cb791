"""Suites: TOML files that list the datasets, generators and metrics of a benchmark."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationInfo, field_validator

from tabgenbench.data.split_config import SplitConfig
from tabgenbench.errors import ConfigError, did_you_mean
from tabgenbench.interfaces.kinds import Kind
from tabgenbench.options import Options, make_options, parse_plugin_string
from tabgenbench.registry.manager import Plugins

__all__ = ["Choice", "Suite", "dataset_choices", "find_suite", "is_for", "make_choices", "parse_choice"]


class Choice(Options):
    """A plugin that a suite selects, with its options."""

    name: str = Field(description="name of the plugin; for a dataset also the path of a card or a file")
    options: dict[str, Any] = Field(default_factory=dict, description="options that differ from the defaults")
    only_for: tuple[str, ...] = Field((), description="datasets to use the plugin for; empty: every dataset")
    label: str = Field("", description="generators only: text that boards show instead of name and options")


class Suite(Options):
    """A benchmark to run: datasets, generators, metrics, and the numbers of splits, seeds and synthetic tables."""

    name: str = Field(description="name of the suite in the store")
    summary: str = Field("", description="one line for `tabgenbench list suites`")
    datasets: tuple[Choice, ...] = Field(description="datasets, as NAME, NAME:key=value or a table with name")
    generators: tuple[Choice, ...] = Field(description="generators and controls, likewise")
    metrics: tuple[Choice, ...] = Field(description="metrics, likewise")
    splits: int = Field(3, ge=1, description="number of splits")
    seeds: int = Field(1, ge=1, description="number of seeds inside each split")
    first_seed: int = Field(0, ge=0, description="the first seed; the others follow it")
    draws: int = Field(5, ge=0, description="number of synthetic tables per trained model; 0: models only embed rows")
    split: SplitConfig = Field(default_factory=SplitConfig, description="how rows are split")

    @field_validator("datasets", "generators", "metrics", mode="before")
    @classmethod
    def _choices(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, list | tuple):
            return value
        if info.field_name == "datasets":
            value = dataset_choices(value)
        choices = tuple(parse_choice(item) for item in value)
        labelled = next((choice for choice in choices if choice.label), None)
        if labelled is not None and info.field_name != "generators":
            raise ConfigError(f"{info.field_name}: {labelled.name!r} has a label; only generators can have one")
        return choices


def parse_choice(item: Any) -> Choice:
    """Convert text such as ``"cvae:epochs=30"``, or a dictionary, to a plugin name with options."""
    if isinstance(item, Choice):
        return item
    if isinstance(item, str):
        if Path(item).is_file():  # a path may contain a colon
            return Choice(name=item)
        name, options = parse_plugin_string(item)
        return Choice(name=name, options=options)
    if isinstance(item, dict) and "name" in item:
        label = item.get("label", "")
        if not isinstance(label, str) or ("label" in item and not label.strip()):
            raise ConfigError(f"generator {item['name']!r}: got label {label!r}, expected a non-empty text")
        options = {key: value for key, value in item.items() if key not in ("name", "label", "only_for")}
        label, only_for = " ".join(label.split()), item.get("only_for", ())
        return Choice(name=item["name"], options=options, label=label, only_for=only_for)
    raise ConfigError(f"got {item!r}, expected NAME:key=value or a table with name")


def dataset_choices(items: Sequence[Any]) -> tuple[Choice, ...]:
    """Convert the items of a suite's list ``datasets``.

    Every dataset has the option ``train_rows``, the number of training rows. If this option is a list, the result has
    one dataset for each number.
    """
    choices = []
    for choice in map(parse_choice, items):
        sizes = choice.options.get("train_rows")
        each = sizes if isinstance(sizes, list | tuple) else [sizes]
        if sizes is None:
            choices.append(choice)
            continue
        if not each:
            raise ConfigError(f"dataset {choice.name!r}: train_rows is an empty list, expected at least one number")
        choices += [choice.model_copy(update={"options": {**choice.options, "train_rows": one}}) for one in each]
    return tuple(choices)


def is_for(only_for: Sequence[str], dataset: str) -> bool:
    """Return whether ``only_for`` is empty or lists the dataset.

    ``dataset`` is text of the form NAME or NAME:key=value; NAME alone in ``only_for`` allows all options.
    """
    return not only_for or any(f"{dataset}:".startswith(f"{name}:") for name in only_for)


def make_choices(kind: Kind, given: Any, plugins: Plugins) -> tuple[Choice, ...]:
    """Convert names, classes or instances of plugins to plugin names with options.

    Args:
        kind: kind of the plugins, such as ``metrics``.
        given: one item or a list of items. An item is a text or dictionary for `parse_choice`, a class, or an instance,
            whose options are used.
        plugins: the registered plugins, to which given classes are added.

    Raises:
        ConfigError: an item has another type.
        PluginError: a class cannot be a plugin of this kind.
    """
    choices = []
    for item in given if isinstance(given, list | tuple) else [given]:
        found = item if isinstance(item, type) else type(item)
        if found in (str, dict, Choice):
            choices.append(parse_choice(item))
        elif isinstance(item, type):
            plugins.add_class(kind, item)
            choices.append(Choice(name=item.name))  # type: ignore[attr-defined]  # checked by add_class
        elif isinstance(getattr(item, "config", None), Options):
            plugins.add_class(kind, found)
            choices.append(Choice(name=item.name, options=item.config.model_dump()))
        else:
            raise ConfigError(
                f"{kind}: got {item!r}, expected a name such as 'NAME:key=value', a class or an instance of one; "
                "`tabgenbench list` shows the names"
            )
    return tuple(choices)


def find_suite(text: str, plugins: Plugins) -> Suite:
    """Return the suite with a registered name, or the suite in a TOML file.

    Raises:
        ConfigError: no suite has this name, or the file is missing or invalid; the message names the file and the key.
    """
    known = plugins.suites()
    path = known[text].path if text in known else Path(text)
    if not path.is_file() and text not in known and (path.suffix == ".toml" or len(path.parts) > 1):
        raise ConfigError(f"suite: the file {text!r} does not exist; check its path, or use a name (list suites)")
    if not path.is_file():
        raise ConfigError(f"unknown suite {text!r}{did_you_mean(text, known)}; or use the path of a TOML file")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    values.setdefault("name", path.stem)
    if isinstance(values.get("split"), dict):
        values["split"] = make_options(SplitConfig, values["split"], where=f"{path}: [split]")
    suite = make_options(Suite, values, where=str(path))
    _check_only_for(suite, {*plugins.entries("datasets"), *(choice.name for choice in suite.datasets)}, path)
    return suite


def _check_only_for(suite: Suite, known: Collection[str], path: Path) -> None:
    for choice in (*suite.generators, *suite.metrics):
        for name in choice.only_for:
            if name not in known:
                raise ConfigError(
                    f"{path}: only_for of {choice.name!r} names {name!r}, which is not a dataset"
                    f"{did_you_mean(name, known)}"
                )
