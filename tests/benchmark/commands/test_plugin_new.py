"""The distribution that `plugin new` writes works unchanged, and `plugin check` confirms it."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[..., int]
COMMAND = "from tabgenbench.commands.cli import main; main()"


def install(folder: Path) -> dict[str, str]:
    """Write an installer's metadata beside the module; return the environment of a process that finds the plugin."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = [f"{name} = {target}" for name, target in project["entry-points"]["tabgenbench"].items()]
    (info / "entry_points.txt").write_text("\n".join(["[tabgenbench]", *points]) + "\n")
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


@pytest.mark.slow
def test_what_is_written_is_a_working_plugin(tabgenbench: Call) -> None:
    assert tabgenbench("plugin", "new", "my-model", "--out", "made") == 0
    folder = Path("made/tabgenbench-my-model").resolve()
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["dependencies"] == ["tabgenbench"]
    environment = install(folder)

    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command], capture_output=True, text=True, timeout=240, cwd=folder, env=environment
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "2 passed" in run("-m", "pytest", "-q", "-p", "no:cacheprovider")
    checked = run("-c", COMMAND, "plugin", "check", "my-model:noise=0.3")
    assert checked.count(" ok") == 9
    assert "failed" not in checked
    ran = ("run", "quickstart", "-d", "wdbc", "-g", "my-model", "-m", "gamma", "--splits", "1", "--draws", "1")
    run("-c", COMMAND, *ran, "--store", "store")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["My_Model"], "got name 'My_Model', expected lower-case letters"),
        (["plugins"], "a module 'tabgenbench_plugins' is already installed"),
        (["taken"], "tabgenbench-taken already exists"),
        (["other", "--out", "/proc/none"], "cannot write /proc/none"),
    ],
)
def test_a_name_or_place_that_does_not_do(
    tabgenbench: Call, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    Path("tabgenbench-taken/tests").mkdir(parents=True)
    assert tabgenbench("plugin", "new", *arguments) == 2
    assert words in capsys.readouterr().err
    assert not list(Path("tabgenbench-taken/tests").iterdir())


@pytest.mark.usefixtures("plugin_module")
def test_check_names_each_clause_that_is_broken(tabgenbench: Call, capsys: pytest.CaptureFixture[str]) -> None:
    assert tabgenbench("plugin", "check", "honest") == 0
    capsys.readouterr()
    assert tabgenbench("plugin", "check", "raises") == 1
    printed = capsys.readouterr().out
    assert "ValueError: cannot learn this" in printed
    assert tabgenbench("plugin", "check", "undefined") == 1
    assert "is nan, expected a finite number" in " ".join(capsys.readouterr().out.split())
    assert tabgenbench("plugin", "check", "honset") == 2
    assert "unknown generator or metric 'honset'; did you mean 'honest'" in capsys.readouterr().err
