from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.helpers.cell_records import planned_cell

from tabgenbench.run import estimator
from tabgenbench.run.budget import Budget, balanced, count_fitting
from tabgenbench.store.store import Store

Call = Callable[..., int]
RUN = ("run", "quickstart", "-d", "wdbc", "-m", "mean", "--draws", "1", "--threads", "1", "--executor", "inline")


def test_cells_are_in_rounds_with_unknown_then_cheap_ones_first() -> None:
    seconds = {"slow": 100.0, "cheap": 1.0, "new": None}
    cells = [
        planned_cell(f"{dataset}{split}{seed}{label}", dataset=dataset, split=split, seed=seed, label=label)
        for dataset in ("wdbc", "adult")
        for split in (0, 1)
        for seed in (0, 1)
        for label in seconds
    ]
    found = [cell.key for cell in balanced(cells, lambda cell: seconds[cell.identity.label])]
    first = ["wdbc00new", "adult00new", "wdbc00cheap", "adult00cheap", "wdbc00slow", "adult00slow"]
    assert found[:6] == first
    rounds = [key.removeprefix("wdbc").removeprefix("adult")[:2] for key in found]
    assert rounds == ["00"] * 6 + ["10"] * 6 + ["01"] * 6 + ["11"] * 6  # split and seed


def test_a_cell_fits_if_its_time_is_left() -> None:
    budget = Budget(100.0, started=time.monotonic() - 40)
    assert [budget.fits(seconds) for seconds in (50.0, 70.0, None)] == [True, False, True]
    assert not Budget(100.0, started=time.monotonic() - 101).fits(None)


def test_the_number_of_cells_that_start_within_a_budget() -> None:
    assert count_fitting([10, 10, 10, 30, 1], budget=20, workers=1) == 2
    assert count_fitting([10, 10, 10, 30, 1], budget=20, workers=2) == 3
    assert count_fitting([], budget=20, workers=2) == 0


@pytest.fixture
def earlier(tabgenbench: Call, plugin_module: Path) -> Path:
    """A store in which a cell of `honest` took 1,000 s, and one of `shuffled` 1 s."""
    assert tabgenbench(*RUN, "-g", "honest", "-g", "shuffled", "--splits", "1", "--store", "earlier") == 0
    for path in [*Path("earlier/cells").glob("*/fit.json"), *Path("earlier/cells").glob("*/runs/*.json")]:
        record = json.loads(path.read_text())
        record["environment"].pop("started")
        if path.name == "fit.json":
            fit = 1000.0 if record["cell"]["label"] == "honest" else 1.0
            for name, seconds in (("prepare", 0.0), ("fit", fit), ("sample", 0.0)):
                record["phases"][name]["seconds"] = seconds
        path.write_text(json.dumps(record, indent=1))
    return Path("earlier")


def scores(store: str) -> dict[str, bytes]:
    return {str(path.relative_to(store)): path.read_bytes() for path in Path(store).glob("cells/*/scores/*")}


@pytest.mark.slow
def test_a_budget_leaves_balanced_cells_that_the_same_command_finishes(
    tabgenbench: Call, earlier: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = (*RUN, "-g", "honest", "-g", "shuffled", "--splits", "2", "--estimate-from", str(earlier))
    capsys.readouterr()
    assert tabgenbench(*command, "--budget", "0.5", "--dry-run") == 0
    assert "budget: 3 of 4 cells start within 30 min" in capsys.readouterr().out
    assert tabgenbench(*command, "--budget", "0.1") == 1
    err = capsys.readouterr().err
    assert "estimate: about 33 min and " in err
    assert "(2 of 2 generators have earlier records)" in err
    assert (
        "not started: 3 cells beyond the budget of 6 min (--budget), next honest · wdbc · split 0 · seed 0, "
        "which takes about 17 min; raise --budget"
    ) in err
    assert "1 of 4 cells ok, 3 not started; store: store" in err
    assert "not ok" not in err
    done = [(record.cell.label, record.cell.split) for record in Store(Path("store")).cells()]
    assert done == [("shuffled", 0)]  # not the cheap cell of split 1, which `honest` lacks

    assert tabgenbench(*command, "--budget", "0.5") == 0  # `honest` turns out to be quick
    assert "4 of 4 cells ok" in capsys.readouterr().err
    assert tabgenbench(*RUN, "-g", "honest", "-g", "shuffled", "--splits", "2", "--store", "plain") == 0
    assert scores("store") == scores("plain") != {}


def test_a_budget_that_is_used_up_starts_nothing(tabgenbench: Call, plugin_module: Path) -> None:
    assert tabgenbench(*RUN, "-g", "honest", "--splits", "2", "--budget", "1e-9") == 1
    assert list(Store(Path("store")).cells()) == []
    assert tabgenbench(*RUN, "-g", "honest", "--splits", "2", "--budget", "1") == 0


def test_a_dry_run_estimates_by_generator(tabgenbench: Call, earlier: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = (*RUN, "-g", "honest", "-g", "own-scale", "--splits", "2", "--dry-run")
    capsys.readouterr()
    assert tabgenbench(*command, "--estimate-from", str(earlier)) == 0
    out = capsys.readouterr().out
    table = [
        re.split(r" {2,}", line.strip()) for line in out.splitlines() if line.startswith(("honest ", "own-scale "))
    ]
    rows = {name: parts for name, *parts in table if len(parts) == 5}
    assert rows["honest"][:3] == ["2", "about 17 min", "about 33 min"]
    assert rows["honest"][4] == "1 earlier cell"
    assert rows["own-scale"][:3] == ["2", "unknown", "unknown"]
    assert rows["own-scale"][4] == "no earlier record"
    assert "estimate: at least 33 min and " in out
    assert "unknown: own-scale), 1 cell at a time" in out
    assert not Path("store").exists()
    assert tabgenbench(*command, "--estimate-from", "nowhere") == 2
    assert "--estimate-from: nowhere is not a store; name that of an earlier run" in capsys.readouterr().err


def test_a_run_times_the_first_epochs_of_a_new_generator(
    tabgenbench: Call, plugin_module: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(estimator, "TIMED_SECONDS", 0.0)
    assert tabgenbench(*RUN, "-g", "honest", "--splits", "2") == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("estimate: ")]
    assert lines[0].startswith("estimate: unknown time and ")
    assert lines[0].endswith("of disk (no earlier record of honest)")
    assert lines[1].startswith("estimate: about 1 s for honest (2 cells), from its first epochs; the whole run: ")
    assert len(lines) == 2
