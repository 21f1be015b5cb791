from __future__ import annotations

from typing import Any

import pytest

from tabgenbench.data.split_config import SplitConfig
from tabgenbench.interfaces.dataset import DatasetSource
from tabgenbench.interfaces.metric import Metric
from tabgenbench.registry.file_source import FileSource
from tabgenbench.registry.manager import Plugins
from tabgenbench.registry.suite import Choice, Suite


def test_no_builtin_plugin_is_disabled(builtin: Plugins) -> None:
    assert builtin.disabled == []


def test_every_option_is_described(builtin_classes: list[Any]) -> None:
    configs = [Suite, Choice, SplitConfig, FileSource.Config, *(one.Config for one in builtin_classes)]
    silent = [
        f"{config.__module__}.{config.__qualname__}.{name}"
        for config in configs
        for name, field in config.model_fields.items()
        if not (field.description or "").strip()
    ]
    assert len(configs) > 10
    assert silent == []


def test_every_option_has_a_default(builtin_classes: list[Any]) -> None:
    required = [
        f"{one.name}:{name}"
        for one in builtin_classes
        for name, field in one.Config.model_fields.items()
        if field.is_required()
    ]
    assert required == []


def test_every_generator_has_a_summary_and_every_dataset_its_licence(builtin_classes: list[Any]) -> None:
    for one in builtin_classes:
        if issubclass(one, DatasetSource):
            card = one().card
            assert card.title
            assert card.summary
            assert card.licence
        elif not issubclass(one, Metric):
            assert one.card.summary


def test_every_score_says_what_it_measures_and_what_it_is_blind_to(builtin_classes: list[Any]) -> None:
    specs = [spec for one in builtin_classes if issubclass(one, Metric) for spec in one.scores]
    names = [spec.name for spec in specs]
    assert len(names) == len(set(names))
    assert [spec.name for spec in specs if not (spec.description and spec.blind_to)] == []


def test_floor_of_a_score_is_a_control(builtin: Plugins, builtin_classes: list[Any]) -> None:
    controls = {one.name for one in builtin_classes if getattr(one, "is_control", False)}
    floors = {spec.floor for one in builtin_classes if issubclass(one, Metric) for spec in one.scores if spec.floor}
    assert floors <= controls


@pytest.mark.parametrize("kind", ["generators", "metrics", "datasets"])
def test_list_shows_a_summary_of_everything(kind: Any, builtin: Plugins) -> None:
    assert [entry.name for entry in builtin.entries(kind).values() if not entry.summary] == []
