from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from tabgenbench.engines.packages import missing_packages
from tabgenbench.interfaces.kinds import Kind
from tabgenbench.registry.lazy import Lazy
from tabgenbench.registry.manager import Plugins, make_manager


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).parents[2]


@pytest.fixture(scope="session")
def builtin() -> Plugins:
    """The plugins of TabGenBench's own distribution, without other installed plugins."""
    return make_manager(
        points=[point for point in entry_points(group="tabgenbench") if point.dist and point.dist.name == "tabgenbench"]
    )


@pytest.fixture(scope="session")
def builtin_classes(builtin: Plugins) -> list[Any]:
    """The classes of all built-in generators, metrics and datasets whose packages are installed."""
    kinds: tuple[Kind, ...] = ("generators", "metrics", "datasets")  # those with options
    entries = [entry for kind in kinds for entry in builtin.entries(kind).values()]
    return [entry.load() for entry in entries if not _is_missing(entry.target)]


def _is_missing(target: object) -> bool:
    return isinstance(target, Lazy) and bool(target.extra and missing_packages(target.extra))


@pytest.fixture(scope="session")
def fenced() -> Callable[[Path, str], list[str]]:
    """A function that returns the fenced blocks of a language in a Markdown file."""

    def blocks(page: Path, language: str) -> list[str]:
        parts = page.read_text(encoding="utf-8").split(f"\n```{language}\n")
        return [part.partition("\n```")[0] + "\n" for part in parts[1:]]

    return blocks
