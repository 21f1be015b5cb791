"""The state of a score's calibration on a board, and its consequences."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tabgenbench.store.calibration import (
    CalibratedScore,
    CalibrationRecord,
    FailureTest,
    PlantedFailure,
    write_calibration,
)
from tabgenbench_leaderboard.board.aggregate import build_board
from tabgenbench_leaderboard.board.calibrated import calibrated_columns
from tabgenbench_leaderboard.board.headline import headline_columns
from tabgenbench_leaderboard.board.model import Board
from tabgenbench_leaderboard.files import render_board
from tabgenbench_leaderboard.pages.headline import headline_text
from tabgenbench_leaderboard.pages.to_terminal import render_text

FakeRun = Any
REAL, KEY = "real-resample", "k" * 16


def record(*, distance: bool = True, key: str = KEY, fingerprint: str = "d" * 8) -> CalibrationRecord:
    """Return a calibration in which ``overlap`` detects its failure, and ``distance`` does so or not."""

    def score(name: str, detected: bool) -> CalibratedScore:
        return CalibratedScore(
            metric=name,
            key=key,
            score=name,
            question="fidelity",
            direction="lower",
            headline=True,
            detects=("shifter",),
            reference=REAL,
            tests=(FailureTest(name="shifter", detected=detected), FailureTest(name="swapper", reason="no labels")),
            floor=FailureTest(name="shuffled", detected=True),
        )

    return CalibrationRecord(
        dataset="cells",
        dataset_fingerprint=fingerprint,
        splits=10,
        failures=(PlantedFailure(name="shifter"), PlantedFailure(name="swapper")),
        scores=(score("distance", distance), score("overlap", True)),
    )


def board_of(run: FakeRun, calibration: CalibrationRecord | None = None) -> Board:
    """Build a board of two scores; every cell has the same metric keys."""
    for split in range(3):
        for label, value in {"cvae": 0.4, "shuffled": 1.0, REAL: 0.1}.items():
            wobble = 0.01 * split * value
            run.cell(label, {}, split=split)
            row = run.suite.rows[-1]
            row.scores.update({"distance": KEY, "overlap": KEY[:-1] + "o"})
            run.score(row, "distance", {"distance": value + wobble})
            run.score(row, "overlap", {"overlap": 1 - value + wobble})
    if calibration is not None:
        scores = tuple(
            one.model_copy(update={"key": one.key[:-1] + "o"}) if one.score == "overlap" else one
            for one in calibration.scores
        )
        write_calibration(run.store, calibration.model_copy(update={"scores": scores}))
    return build_board(run.store, run.suite)


def states(board: Board) -> dict[str, str]:
    return {column.title: column.calibration for column in board.datasets[0].columns}


def test_without_a_calibration_every_score_is_not_calibrated_and_counts(run: FakeRun) -> None:
    board = board_of(run)
    assert set(states(board).values()) == {"not calibrated"}
    assert board.datasets[0].questions[0].titles == ("distance", "overlap")
    assert "The command `tabgenbench calibrate cells` tests" in render_board(board, ["md"])["README.md"].decode()
    assert "Not calibrated here." in headline_text(board, [])


def test_a_score_that_misses_a_failure_is_left_out_of_headline_and_questions(run: FakeRun) -> None:
    board = board_of(run, record(distance=False))
    dataset = board.datasets[0]
    assert states(board) == {"distance": "uncalibrated", "overlap": "calibrated"}
    assert dataset.columns[0].missed == ("shifter",)
    assert dataset.questions[0].titles == ("overlap",)
    assert [dataset.columns[i].title for i in headline_columns(dataset)] == ["overlap"]
    assert dataset.rows[0].scores[0].mean is not None  # the raw value stays
    page = render_board(board, ["md"])["README.md"].decode()
    assert "left out of headline and questions: `distance` misses `shifter`." in page
    assert re.search(r"\| `distance` \(headline\) +\| \*\*MISSED\*\* +\| yes +\|", page)
    assert "- `swapper`: no labels" in page
    assert "lower is better, uncalibrated |" in page
    assert "Uncalibrated here, so left out: distance on cells." in " ".join(headline_text(board, []).split())
    assert "*MISSED" in render_text(board)


@pytest.mark.parametrize(("splits", "is_weak"), [(3, True), (10, False)])
def test_a_miss_in_few_splits_is_called_weak_evidence(run: FakeRun, splits: int, is_weak: bool) -> None:
    board = board_of(run, record(distance=False).model_copy(update={"splits": splits}))
    page = render_board(board, ["md"])["README.md"].decode()
    sentence = "A miss is weak evidence here, because 3 splits find only large differences: repeat"
    assert (f"{sentence} `tabgenbench calibrate cells --splits 10`." in page) == is_weak


def test_a_score_that_detects_its_failures_counts(run: FakeRun) -> None:
    board = board_of(run, record())
    assert set(states(board).values()) == {"calibrated"}
    assert board.datasets[0].questions[0].titles == ("distance", "overlap")
    assert "alibrated here" not in headline_text(board, [])
    assert Board.model_validate_json(board.model_dump_json()) == board


@pytest.mark.parametrize("change", [{"key": "x" * 16}, {"fingerprint": "e" * 8}])
def test_a_calibration_of_another_metric_or_table_does_not_count(run: FakeRun, change: dict[str, str]) -> None:
    board = board_of(run, record(distance=False, **change))
    assert set(states(board).values()) == {"not calibrated"}
    assert board.datasets[0].questions[0].titles == ("distance", "overlap")


def test_a_score_counts_as_calibrated_only_if_each_of_its_keys_has_values(run: FakeRun) -> None:
    columns, found = board_of(run).datasets[0].columns[:1], record()
    state = [one.calibration for one in calibrated_columns(columns, {"distance": [KEY]}, found)]
    assert state == ["calibrated"]
    two_keys = calibrated_columns(columns, {"distance": [KEY, "x" * 16]}, found)
    assert [one.calibration for one in two_keys] == ["not calibrated"]
    empty = found.model_copy(update={"scores": (found.scores[0].model_copy(update={"reason": "no real rows"}),)})
    without = calibrated_columns(columns, {"distance": [KEY]}, empty)
    assert [one.calibration for one in without] == ["not calibrated"]


def test_a_record_of_another_dataset_in_the_file_is_not_read(run: FakeRun) -> None:
    path = write_calibration(run.store, record(fingerprint="e" * 8))
    path.rename(path.with_name("d" * 8 + ".json"))
    assert set(states(board_of(run)).values()) == {"not calibrated"}
    assert "another dataset" in str(run.store.quarantined[0])
