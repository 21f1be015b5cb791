from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest

from tabgenbench.engines.environment import OCCASIONAL, describe_environment, imported_versions
from tabgenbench.records import RunInfo
from tabgenbench.store.store import Store

Call = Callable[..., int]

REQUIRES = "Requires-Dist: pluggy>=1\nRequires-Dist: numpy; extra == 'more'\nRequires-Dist: not-there[all]>=2\n"


def test_a_plugin_is_named_with_what_it_requires(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "tgb_made_up-2.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tgb-made-up\nVersion: 2.5\n{REQUIRES}")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = describe_environment(threads=1).packages
    assert before["tabgenbench"] == version("tabgenbench")
    assert "pluggy" not in before
    found = describe_environment(threads=1, distributions=("tgb-made-up",)).packages
    assert found == {**before, "tgb-made-up": "2.5", "pluggy": version("pluggy")}


@pytest.mark.parametrize("name", ["", "tabgenbench", "a-library-that-is-not-there"])
def test_what_is_not_installed_or_named_anyway_adds_nothing(name: str) -> None:
    found = describe_environment(threads=1, distributions=(name,))
    assert found.packages == describe_environment(threads=1).packages


def test_what_some_models_import_is_named_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in OCCASIONAL:
        monkeypatch.delitem(sys.modules, module, raising=False)
    assert imported_versions() == {}
    monkeypatch.setitem(sys.modules, "umap", ModuleType("umap"))
    assert imported_versions() == {"umap-learn": version("umap-learn")}


@pytest.mark.slow
def test_records_name_the_versions_of_their_plugin_and_of_what_it_imported(
    tabgenbench: Call, plugin_module: Path
) -> None:
    (plugin_module.parent / "ctgan.py").touch()  # the import of the library takes seconds
    text = plugin_module.read_text()
    plugin_module.write_text(text.replace("self.train = train", "import ctgan; self.train = train"))
    names = ("honest", "raises", "exits")
    generators = [part for name in names for part in ("-g", name)]
    arguments = ["-d", "wdbc", *generators, "-m", "mean", "-m", "moments", "--splits", "1", "--draws", "1"]
    assert tabgenbench("run", "quickstart", *arguments, "--threads", "1") == 1
    store = Store(Path("store"))
    cells = {record.cell.label: record for record in store.cells()}
    assert [cells[name].status for name in names] == ["ok", "failed", "crashed"]
    assert {record.environment.packages["stranger"] for record in cells.values()} == {"1.0"}
    assert cells["honest"].environment.packages["ctgan"] == version("ctgan")
    assert "ctgan" not in cells["raises"].environment.packages
    runs = [RunInfo.model_validate_json(path.read_bytes()) for path in store.root.glob("cells/*/runs/*.json")]
    assert {run.metric: run.environment.packages.get("stranger") for run in runs} == {"mean": "1.0", "moments": None}
