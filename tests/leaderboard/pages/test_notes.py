from __future__ import annotations

from typing import Any

from tabgenbench.records import Fallback
from tabgenbench_leaderboard.board.aggregate import build_board
from tabgenbench_leaderboard.pages.notes import MAX_NOTES, fallback_sentence, note_sentences
from tabgenbench_leaderboard.pages.to_terminal import render_text

FakeRun = Any
SMALL = "excluded from tissue, fewer than 10 real test rows: bladder, cervix"


def sentences(run: FakeRun) -> list[str]:
    return note_sentences(build_board(run.store, run.suite).datasets[0])


def test_notes_that_differ_in_numbers_alone_stand_once(run: FakeRun) -> None:
    for split in range(3):
        text = f"{1000 + split} of 261,630 sampled values were negative and counted as 0"
        run.cell("ctgan", {"gamma": {"gamma": 0.1}}, split=split, notes=[text, SMALL])
    assert sentences(run) == [
        "1000 of 261,630 sampled values were negative and counted as 0 (`ctgan`; 2 more with other numbers)",
        f"{SMALL} (`ctgan`)",
    ]


def test_notes_of_several_rows_that_differ_in_numbers_alone_stand_once(run: FakeRun) -> None:
    for number, generator in enumerate(("ctgan", "cvae", "tvae")):
        text = f"standard errors over folds: {number + 1}.5" if number < 2 else SMALL
        run.cell(generator, {"gamma": {"gamma": 0.1}}, notes=[text])
    assert sentences(run) == [
        f"{SMALL} (`tvae`)",
        "standard errors over folds: 1.5 (`ctgan`, `cvae`; 1 more with other numbers)",
    ]


def test_settings_that_were_chosen_all_stand(run: FakeRun) -> None:
    for split, depth in enumerate((2, 2, 3)):
        chosen = f"chosen by best validation loss, {60.5 + split}: learning_rate=0.001, depth={depth}"
        run.cell("cvae-selected", {"gamma": {"gamma": 0.9}}, split=split, notes=[chosen])
    assert [sentence.partition(" (")[0] for sentence in sentences(run)] == [
        "chosen by best validation loss, 60.5: learning_rate=0.001, depth=2",
        "chosen by best validation loss, 62.5: learning_rate=0.001, depth=3",
    ]
    assert "depth=3 (cvae-selected)" in render_text(build_board(run.store, run.suite))


def test_a_list_has_an_end(run: FakeRun) -> None:
    notes = [f"note {chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(MAX_NOTES + 3)]
    run.cell("ctgan", {"gamma": {"gamma": 0.1}}, notes=notes)
    assert len(sentences(run)) == MAX_NOTES + 1
    assert sentences(run)[-1] == "and 3 more notes in board.json"


def test_whether_rows_came_from_a_rule_is_said(run: FakeRun) -> None:
    run.cell("ctgan", {"gamma": {"gamma": 0.1}})
    assert fallback_sentence(build_board(run.store, run.suite).datasets[0]).startswith("No generator sampled rows")
    fallback = Fallback(condition="colon, normal", rows=4, rule="pooled covariance")
    run.cell("condition-mvn", {"gamma": {"gamma": 0.1}}, fallbacks=[fallback])
    board = build_board(run.store, run.suite)
    assert "summed over draws and cells" in fallback_sentence(board.datasets[0])
    assert "condition-mvn, colon, normal: 4 rows (pooled covariance)" in render_text(board)


def test_trials_stand_in_the_order_of_their_numbers(run: FakeRun) -> None:
    notes = [f"trial {i} of 12: depth={i}" for i in (10, 2, 1)]
    run.cell("cvae-selected", {"gamma": {"gamma": 0.9}}, notes=notes)
    assert [sentence.split(":")[0] for sentence in sentences(run)] == [f"trial {i} of 12" for i in (1, 2, 10)]
