from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabgenbench.errors import PluginError
from tabgenbench.options import Options
from tabgenbench.registry.keys import class_hash, code_hash, make_key, program_of, seed_of


def test_key_does_not_depend_on_order() -> None:
    assert make_key(a=1, b=[1, 2]) == make_key(b=[1, 2], a=1)
    assert make_key(a=1) != make_key(a=2)


@given(st.lists(st.integers(0, 10**6) | st.text(max_size=5), min_size=1, max_size=4))
def test_seeds_are_63_bits_and_repeat(parts: list[int | str]) -> None:
    assert 0 <= seed_of(*parts) < 2**63
    assert seed_of(*parts) == seed_of(*parts)


def test_seeds_of_phases_differ() -> None:
    seeds = {seed_of(seed, phase, draw) for seed in range(5) for phase in ("fit", "sample") for draw in range(5)}
    assert len(seeds) == 50


def package(folder: Path, **sources: str) -> None:
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source)


def test_code_hash_follows_imports_inside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path / "keyed", model="from keyed import helper\nimport json", helper="x = 1", other="y = 1")
    monkeypatch.syspath_prepend(str(tmp_path))

    def fresh() -> str:
        code_hash.cache_clear()
        return code_hash("keyed.model")

    before = fresh()
    (tmp_path / "keyed" / "other.py").write_text("y = 2")
    assert fresh() == before
    (tmp_path / "keyed" / "helper.py").write_text("x = 2")
    assert fresh() != before


def test_relative_imports_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path / "related", model="from .helper import f\nfrom . import other\nimport numpy", helper="", other="")
    monkeypatch.syspath_prepend(str(tmp_path))
    hashes = set()
    for name in ("helper", "other"):
        (tmp_path / "related" / f"{name}.py").write_text("x = 1")
        code_hash.cache_clear()
        hashes.add(code_hash("related.model"))
    assert len(hashes) == 2


def test_code_hash_of_nothing_is_an_error() -> None:
    with pytest.raises(PluginError, match="'no_such_module'"):
        code_hash("no_such_module")


def test_a_module_that_does_not_parse_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path / "torn", model="def f(:\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(PluginError, match=r"'torn\.model' does not parse .* line 1"):
        code_hash("torn.model")


SOURCE = '''"""A module."""
import math


class Model:
    """A model."""

    rate = 0.1

    def fit(self, x: float, *, n: int = 3) -> float:
        """Fit."""
        total = f"{x:.2f}" + "ab"
        return math.sqrt(x) * self.rate + len(total) + n
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Fit."""', '"""Fit to x.\n\n        More."""'),
        ('        """Fit."""\n', ""),
        ("rate = 0.1", "rate = 0.1  # per step"),
        ("\n\n\nclass", "\n# a class\nclass"),
        ("self, x: float, *, n: int = 3", "self,\n        x: float,\n        *,\n        n: int=3,\n    "),
        ('"ab"', "'ab'"),
        ('f"{x:.2f}" + "ab"', '(f"{x:.2f}" + "ab")'),
    ],
)
def test_prose_and_formatting_are_not_the_program(old: str, new: str) -> None:
    changed = SOURCE.replace(old, new)
    assert changed != SOURCE
    assert program_of(changed) == program_of(SOURCE)


@pytest.mark.parametrize(
    ("old", "new"),
    [("0.1", "0.2"), ("n: int = 3", "n: int = 3.0"), ('"ab"', 'b"ab"'), (".2f", ".3f"), ("sqrt", "exp"), ("*, ", "")],
)
def test_what_the_program_does_counts(old: str, new: str) -> None:
    changed = SOURCE.replace(old, new)
    assert changed != SOURCE
    assert program_of(changed) != program_of(SOURCE)


def test_the_program_is_the_same_text_on_every_python() -> None:
    """A stored value: Python 3.11, 3.12 and 3.13 build trees that differ only in empty fields."""
    assert hashlib.sha256(program_of(SOURCE).encode()).hexdigest()[:16] == "e4b903606419c391"


CELL = '''
RATE = 0.1
def helper(x): return x + 1
class Model:
    """A model."""
    width = 3
    def fit(self, x):
        """Fit."""
        return helper(x) * RATE
'''


def session_class(source: str) -> type:
    """Return a class as a notebook cell defines it: in the namespace of ``__main__``, without a source file."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(source, "<cell>", "exec"), namespace)
    found: type = namespace["Model"]
    return found


@pytest.mark.parametrize("old", ["0.1", "width = 3", "helper(x) *", "x + 1"])
def test_an_edited_cell_of_a_notebook_has_another_hash(old: str) -> None:
    changed = CELL.replace(old, {"0.1": "0.2", "width = 3": "width = 4"}.get(old, old.replace("x", "x + 2 - x")))
    assert changed != CELL
    assert class_hash(session_class(changed)) != class_hash(session_class(CELL))


def test_a_cell_that_runs_again_keeps_its_hash() -> None:
    again = CELL.replace('"""Fit."""', '"""Fit to x."""').replace("\nclass", "\n\n# a model\nclass")
    assert class_hash(session_class(again)) == class_hash(session_class(CELL))


def test_a_class_of_a_module_is_hashed_by_its_source() -> None:
    assert class_hash(Options) == code_hash("tabgenbench.options")


SCRIPT = """
from built_on import Base
from tabgenbench.registry.keys import class_hash

class Model(Base):
    name = "model"

print(class_hash(Model))
"""


def test_a_class_of_a_session_changes_with_the_plugin_that_it_builds_on(tmp_path: Path) -> None:
    hashes = []
    (tmp_path / "script.py").write_text(SCRIPT)
    for rate in ("0.1", "0.1  # as before", "0.2"):
        text = f"from tabgenbench import Options\nRATE = {rate}\nclass Base:\n    name, Config = 'base', Options\n"
        (tmp_path / "built_on.py").write_text(text)
        done = subprocess.run(
            [sys.executable, "-B", tmp_path / "script.py"], capture_output=True, text=True, check=True
        )
        hashes.append(done.stdout)
    assert hashes[0] == hashes[1] != hashes[2]
