from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tabgenbench.registry.data_dir import resolve_data_dir

Call = Callable[..., int]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of the test's own."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.mark.parametrize("place", ["variable", "option"])
def test_a_data_folder_below_the_home_folder(
    tabgenbench: Call, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    (home / "data" / "rnaseqdb").mkdir(parents=True)
    (home / "data" / "rnaseqdb" / "lung-rsem-fpkm-gtex.txt.gz").write_bytes(b"not the file")
    if place == "variable":
        monkeypatch.setenv("TABGENBENCH_DATA", "~/data")
    option = ["--data-dir", "~/data"] if place == "option" else []
    assert tabgenbench("dataset", "verify", "rnaseqdb", *option) == 1
    assert "lung-rsem-fpkm-gtex.txt.gz" in capsys.readouterr().out
    assert not Path("~").exists()


def test_a_data_folder_is_what_is_given_else_what_the_variable_says(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TABGENBENCH_DATA", "~/data")
    assert resolve_data_dir(None) == home / "data"
    assert resolve_data_dir("~/other") == home / "other"
    monkeypatch.setenv("TABGENBENCH_DATA", "")
    assert resolve_data_dir(None) is None


def test_tables_and_stores_below_the_home_folder(
    tabgenbench: Call, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "kind,x,y\n" + "".join(f"{'ab'[i % 2]},{i % 7},{i % 5}\n" for i in range(40))
    (home / "table.csv").write_text(text)
    assert tabgenbench("dataset", "describe", "~/table.csv", "--json") == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 40
    arguments = ["quickstart", "-d", "~/table.csv", "-g", "shuffled", "-m", "moments", "--store", "~/kept", "--dry-run"]
    assert tabgenbench("run", *arguments) == 0
    files = [word for side in ("train", "test", "synthetic") for word in (f"--{side}", "~/table.csv")]
    assert tabgenbench("score", *files, "--conditions", "kind", "-m", "moments") == 0
    assert not Path("~").exists()
