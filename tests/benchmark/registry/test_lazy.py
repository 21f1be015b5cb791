from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tabgenbench import Lazy, Options, PluginError
from tabgenbench.registry.lazy import load_target, target_of


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module on the path with a plugin, a plugin of another name and an object that is not a plugin."""
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


def test_a_package_that_an_extra_lacks_is_named_before_the_import(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own" / "tabgenbench-0.1.dist-info"  # the distribution as it would be with one more extra
    own.mkdir(parents=True)
    required = [f"Requires-Dist: {name}; extra == 'sun'" for name in ("no-such-a", "no-such-b>=2", "pluggy")]
    (own / "METADATA").write_text("\n".join(["Metadata-Version: 2.1", "Name: tabgenbench", "Version: 0.1", *required]))
    monkeypatch.syspath_prepend(str(own.parent))
    with pytest.raises(PluginError) as caught:
        Lazy("mine", f"{module}:Mine", extra="sun").load()
    hint = "run: pip install 'tabgenbench[sun]'"
    assert str(caught.value) == f"plugin 'mine': needs no-such-a, no-such-b, which are not installed; {hint}"
    assert module not in sys.modules


CELL = """
from pydantic import Field
from tabgenbench import Options

FACTOR = 3


def scaled(x):
    return FACTOR * x


class Mine:
    name = "mine"

    class Config(Options):
        width: int = Field(2, description="a number")

    def area(self):
        return scaled(self.Config(width=5).width)
"""
LOAD = "import pickle, sys; found = pickle.load(sys.stdin.buffer); print(found.__name__, found().area())"


def class_of_a_cell(**names: Any) -> type:
    namespace: dict[str, Any] = {"__name__": "__main__", **names}
    exec(CELL, namespace)
    found: type = namespace["Mine"]
    return found


def test_a_class_of_a_module_goes_by_its_name(module: str) -> None:
    assert target_of(Options) == "tabgenbench.options:Options"
    assert load_target("tabgenbench.options:Options") is Options
    assert load_target(f"{module}:Mine").name == "mine"


def test_a_class_of_a_session_goes_to_a_process_that_has_no_such_session() -> None:
    target = target_of(class_of_a_cell())
    assert isinstance(target, bytes)
    done = subprocess.run([sys.executable, "-c", LOAD], input=target, capture_output=True, timeout=60)
    assert done.stdout.decode().split() == ["Mine", "15"], done.stderr.decode()


def test_a_class_of_a_session_is_the_same_class_in_this_process() -> None:
    found = class_of_a_cell()
    assert load_target(target_of(found)) is found


def test_a_class_of_a_function_goes_without_its_module() -> None:
    class Mine:
        name = "mine"

    target = target_of(Mine)
    assert isinstance(target, bytes)
    assert pickle.loads(target).name == "mine"


def test_a_class_that_holds_a_lock_is_one_sentence() -> None:
    found = class_of_a_cell()
    found.lock = threading.Lock()  # type: ignore[attr-defined]  # to hold one is the test
    with pytest.raises(
        PluginError, match=r"plugin 'mine': its class cannot be sent .*lock.*; define the class in its own mod"
    ):
        target_of(found)
