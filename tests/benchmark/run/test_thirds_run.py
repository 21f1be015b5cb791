"""A run on thirds: two folds a split, which the board averages."""

from __future__ import annotations

from pathlib import Path

import pytest
from cell_records import cell_record

import tabgenbench
from tabgenbench.data.h5ad import read_table
from tabgenbench.run.plan import cell_key
from tabgenbench.store.store import Store

DATASET = "simulated-tissues:n_rows=120,n_genes=6"


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> tuple[tabgenbench.Board, Store]:
    """A board of two splits into thirds, and its store."""
    folder = tmp_path_factory.mktemp("thirds") / "store"
    found = tabgenbench.benchmark(
        DATASET,
        ["real-resample", "unseen-third"],
        metrics=["moments"],
        splits=2,
        draws=1,
        split={"thirds": True, "validation_fraction": 0.0, "rows_per_training_row": 2},
        store=folder,
        executor="inline",
    )
    return found, Store(folder)


def test_each_split_has_two_folds_that_are_trained_apart(board: tuple[tabgenbench.Board, Store]) -> None:
    cells = [record.cell for record in board[1].cells() if record.cell.generator == "real-resample"]
    assert sorted((cell.split, cell.fold) for cell in cells) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert len({cell.split_fingerprint for cell in cells}) == 4
    titles = {cell.title for cell in cells}
    assert f"real-resample · {DATASET} · split 1, fold 0 · seed 0" in titles


def test_the_board_averages_folds_inside_a_split(board: tuple[tabgenbench.Board, Store]) -> None:
    scores = board[0].scores
    chosen = scores[(scores["score"] == "sd-error") & (scores["generator"] == "real-resample")]
    assert chosen["fold"].tolist() == [0, 1, 0, 1]
    by_split = chosen.groupby("split")["value"].mean()
    dataset = board[0].board.datasets[0]
    place = [column.title for column in dataset.columns].index("sd-error")
    score = next(row for row in dataset.rows if row.label == "real-resample").scores[place]
    assert score.by_split == pytest.approx(by_split.to_dict())
    assert (score.n, score.splits) == (2, 2)
    assert dataset.split_kind == "stratified, grouped, thirds, 2 synthetic rows per training row"


@pytest.mark.parametrize("name", ["real-resample", "unseen-third"])
def test_rows_are_those_of_the_right_third(board: tuple[tabgenbench.Board, Store], name: str) -> None:
    store = board[1]
    for record in store.cells():
        if record.cell.generator != name:
            continue
        folder: Path = store.split_folder(record.cell.split_fingerprint)
        source = read_table(folder / ("train.h5ad" if name == "real-resample" else "reference.h5ad"))
        made = read_table(store.draw_path(record.key, 0))
        assert made.n_rows == 2 * record.cell.n_train
        assert {row.tobytes() for row in made.dense()} <= {row.tobytes() for row in source.dense()}


def test_a_control_of_thirds_is_skipped_on_other_splits(tmp_path: Path) -> None:
    with pytest.raises(tabgenbench.TabGenBenchError, match="skipped: needs reference rows, which only a split into"):
        tabgenbench.benchmark(
            DATASET, "unseen-third", metrics="moments", splits=1, draws=1, store=tmp_path / "store", executor="inline"
        )


def test_the_key_of_a_cell_without_folds_is_what_it_was() -> None:
    key = cell_key(cell_record().cell, code="c", device="cpu", threads=1)
    assert key == "7e527a7b2c22a7bb9d4c94bfdebf8ca3"
