from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tabgenbench import Lazy, PluginError


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module on the path with a plugin, a plugin of another name and an object that is none."""
    (tmp_path / "lazy_example.py").write_text(
        "class Mine:\n    name = 'mine'\n\nclass Other:\n    name = 'other'\n\nx = 3\n"
    )
    (tmp_path / "lazy_broken.py").write_text("import a_library_that_is_not_there\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("lazy_example", "lazy_broken"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return "lazy_example"


def test_nothing_is_imported_before_it_is_used(module: str) -> None:
    lazy = Lazy("mine", f"{module}:Mine", "one line")
    assert lazy.module == module
    assert module not in sys.modules
    assert lazy.load().__name__ == "Mine"
    assert module in sys.modules


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("lazy_example:Gone", "plugin 'mine': module lazy_example has no 'Gone'; correct its target"),
        ("lazy_example:Other", "plugin 'mine': lazy_example:Other is named 'other', expected 'mine'"),
        ("lazy_example:x", "plugin 'mine': lazy_example:x is named None, expected 'mine'"),
        ("lazy_gone:Mine", "plugin 'mine': cannot import lazy_gone: No module named 'lazy_gone'"),
        ("lazy_broken:Mine", "plugin 'mine': cannot import lazy_broken: No module named 'a_library_that_is_not_there'"),
    ],
)
@pytest.mark.usefixtures("module")
def test_a_target_that_does_not_load(target: str, message: str) -> None:
    with pytest.raises(PluginError) as caught:
        Lazy("mine", target).load()
    assert str(caught.value) == message


@pytest.mark.usefixtures("module")
def test_a_missing_extra_is_told() -> None:
    with pytest.raises(PluginError, match=r"; run: pip install 'tabgenbench\[singlecell\]'$"):
        Lazy("mine", "lazy_broken:Mine", extra="singlecell").load()
