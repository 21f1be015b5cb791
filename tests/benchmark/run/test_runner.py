from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tabgenbench.records import CellRecord, ScoreRecord
from tabgenbench.run.runner import run_command
from tabgenbench.store.store import Store

Call = Callable[..., int]
pytestmark = pytest.mark.usefixtures("plugin_module")
BASE = ("run", "quickstart", "-d", "wdbc", "--splits", "1", "--draws", "2", "--threads", "1")
INLINE = (*BASE, "--executor", "inline")  # where a separate process does not matter


def records(store: str = "store") -> dict[str, CellRecord]:
    return {record.cell.label: record for record in Store(Path(store)).cells()}


def score_bytes(store: str = "store") -> dict[str, bytes]:
    return {str(path.relative_to(store)): path.read_bytes() for path in Path(store).glob("cells/*/scores/*")}


def score(store: str, generator: str, metric: str) -> ScoreRecord:
    opened = Store(Path(store))
    suite = opened.read_suite("quickstart")
    assert suite is not None
    row = next(row for row in suite.rows if row.label == generator)
    record = opened.read_score(row.key, row.scores[metric])
    assert record is not None
    return record


def test_statuses_and_honest_scores(tabgenbench: Call, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = ["declines", "raises", "exits", "short", "not-finite", "other-conditions", "own-scale", "looks"]
    chosen = [word for name in ["honest", *hostile] for word in ("-g", name)]
    metrics = [word for name in ["mean", "breaks", "kills", "undefined", "needs"] for word in ("-m", name)]
    assert tabgenbench(*BASE, *chosen, *metrics) == 1
    found = records()
    expected = {
        "honest": ("ok", ""),
        "own-scale": ("ok", ""),
        "looks": ("ok", ""),
        "declines": ("skipped", "needs the moon"),
        "raises": ("failed", "ValueError: cannot learn this"),
        "exits": ("crashed", "exit status 0"),
        "short": ("failed", "sample() returned 141 rows for 142 conditions"),
        "not-finite": ("failed", "returned nan in row 2, feature 'mean texture'"),
        "other-conditions": ("failed", "in row 4, expected 'malignant'"),
    }
    for name, (status, reason) in expected.items():
        assert found[name].status == status, found[name]
        assert reason in found[name].reason
    assert "last words" in found["exits"].output
    assert found["honest"].losses == {"epoch": [1.0, 2.0, 3.0], "loss": [1.0, 0.5, 1 / 3]}
    assert found["looks"].notes == [f"rows in reach: {found['looks'].cell.n_train}"]
    assert [(one.condition, one.rows) for one in found["own-scale"].fallbacks] == [("M", 1 + 2)]  # of both draws
    err = capsys.readouterr().err
    assert "refused: declines · wdbc (1 cell): needs the moon" in err
    assert "9 cells, 0 done before, 8 to do, 1 refused" in err
    assert "not ok: raises · wdbc · split 0 · seed 0: failed: ValueError" in err
    assert "0 of 9 cells ok, 1 skipped, 8 not ok; store: store" in err

    assert score("store", "honest", "mean").status == "ok"
    assert len(score("store", "honest", "mean").draws) == 2
    assert score("store", "honest", "breaks").reason == "draw 0: RuntimeError: cannot compute"
    assert score("store", "honest", "kills").status == "crashed"
    assert "expected a finite number" in score("store", "honest", "undefined").reason
    assert score("store", "honest", "needs").status == "skipped"

    # The scores of the honest generators are the same without the hostile ones.
    assert tabgenbench(*BASE, "-g", "honest", "-m", "mean", "--store", "alone") == 0
    assert score("alone", "honest", "mean") == score("store", "honest", "mean")


def test_time_limit(tabgenbench: Call) -> None:
    assert tabgenbench(*BASE, "-g", "sleeps", "-m", "mean", "--timeout", "1") == 1
    assert records()["sleeps"].status == "timeout"


def test_again_does_no_work_and_removed_scores_are_computed_alone(
    tabgenbench: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (*INLINE, "-g", "honest", "-g", "shuffled", "-m", "mean", "-m", "gamma")
    assert tabgenbench(*arguments) == 0
    before, fits = score_bytes(), {p: p.stat().st_mtime_ns for p in Path("store").glob("cells/*/fit.json")}
    times = {path: path.stat().st_mtime_ns for path in Path("store").glob("cells/*/scores/*")}
    capsys.readouterr()
    assert tabgenbench(*arguments) == 0
    assert "2 cells, 2 done before, 0 to do" in capsys.readouterr().err

    gone = [path for path in times if json.loads(path.read_text())["metric"] == "mean"]
    for path in gone:
        path.unlink()
    assert tabgenbench(*arguments) == 0
    assert score_bytes() == before
    assert {p: p.stat().st_mtime_ns for p in fits} == fits
    kept = [path for path in times if path not in gone]
    assert all(path.stat().st_mtime_ns == times[path] for path in kept)


def test_scores_repeat_and_do_not_depend_on_order(tabgenbench: Call) -> None:
    assert tabgenbench(*INLINE, "-g", "honest", "-g", "condition-mvn", "-m", "mean", "-m", "gamma", "--store", "a") == 0
    assert tabgenbench(*INLINE, "-g", "condition-mvn", "-g", "honest", "-m", "gamma", "-m", "mean", "--store", "b") == 0
    assert score_bytes("a") == score_bytes("b") != {}


def test_another_seed_gives_other_scores(tabgenbench: Call) -> None:
    for seed in ("0", "1"):
        assert tabgenbench(*INLINE, "-g", "honest", "-m", "mean", "--first-seed", seed, "--store", seed) == 0
    assert score("0", "honest", "mean").draws != score("1", "honest", "mean").draws
    draws = score("0", "honest", "mean").draws
    assert draws[0].scores != draws[1].scores


def test_plugin_code_is_part_of_the_key(tabgenbench: Call, plugin_module: Path) -> None:
    from tabgenbench.registry.keys import code_hash

    assert tabgenbench(*BASE, "-g", "honest", "-m", "mean") == 0
    plugin_module.write_text(plugin_module.read_text() + "\n# a comment\n")
    code_hash.cache_clear()
    assert tabgenbench(*BASE, "-g", "honest", "-m", "mean") == 0
    assert len(list(Store(Path("store")).cells())) == 1
    plugin_module.write_text(plugin_module.read_text() + "\nCHANGED = 1\n")
    code_hash.cache_clear()
    assert tabgenbench(*BASE, "-g", "honest", "-m", "mean") == 0
    assert len(list(Store(Path("store")).cells())) == 2


def test_timing_is_on_record_and_trains_again_what_was_trained_otherwise(
    tabgenbench: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (*BASE, "-g", "honest", "-m", "mean")
    assert tabgenbench(*arguments) == 0
    assert not records()["honest"].environment.timing
    before = score_bytes()
    assert tabgenbench(*arguments, "--timing") == 0
    assert "1 to do" in capsys.readouterr().err
    assert records()["honest"].environment.timing
    assert records()["honest"].environment.workers == 1
    assert score_bytes() == before
    assert tabgenbench(*arguments, "--timing") == 0
    assert "0 to do" in capsys.readouterr().err
    assert tabgenbench(*arguments, "--timing", "--workers", "2") == 2
    assert "one cell at a time" in capsys.readouterr().err


def test_a_record_says_where_and_when(tabgenbench: Call) -> None:
    assert tabgenbench(*BASE, "-g", "honest", "-m", "mean") == 0
    found = records()["honest"]
    assert list(found.phases) == ["prepare", "fit", "sample"]
    environment = found.environment
    assert environment.host
    assert environment.cpu
    assert "resolution" in environment.clock
    assert environment.started <= environment.finished
    assert environment.packages["torch"]
    assert len(found.draw_bytes) == 2


@pytest.mark.parametrize(
    ("program", "words"),
    [("/env/bin/tabgenbench", "tabgenbench"), ("/env/tabgenbench/__main__.py", "python -m tabgenbench")],
)
def test_the_recorded_command_can_be_typed(program: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", [program, "run", "quick start"])
    assert run_command() == f"{words} run 'quick start'"


@pytest.mark.slow
def test_what_needs_more_memory_than_the_limit_is_not_begun(
    tabgenbench: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (*BASE, "-g", "cvae:epochs=1,hidden=[8],latent=2", "-m", "mean")
    assert tabgenbench(*arguments, "--memory", "0.0001") == 0
    err = capsys.readouterr().err
    assert "refused: cvae" in err
    assert "limit 105 KiB (--memory)" in err
    assert "0 of 1 cells ok, 1 skipped" in err
    assert tabgenbench(*arguments, "--dry-run", "--memory", "0.0001") == 0
    assert "refused" in capsys.readouterr().out
    assert tabgenbench(*arguments) == 0  # not refused again: with more memory it is trained
    assert "1 of 1 cells ok" in capsys.readouterr().err


def test_retry_failed(tabgenbench: Call, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = (*INLINE, "-g", "raises", "-m", "mean")
    assert tabgenbench(*arguments) == 1
    assert tabgenbench(*arguments) == 1
    assert "1 cells, 0 done before, 1 failed before, 0 to do" in capsys.readouterr().err
    assert tabgenbench(*arguments, "--retry-failed") == 1
    assert "1 to do" in capsys.readouterr().err


def test_removed_tables_are_sampled_again_for_a_new_metric(tabgenbench: Call) -> None:
    assert tabgenbench(*INLINE, "-g", "honest", "-m", "mean") == 0
    before = score_bytes()
    for folder in Path("store").glob("cells/*/synthetic"):
        shutil.rmtree(folder)
    assert tabgenbench(*INLINE, "-g", "honest", "-m", "mean", "-m", "gamma") == 0
    assert before.items() <= score_bytes().items()


def make_fail_on_demand(plugin_module: Path) -> Path:
    """Make the generators fail as long as the returned file exists."""
    fails = plugin_module.with_name("fails")
    line = f"if os.path.exists({str(fails)!r}): raise ValueError('no luck')"
    text = plugin_module.read_text()
    plugin_module.write_text(text.replace("self.train = train", f"self.train = train\n        {line}", 1))
    return fails


def test_a_retraining_that_fails_leaves_what_is_ok(
    tabgenbench: Call, plugin_module: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fails = make_fail_on_demand(plugin_module)
    arguments = (*INLINE, "-g", "honest", "-m", "mean")
    assert tabgenbench(*arguments) == 0
    before = {path: path.read_bytes() for path in Path("store").glob("cells/**/*.*")}
    capsys.readouterr()
    fails.touch()
    assert tabgenbench(*arguments, "--timing") == 1
    err = capsys.readouterr().err
    for beginning in ("[1/1] honest · wdbc · split 0 · seed 0: ", "not ok: honest · wdbc · split 0 · seed 0: "):
        assert f"{beginning}failed: ValueError: no luck (retrained; the earlier successful result is kept)" in err
    assert "0 of 1 cells ok, 1 not ok" in err
    assert {path: path.read_bytes() for path in Path("store").glob("cells/**/*.*")} == before
    assert tabgenbench(*arguments) == 0
    assert "1 cells, 1 done before, 0 to do" in capsys.readouterr().err

    for folder in Path("store").glob("cells/*/synthetic"):
        shutil.rmtree(folder)
    assert tabgenbench(*arguments, "-m", "gamma") == 1  # tables that were removed are sampled again, after training
    assert records()["honest"].status == "ok"
    assert score("store", "honest", "mean").status == "ok"
    fails.unlink()
    assert tabgenbench(*arguments, "-m", "gamma") == 0


def test_a_table_that_was_cut_off_is_named_and_quarantined(
    tabgenbench: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tabgenbench(*INLINE, "-g", "honest", "-m", "mean") == 0
    before = score_bytes()
    (path,) = Path("store").glob("cells/*/synthetic/draw-0.h5ad")
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    capsys.readouterr()
    assert tabgenbench(*INLINE, "-g", "honest", "-m", "mean", "-m", "gamma") == 0
    moved = Path("store/quarantine") / path.relative_to("store")
    assert f"quarantined: {path}: a synthetic table that was cut off" in capsys.readouterr().err
    assert moved.read_bytes() == whole[:-100]
    assert path.read_bytes() == whole
    assert before.items() <= score_bytes().items()


def test_scores_of_other_tables_are_computed_anew(tabgenbench: Call) -> None:
    assert tabgenbench(*INLINE, "-g", "honest", "-m", "mean", "-m", "gamma") == 0
    before = score_bytes()
    (fit,) = Path("store").glob("cells/*/fit.json")
    kept = json.loads(fit.read_text())
    kept["draw_hashes"][1] = "of another machine"
    fit.write_text(json.dumps(kept))
    shutil.rmtree(fit.parent / "synthetic")
    for path in map(Path("store").joinpath, before):
        path.write_text(path.read_text().replace('"ok"', '"skipped"'))
    key = next(path for path in before if json.loads(before[path])["metric"] == "gamma")
    Path("store", key).unlink()
    assert tabgenbench(*INLINE, "-g", "honest", "-m", "mean", "-m", "gamma") == 0
    assert score_bytes() == before


def test_a_file_system_that_is_full_is_one_sentence(
    tabgenbench: Call, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Store, "write_score", fail)
    assert tabgenbench(*INLINE, "-g", "honest", "-m", "mean") == 2
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert "tabgenbench: --store: store cannot be read or written (No space left on device)" in err
    assert not list(Path("store").glob("claims/*.json"))
    monkeypatch.setattr("tabgenbench.run.prepare.Prepared.commit", fail)
    assert tabgenbench(*INLINE, "-g", "honest", "-m", "mean") == 2
    assert "a file: cannot be read or written (No space left on device)" in capsys.readouterr().err


def test_dry_run_writes_nothing(tabgenbench: Call, capsys: pytest.CaptureFixture[str]) -> None:
    assert tabgenbench(*INLINE, "-g", "honest", "-m", "mean", "--dry-run") == 0
    assert "1 cells, 1 to do, 2 draws each" in capsys.readouterr().out
    assert not Path("store").exists()


def test_an_observer_that_raises_does_not_end_the_run(tabgenbench: Call, plugin_module: Path) -> None:
    hook = "\n    @hookimpl\n    def cell_finished(self, record):\n        raise RuntimeError('no')\n"
    plugin_module.write_text(plugin_module.read_text().replace("class Plugin:", "class Plugin:" + hook))
    assert tabgenbench(*INLINE, "-g", "honest", "-m", "mean") == 0


def test_a_label_trains_nothing_again_and_belongs_to_its_suite(
    tabgenbench: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = 'datasets = ["wdbc"]\ngenerators = [{}]\nmetrics = ["mean"]\nsplits = 1\ndraws = 1\n'
    for name, generator in (
        ("plain", '"honest"'),
        ("labelled", '{ name = "honest", label = "Honest, as ever" }'),
        ("other", '{ name = "honest", label = "H" }'),
    ):
        Path(f"{name}.toml").write_text(suite.format(generator))
    assert tabgenbench("run", "plain.toml") == 0
    [before] = [path.read_bytes() for path in Path("store/cells").glob("*/fit.json")]
    for name in ("labelled", "other"):
        capsys.readouterr()
        assert tabgenbench("run", f"{name}.toml") == 0
        assert "1 done before, 0 to do" in capsys.readouterr().err
    assert [path.read_bytes() for path in Path("store/cells").glob("*/fit.json")] == [before]
    store = Store(Path("store"))
    found = {name: store.read_suite(name) for name in ("plain", "labelled", "other")}
    rows = {name: suite.rows[0] for name, suite in found.items() if suite is not None}
    assert {name: row.shown for name, row in rows.items()} == {
        "plain": "honest",
        "labelled": "Honest, as ever",
        "other": "H",
    }
    assert len({row.key for row in rows.values()}) == len({row.label for row in rows.values()}) == 1
