from __future__ import annotations

import re
from itertools import product
from typing import Any

import pytest

from tabgenbench_leaderboard.board.aggregate import build_board
from tabgenbench_leaderboard.board.model import Board
from tabgenbench_leaderboard.pages.headline import COLUMNS, LINES, headline_text

FakeRun = Any
MODELS = ("CVAE, 100 epochs", "WGAN-GP, 60 epochs", "CTGAN, 60 epochs", "TVAE, 60 epochs", "gaussian-copula")
CONTROLS = ("condition-mvn", "real-resample", "shuffled", "condition-mean", "truth")
WHERE = ("The full board is in board:", "  index.html")


def fill(run: FakeRun, *, models: int, controls: int, datasets: int, label: str = "{}") -> str:
    """Write a board with this many rows per dataset and return its headline."""
    for k in range(datasets):
        for i in range(models + controls):
            name = f"cvae:epochs={i}" if i < models else f"{CONTROLS[i % 5]}:seed={i}"
            title = label.format(MODELS[i % 5]) + (f" {i}" if i >= 5 else "") if i < models else ""
            for split in range(3):
                value = 0.9 - 0.02 * (i % 7) + 0.003 * ((split * (i + 2)) % 5)
                scores = {
                    "gamma-within": {"gamma-within": value},
                    "pca-separability": {"pca-overall": value / 3, "pca-mixing": value / 4},
                    "umap-separability": {"umap-overall": value / 2},
                }
                run.cell(name, scores, dataset=f"a-table-{k}:rows=800", split=split, title=title)
    return headline_text(build_board(run.store, run.suite), WHERE)


def test_the_summary_is_whole_and_controls_and_validation_rows_are_explained(run: FakeRun) -> None:
    run.suite.summary = (
        "five models beside every control on a table whose name and origin take more than one line: " * 2
    )
    lines = fill(run, models=1, controls=3, datasets=1).splitlines()
    assert max(map(len, lines)) <= COLUMNS
    text = " ".join(lines)
    assert f"tiny: {run.suite.summary.strip()} " in text
    assert "3 splits, 728 training, 80 to 82 validation and 268 to 270 test rows" in text
    described = " ".join(f"{name}: What {name} is." for name in ("condition-mean", "real-resample", "shuffled"))
    assert f"The controls are: {described}" in text


def test_five_models_and_seven_controls_on_two_datasets_fit_a_screen(run: FakeRun) -> None:
    text = fill(run, models=5, controls=7, datasets=2)
    lines = text.splitlines()
    assert len(lines) <= LINES < 50
    assert max(map(len, lines)) <= COLUMNS
    rows = [line for line in lines if re.search(r"\d ± \d", line)]
    assert len(rows) == 24
    for label in MODELS:
        assert sum(line.startswith(label) for line in rows) == 2
    assert all(text.count(f"{name} ↑") == 2 for name in ("gamma-within", "pca-overall", "umap-overall"))
    assert "more row" not in text
    assert lines[-2:] == list(WHERE)
    assert "On the ranked headline scores, " in text


@pytest.mark.parametrize(
    ("models", "controls", "datasets", "label"),
    [(1, 1, 1, "{}"), (40, 9, 1, "{}"), (3, 60, 4, "{}"), (7, 7, 3, "{}" + " with a name that goes on and on" * 3)],
)
def test_any_board_fits_and_what_is_left_out_is_counted(
    run: FakeRun, models: int, controls: int, datasets: int, label: str
) -> None:
    text = fill(run, models=models, controls=controls, datasets=datasets, label=label)
    lines = text.splitlines()
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= COLUMNS
    first = next(i for i, line in enumerate(lines) if line.startswith("a-table-"))
    rows = [line for line in lines[first:] if re.search(r"\d ± \d.* s +\d+ MiB$", line)]
    tables = sum(line.startswith("a-table-") for line in lines)
    counted = sum(int(n) for n in re.findall(r"and (\d+) more rows?", text))
    assert len(rows) + counted == (models + controls) * tables
    assert 1 <= tables <= 2 if datasets > 2 else tables == datasets
    assert (f"{datasets - tables} more dataset" in text) == (datasets > tables)
    shown = {re.split(r" {2,}", line)[0] for line in rows}
    assert len(shown) == len(rows) // tables  # shortened names are distinct
    assert any(name.startswith(CONTROLS) for name in shown)
    assert (f"All {datasets} datasets together:" in text) == (datasets > 2)


def questions(run: FakeRun, *, splits: int, datasets: int = 1) -> Board:
    """Write a board of five models, the second of which fails in the last split, on scores that answer a question."""
    values = {
        "cvae": 0.2,
        "ctgan": 0.22,
        "tvae": 0.5,
        "wgan": 0.9,
        "gaussian": 1.1,
        "shuffled": 1.2,
        "real-resample": 0.1,
    }
    for k, (i, (label, value)), split in product(range(datasets), enumerate(values.items(), 1), range(splits)):
        if label == "ctgan" and split == splits - 1:
            run.broken("ctgan", "failed", "ValueError: no", split=split, dataset=f"a-table-{k}")
            continue
        distance = value + 0.02 * ((split * i + i) % 5)
        scores = {"distance": {"distance": distance}, "overlap": {"overlap": 1.3 - distance}}
        run.cell(label, scores, dataset=f"a-table-{k}", split=split)
    return build_board(run.store, run.suite)


def test_five_splits_give_rank_intervals_and_incomplete_rows_a_coverage(run: FakeRun) -> None:
    lines = headline_text(questions(run, splits=5), WHERE).splitlines()
    places = {line.split("  ")[0]: line for line in lines}
    assert re.match(r"generator +fidelity +fidelity rank +cells ok +fit +memory$", places["generator"])
    assert re.match(r"cvae +0\.\d\d ± \S+ +1-2 of 5 +5 of 5 +1\.0 s +300 MiB$", places["cvae"])
    assert re.match(r"ctgan +0\.\d\d ± \S+ \(n=4\) +- +4 of 5 +1\.0 s +300 MiB$", places["ctgan"])
    assert re.match(r"shuffled +0\.00 ± 0\.00 +- ", places["shuffled"])
    assert "1-2 of 5: the ranks among the models that these tests leave open." in " ".join(lines)


def test_three_splits_give_none(run: FakeRun) -> None:
    text = headline_text(questions(run, splits=3), WHERE)
    assert "fidelity rank" not in text
    assert " of 5" not in text


def test_three_datasets_and_eleven_rows_fit_a_screen_with_all_datasets_together_first(run: FakeRun) -> None:
    lines = headline_text(questions(run, splits=3, datasets=3), WHERE).splitlines()
    assert len(lines) <= LINES
    start = lines.index("All 3 datasets together:")
    assert re.match(r"generator +fidelity +fidelity rank +datasets +fit +memory$", lines[start + 1])
    table = lines[start + 3 : start + 9]
    assert re.match(r"cvae +0\.\d\d ± 0\.00 +1\.0 ± 0\.0 +3 of 3 +1\.0 s +300 MiB$", table[0])
    assert table[4].startswith("----")
    assert re.match(r"ctgan +- +- +0 of 3 +1\.0 s +300 MiB$", table[5])


def test_models_stand_above_controls_with_their_time(full_run: FakeRun) -> None:
    lines = headline_text(build_board(full_run.store, full_run.suite), WHERE).splitlines()
    places = {line.split("  ")[0]: i for i, line in enumerate(lines)}
    assert places["wgan"] < places["condition-mvn"]
    assert re.match(r"cvae +\*0\.930 ± 0\.025 .* 311 s +300 MiB$", lines[places["cvae"]])
    assert re.match(r"ctgan +failed +- +0 of 3 +- +-$", lines[places["ctgan"]])


def test_columns_for_which_there_is_no_room_are_left_out(run: FakeRun) -> None:
    for split in range(2):
        values = {"pca-overall": 1234567.0 + split, "pca-mixing": 98765.25 * split}
        for label in ("cvae", "shuffled"):
            scores = {"gamma-within": {"gamma-within": -0.5}, "umap-separability": {"umap-overall": 0.5}}
            for i in range(3):
                scores[f"pca-separability:n_neighbours={i}"] = values
            run.cell(label, scores, split=split)
    text = headline_text(build_board(run.store, run.suite), WHERE)
    assert "gamma-within ↑" in text
    assert "pca-overall (pca-separability:n_neighbours=1)" not in text
    assert max(map(len, text.splitlines())) <= COLUMNS
