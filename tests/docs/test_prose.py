"""The prose check finds exactly the banned phrases."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[1] / "prose.py"


@pytest.fixture(scope="module")
def prose() -> ModuleType:
    spec = importlib.util.spec_from_file_location("prose_check", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("x = 1\n# Imports are in no cost.\n", 2, "in no cost"),  # prose: a sample
        ('raise ValueError("Told from records")\n', 1, "Told from"),  # prose: a sample
        ("cells that are under\nway for a run\n", 1, "under way"),  # prose: a sample
        ("# cells that are under\n# way\n", 1, "under # way"),  # prose: a sample
        ('"rows to choose "\n    "by"\n', 1, 'to choose " "by'),  # prose: a sample
    ],
)
def test_a_banned_phrase_is_found(prose: ModuleType, text: str, line: int, words: str) -> None:
    assert [(number, found) for number, found, _ in prose.faults(text)] == [(line, words)]


@pytest.mark.parametrize(
    "text",
    [
        "set_aside = amend(recommended)\n",
        "A training row of the same condition.\n",
        "words = 'under way'  # prose: the words themselves are meant\n",
        "It is under way. <!-- prose: quoted -->\n",
    ],
)
def test_code_and_excused_lines_pass(prose: ModuleType, text: str) -> None:
    assert list(prose.faults(text)) == []


def test_the_script_exits_1_and_names_the_place(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    page = tmp_path / "page.md"
    page.write_text("# Title\n\nWhat a run costs you.\n", encoding="utf-8")  # prose: a sample
    subprocess.run(["git", "add", "page.md"], cwd=tmp_path, check=True)
    done = subprocess.run([sys.executable, str(SCRIPT)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout.startswith("page.md:3: 'costs you'")  # prose: a sample
    page.write_text("# Title\n\nThe reader.\n", encoding="utf-8")
    done = subprocess.run([sys.executable, str(SCRIPT)], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
