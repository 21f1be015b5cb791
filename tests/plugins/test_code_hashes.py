"""An edit of a built-in plugin retrains its own cells and those of plugins that import it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from uuid import uuid4

import pytest

import tabgenbench_plugins
from tabgenbench.registry.keys import code_hash
from tabgenbench.registry.manager import make_manager

SOURCES = Path(tabgenbench_plugins.__file__).parent


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the built-in plugins as a package with a unique name, because paths of modules are cached."""
    folder = tmp_path / f"copied_{uuid4().hex}"
    shutil.copytree(SOURCES, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for path in folder.rglob("*.py"):
        path.write_text(path.read_text().replace("tabgenbench_plugins", folder.name))
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


def hashes(package: Path) -> dict[str, str]:
    """Return the hash of each built-in generator's and metric's program, read from the copy."""
    code_hash.cache_clear()
    plugins = make_manager()
    entries = [*plugins.entries("generators").values(), *plugins.entries("metrics").values()]
    ours = [entry for entry in entries if entry.module.startswith("tabgenbench_plugins.")]
    return {entry.name: code_hash(entry.module.replace("tabgenbench_plugins", package.name)) for entry in ours}


def changed_by(package: Path, file: str, pattern: str, replacement: str) -> set[str]:
    """Edit one place of a file and return the plugins whose hash changes."""
    path, before = package / file, hashes(package)
    text, count = re.subn(pattern, replacement, path.read_text(), count=1)
    assert count == 1
    path.write_text(text)
    after = hashes(package)
    return {name for name in before if before[name] != after[name]}


@pytest.mark.slow
def test_a_docstring_or_a_comment_retrains_nothing(package: Path) -> None:
    assert changed_by(package, "generators/cvae.py", r'"""', '"""Another first word. ') == set()
    assert changed_by(package, "generators/parts/nn.py", r"\n\n\n", "\n\n\n# a comment\n") == set()


def test_a_constant_of_cvae_retrains_cvae_and_what_trains_it(package: Path) -> None:
    assert changed_by(package, "generators/cvae.py", r"Field\(1400", "Field(1401") == {"cvae", "cvae-selected"}


@pytest.mark.slow
def test_an_edit_of_a_metric_retrains_no_generator(package: Path) -> None:
    before = hashes(package)
    for path in (package / "metrics").rglob("[!_]*.py"):
        path.write_text(path.read_text() + "\nCHANGED = 1\n")
    after = hashes(package)
    plugins = make_manager()
    assert {name for name in before if before[name] != after[name]} == set(plugins.entries("metrics"))
