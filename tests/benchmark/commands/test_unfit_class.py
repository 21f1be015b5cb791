from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[..., int]
UNFIT = """

class UnfitGenerator(Honest):
    name, Config = "unfit-generator", dict


class UnfitMetric(Mean):
    name, Config = "unfit-metric", None


class Plugin:
    @hookimpl
    def register_generators(self):
        return [UnfitGenerator]

    @hookimpl
    def register_metrics(self):
        return [UnfitMetric]
"""


@pytest.fixture(autouse=True)
def unfit(plugin_module: Path) -> None:
    """A plugin with a generator and a metric whose ``Config`` is not a subclass of ``Options``."""
    plugin_module.write_text(plugin_module.read_text() + UNFIT)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["plugin", "check", "unfit-generator"], "plugin 'unfit-generator': "),
        (["plugin", "check", "unfit-metric"], "plugin 'unfit-metric': "),
        (["score", "--train", "a", "--test", "a", "--synthetic", "a", "-m", "unfit-metric"], "plugin 'unfit-metric': "),
        (["run", "quickstart", "-g", "unfit-generator"], "plugin 'unfit-generator': "),
    ],
)
def test_a_class_without_options_is_one_sentence(
    tabgenbench: Call, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert tabgenbench(*arguments) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"tabgenbench: {words}")
    assert "expected a class derived from tabgenbench.Options" in line
