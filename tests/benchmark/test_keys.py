from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabgenbench.errors import PluginError
from tabgenbench.keys import _imports, code_hash, make_key, seed_of


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


def test_relative_imports_are_followed(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text("from .helper import f\nfrom . import other\nfrom ..top import g\nimport numpy")
    assert set(_imports("pack.sub.model", path)) == {
        "pack.sub.helper", "pack.sub.helper.f", "pack.sub", "pack.sub.other", "pack.top", "pack.top.g",
    }  # fmt: skip


def test_code_hash_of_nothing_is_an_error() -> None:
    with pytest.raises(PluginError, match="'no_such_module'"):
        code_hash("no_such_module")
