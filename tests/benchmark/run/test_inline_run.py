"""Runs with the inline engine, by the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tabgenbench.registry.manager import make_manager

Call = Callable[..., int]
BASE = ("run", "quickstart", "-d", "simulated-tissues:n_rows=120,n_genes=6", "--splits", "1", "--draws", "1")
pytestmark = pytest.mark.usefixtures("plugin_module")


def statuses() -> dict[str, str]:
    records = (json.loads(path.read_text()) for path in Path("store").glob("cells/*/fit.json"))
    return {one["cell"]["generator"]: one["status"] for one in records}


def test_cells_are_trained_and_scored_in_this_process(tabgenbench: Call, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("-g", "honest", "-g", "raises", "-g", "declines", "-m", "mean", "-m", "breaks")
    assert tabgenbench(*BASE, *options, "--executor", "inline") == 1
    assert statuses() == {"honest": "ok", "raises": "failed", "declines": "skipped"}
    scores = [json.loads(path.read_text()) for path in Path("store").glob("cells/*/scores/*.json")]
    assert {one["metric"]: one["status"] for one in scores if "metric" in one and "status" in one} == {
        "mean": "ok",
        "breaks": "failed",
    }
    assert "cannot learn this" in capsys.readouterr().err


@pytest.mark.slow
def test_the_result_is_that_of_the_local_engine(tabgenbench: Call) -> None:
    found = []
    for engine in ("inline", "local"):
        options = ("--executor", engine, "--workers", "1", "--threads", "1", "--store", engine)
        assert tabgenbench(*BASE, "-g", "honest", "-m", "gamma", *options) == 0
        records = Path(engine).glob("cells/*/scores/*.json")
        found.append([json.loads(path.read_text()).get("draws") for path in sorted(records)])
    assert found[0] == found[1]
    assert any(found[0])


def test_the_import_of_a_library_is_not_in_the_reported_time(tabgenbench: Call, plugin_module: Path) -> None:
    (plugin_module.parent / "takes_a_second.py").write_text("import time; time.sleep(1)\n")
    text = plugin_module.read_text().replace("self.train = train", "import takes_a_second; self.train = train")
    own = '"honest", Card("training rows at random"), False'
    assert own in text
    plugin_module.write_text(text.replace(own, f'{own}\n    libraries = ("takes_a_second",)'))
    assert tabgenbench(*BASE, "-g", "honest", "-m", "mean", "--executor", "inline") == 0
    [record] = [json.loads(path.read_text()) for path in Path("store").glob("cells/*/fit.json")]
    assert "takes_a_second" in sys.modules
    assert record["phases"]["fit"]["seconds"] < 1


def test_an_interrupt_ends_the_run_in_order(tabgenbench: Call, plugin_module: Path) -> None:
    text = plugin_module.read_text().replace('raise ValueError("cannot learn this")', "raise KeyboardInterrupt")
    plugin_module.write_text(text)
    assert tabgenbench(*BASE, "-g", "honest", "-g", "raises", "-m", "mean", "--executor", "inline") == 130
    assert statuses() == {"honest": "ok"}
    assert not list(Path("store").glob("claims/*.json"))
    assert not list(Path("store", "tmp").iterdir())


@pytest.mark.parametrize("limit", ["--timeout", "--memory", "--workers"])
def test_limits_are_refused_in_a_sentence(tabgenbench: Call, limit: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert tabgenbench(*BASE, "-g", "honest", "--executor", "inline", limit, "2") == 2
    assert f"without {limit}" in capsys.readouterr().err
    assert not Path("store").exists()


def test_an_unknown_engine_is_refused_with_a_close_name(tabgenbench: Call, capsys: pytest.CaptureFixture[str]) -> None:
    assert tabgenbench(*BASE, "--executor", "inlne") == 2
    assert "--executor: unknown engine 'inlne'; did you mean 'inline'?" in capsys.readouterr().err


def test_engines_are_listed_like_any_plugin(tabgenbench: Call, capsys: pytest.CaptureFixture[str]) -> None:
    assert tabgenbench("list", "engines", "--json") == 0
    rows = json.loads(capsys.readouterr().out)["engines"]
    assert {row["name"] for row in rows} >= {"inline", "local", "ray"}
    assert all(row["summary"] and row["plugin"] for row in rows)


def test_listed_summaries_are_those_of_the_classes() -> None:
    for entry in make_manager().entries("engines").values():
        assert entry.load_fitting("engines").summary == entry.summary


def test_a_generator_whose_package_is_missing_is_skipped_until_it_is_installed(
    tabgenbench: Call, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = (*BASE, "-g", "shuffled", "-g", "gaussian-copula", "-m", "moments", "--executor", "inline")
    missing = {"sdv": ("sdv",)}
    monkeypatch.setattr("tabgenbench.registry.lazy.missing_packages", lambda extra: missing.get(extra, ()))
    assert tabgenbench(*run) == 0
    reason = "needs sdv, which is not installed; run: pip install 'tabgenbench[sdv]'"
    assert f"refused: gaussian-copula · simulated-tissues:n_rows=120,n_genes=6 (1 cell): {reason}" in (
        capsys.readouterr().err
    )
    assert statuses() == {"shuffled": "ok", "gaussian-copula": "skipped"}
    assert tabgenbench("leaderboard", "--out", "board") == 0
    assert reason in Path("board", "README.md").read_text().replace("\\", "")
    missing.clear()
    monkeypatch.setattr("tabgenbench_plugins.generators.gaussian_copula.GaussianCopula.fit", _fail)
    assert tabgenbench(*run) == 1
    assert statuses() == {"shuffled": "ok", "gaussian-copula": "failed"}


def _fail(*_: object) -> None:
    raise ValueError("this package is not needed by the test")
