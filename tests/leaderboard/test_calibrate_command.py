"""The command ``calibrate`` on a small table, and what becomes of its record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tabgenbench.commands.cli import main, make_cli
from tabgenbench.store.calibration import CalibrationRecord, read_calibration, write_calibration
from tabgenbench.store.store import Store
from tabgenbench_leaderboard.board.calibrate import judge_score
from tabgenbench_leaderboard.report import Leaderboard

DATASET = "simulated-tissues:n_rows=120,n_genes=12"
METRICS = ["-m", "columns", "-m", "gamma", "-m", "closest-record"]


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(make_cli(), [*map(str, arguments)])


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Result]:
    """A store with the calibration of a small table, and the result of the command."""
    folder = tmp_path_factory.mktemp("calibrated") / "store"
    fixed = ["--store", folder, "--splits", 2, "--executor", "inline", "--threads", 1]
    return Store(folder), invoke("calibrate", DATASET, *METRICS, *fixed)


@pytest.fixture(scope="module")
def record(calibrated: tuple[Store, Result]) -> CalibrationRecord:
    [path] = (calibrated[0].root / "calibrations").glob("*.json")
    found = read_calibration(calibrated[0], path.stem)
    assert found is not None
    return found


def test_it_prints_what_each_score_can_see(calibrated: tuple[Store, Result]) -> None:
    result = calibrated[1]
    assert result.exit_code == 0, result.output
    assert f"Calibration: {DATASET}" in result.stdout
    for word in ("ks-distance (headline)", "gamma (headline)", "share-closer-to-train", "mean-shifter", "floor"):
        assert word in result.stdout
    assert "category-collapser: the table has no categorical features" in result.stdout


def test_the_record_has_every_pair_of_a_score_and_a_failure(record: CalibrationRecord) -> None:
    names = [failure.name for failure in record.failures]
    assert names == sorted(
        [
            "category-collapser",
            "copier",
            "correlation-breaker",
            "label-swapper",
            "mean-shifter",
            "mode-dropper",
            "rounder",
        ]
    )
    assert all([test.name for test in score.tests] == names for score in record.scores)
    tested = {(s.score, t.name) for s in record.scores for t in s.tests if t.detected is not None}
    assert ("gamma", "mode-dropper") in tested
    assert ("gamma", "category-collapser") not in tested
    assert {name for score, name in tested if score == "share-closer-to-train"} == {"copier"}
    assert {s.score: s.reference for s in record.scores}["share-closer-to-train"] == "unseen-third"
    assert {s.score: s.reason for s in record.scores}["category-distance"].startswith("the table has no categorical")
    assert record.splits == 2
    assert record.privacy_split["thirds"]
    assert "thirds" not in record.split


def test_the_tests_follow_from_the_values(record: CalibrationRecord) -> None:
    assert [judge_score(score) for score in record.scores] == list(record.scores)
    [gamma] = [score for score in record.scores if score.score == "gamma"]
    [broken] = [test for test in gamma.tests if test.name == "correlation-breaker"]
    values = gamma.values
    differences = [values["real-resample"][i] - values["correlation-breaker"][i] for i in range(2)]
    assert broken.difference == pytest.approx(sum(differences) / 2)
    assert gamma.floor is not None
    assert gamma.floor.name == "shuffled"


def test_it_computes_nothing_twice(calibrated: tuple[Store, Result], record: CalibrationRecord) -> None:
    store = calibrated[0]
    before = {path: path.stat().st_mtime_ns for path in (store.root / "cells").glob("*/scores/*.json")}
    fixed = ["--store", store.root, "--splits", 2, "--executor", "inline", "--threads", 1]
    assert invoke("calibrate", DATASET, *METRICS, *fixed).exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in (store.root / "cells").glob("*/scores/*.json")} == before
    assert read_calibration(store, record.dataset_fingerprint) == record


def test_no_board_shows_a_planted_failure(calibrated: tuple[Store, Result]) -> None:
    store = calibrated[0]
    name = next(name for name in store.suites() if not name.endswith("-privacy"))
    board = Leaderboard().build(store.root, name).board
    labels = {row.label for dataset in board.datasets for row in dataset.rows}
    assert labels == {"real-resample", "condition-mean", "shuffled"}


@pytest.fixture(scope="module")
def published(calibrated: tuple[Store, Result], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published board of a suite that was run after the calibration, in the same store."""
    store, boards = calibrated[0], tmp_path_factory.mktemp("boards")
    arguments = ["run", "quickstart", "-d", DATASET, "-g", "condition-mvn", "-g", "real-resample", "-g", "shuffled"]
    fixed = ["--store", store.root, "--executor", "inline", "--threads", 1, "--splits", 2, "--draws", 1]
    assert invoke(*arguments, "-m", "gamma", *fixed).exit_code == 0
    done = invoke("publish", "tiny", "quickstart", "--store", store.root, "--to", boards)
    assert done.exit_code == 0, done.output
    return boards / "tiny"


def test_the_most_recent_suite_is_no_calibration(published: Path, calibrated: tuple[Store, Result]) -> None:
    store = calibrated[0]
    names = store.suites()
    for path in (store.root / "suites").glob("calibrate-*.json"):
        path.touch()
    assert store.suites()[0] != names[0]
    assert Leaderboard().build(store.root).board.suite == "quickstart"


def test_a_published_board_has_the_calibration_and_verifies(published: Path, record: CalibrationRecord) -> None:
    path = published / "records" / "calibrations" / f"{record.dataset_fingerprint}.json"
    assert CalibrationRecord.model_validate_json(path.read_bytes()) == record
    assert "What each score can see" in (published / "README.md").read_text()
    assert "`gamma` (headline)" in (published / "README.md").read_text()
    result = invoke("verify", published)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("change", ["result", "values"])
def test_a_forged_calibration_is_found(published: Path, record: CalibrationRecord, change: str) -> None:
    path = published / "records" / "calibrations" / f"{record.dataset_fingerprint}.json"
    before = path.read_bytes()
    content = json.loads(before)
    score = next(one for one in content["scores"] if one["score"] == "gamma")
    if change == "result":
        score["tests"][2]["detected"] = not score["tests"][2]["detected"]
    else:
        score["values"]["correlation-breaker"]["0"] = 0.99
    path.write_text(json.dumps(content))
    try:
        result = invoke("verify", published)
    finally:
        path.write_bytes(before)
    assert result.exit_code == 1
    assert f"{path.name}: the tests of gamma are others" in result.stdout


def test_merge_carries_the_calibration_and_reports_another_one(record: CalibrationRecord, tmp_path: Path) -> None:
    source, target = Store(tmp_path / "source"), Store(tmp_path / "target")
    source.prepare()
    write_calibration(source, record)
    for _ in range(2):
        assert invoke("merge", source.root, "--into", target.root).exit_code == 0
        assert read_calibration(target, record.dataset_fingerprint) == record
    write_calibration(source, record.model_copy(update={"splits": 4}))
    result = invoke("merge", source.root, "--into", target.root)
    assert result.exit_code == 1
    assert f"calibration of {DATASET}: {source.root} has other results than {target.root}" in result.stderr
    assert read_calibration(target, record.dataset_fingerprint) == record


def test_an_unknown_metric_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["calibrate", "wdbc", "-m", "gama", "--store", str(tmp_path / "store")])
    assert "unknown metric 'gama'; did you mean 'gamma'" in capsys.readouterr().err
    assert not (tmp_path / "store").exists()
