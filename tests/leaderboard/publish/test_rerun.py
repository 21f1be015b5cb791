from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tabgenbench.errors import ConfigError
from tabgenbench.interfaces.kinds import Kind
from tabgenbench.registry.manager import Plugins, make_manager
from tabgenbench.store.store import Store
from tabgenbench_leaderboard.publish.rerun import Rerun, RerunRequest, repeat_cells

SUITE = "quickstart"


def repeat(store: Store, **more: Any) -> tuple[Rerun, str]:
    lines: list[str] = []
    suite = store.read_suite(SUITE)
    assert suite is not None
    request = RerunRequest(**{"number": 1, "seed": 0, "executor": "inline", "say": lines.append, **more})
    return repeat_cells(store, suite, request, make_manager()), "\n".join(lines)


@pytest.fixture
def store(clean_store: Store, tmp_path: Path) -> Store:
    """A copy of the store that a test may change."""
    shutil.copytree(clean_store.root, tmp_path / "store")
    found = Store(tmp_path / "store")
    found.prepare()
    return found


@pytest.mark.slow
def test_the_choice_depends_on_the_seed_alone(store: Store) -> None:
    first, second = (repeat(store, number=2, seed=5)[1] for _ in range(2))
    assert first == second
    assert "repeating 2 of 4 cells, chosen by --seed 5" in first


def test_other_code_is_compared_by_tolerance(store: Store) -> None:
    for path in store.root.glob("cells/*/fit.json"):
        path.write_text(path.read_text().replace('"threads": 1', '"threads": 1, "note": ""'))
    suite = store.read_suite(SUITE)
    assert suite is not None
    for row in suite.rows:  # the keys of another version of the code
        record = store.read_cell(row.key)
        assert record is not None
        other = row.key[::-1]
        shutil.move(store.cell_folder(row.key), store.cell_folder(other))
        for path in store.cell_folder(other).glob("scores/*.json"):
            path.write_text(path.read_text().replace(row.key, other))
        store.write_cell(record.model_copy(update={"key": other}))
        row.key = other
    store.write_suite(suite)
    result, said = repeat(store)
    assert result.findings == []
    assert "within tolerance (the code of the generator differs)" in said


def test_another_dataset_is_a_finding(store: Store) -> None:
    for record in list(store.cells()):
        record.cell.dataset_fingerprint = "f" * 64
        store.write_cell(record)
    [finding] = repeat(store)[0].findings
    assert finding.what == f"dataset fingerprint is {'f' * 64}"
    assert "on this machine" in finding.expected


def test_other_split_settings_are_a_finding(store: Store) -> None:
    suite = store.read_suite(SUITE)
    assert suite is not None
    suite.split["test_fraction"] = 0.4
    store.write_suite(suite)
    [finding] = repeat(store)[0].findings
    assert finding.what.startswith("split fingerprint is")
    assert "made again" in finding.expected


@pytest.mark.parametrize("has_split", [True, False])
def test_records_that_do_not_say_the_settings_of_splits_are_repeated(store: Store, has_split: bool) -> None:
    suite = store.read_suite(SUITE)
    assert suite is not None
    store.write_suite(suite.model_copy(update={"split": {}}))
    if not has_split:
        shutil.rmtree(store.root / "splits")
    result, said = repeat(store)
    assert (result.findings, result.repeated) == ([], 1)
    assert "equal to the last bit" in said


def test_cells_without_their_plugin_are_counted(store: Store) -> None:
    for record in list(store.cells()):
        record.cell.generator = "gone" if record.cell.generator == "shuffled" else "condition-mean"
        store.write_cell(record)
    _, said = repeat(store)
    assert "2 cells cannot be repeated here: no installed plugin has the generator 'gone'" in said
    for record in list(store.cells()):
        record.cell.config = {"file": "<path>/x.csv"}
        store.write_cell(record)
    with pytest.raises(ConfigError, match="no cell of the suite can be repeated here"):
        repeat(store)


def test_cells_whose_generator_needs_missing_packages_are_counted(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without the extra of a generator must not call its records wrong."""
    plugins = make_manager()
    find = type(plugins).find

    def without_extra(self: Plugins, kind: Kind, name: str) -> Any:
        entry = find(self, kind, name)
        missing = "needs nothing-real, which is not installed; run: pip install 'tabgenbench[none]'"
        return SimpleNamespace(lacks=missing) if name == "shuffled" else entry

    monkeypatch.setattr(type(plugins), "find", without_extra)
    result, said = repeat(store, number=4)
    assert (result.findings, result.repeated, result.possible) == ([], 2, 2)
    assert "2 cells cannot be repeated here: generator 'shuffled' needs nothing-real, which is not installed" in said


def test_a_dataset_from_a_file_must_be_named(store: Store) -> None:
    for record in list(store.cells()):
        record.cell.dataset = "mine"
        store.write_cell(record)
    with pytest.raises(ConfigError, match=r"dataset 'mine' is not registered; name its file or card with -d"):
        repeat(store)


def test_a_device_that_is_not_here_is_said(store: Store) -> None:
    for record in list(store.cells()):
        record.environment.device = "abacus"
        store.write_cell(record)
    with pytest.raises(ConfigError, match="none of the chosen cells can be repeated here"):
        repeat(store)
