"""A run on counts: sparse synthetic tables, standardised for metrics."""

from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pytest
from scipy import sparse

import tabgenbench
from tabgenbench.data.h5ad import read_table, read_transform
from tabgenbench.data.library_size import LIBRARY
from tabgenbench.store.store import Store

DATASET = "simulated-cells:n_cells=400,n_genes=60"
GENERATORS = ("condition-nb", "real-resample", "truth-cells")


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> tuple[tabgenbench.Board, Store]:
    """A board of one split of simulated cells that keeps 20 genes, and its store."""
    folder = tmp_path_factory.mktemp("cells") / "store"
    found = tabgenbench.benchmark(
        DATASET,
        list(GENERATORS),
        metrics=["moments", "mean-variance"],
        splits=1,
        draws=1,
        split={"grouped": False, "highly_variable": 20},
        store=folder,
        executor="inline",
    )
    return found, Store(folder)


@pytest.mark.parametrize("name", GENERATORS)
def test_synthetic_counts_are_whole_and_of_the_genes_of_the_split(
    board: tuple[tabgenbench.Board, Store], name: str
) -> None:
    store = board[1]
    record = next(record for record in store.cells() if record.cell.generator == name)
    assert (record.status, record.cell.n_features) == ("ok", 20)
    path = store.draw_path(record.key, 0)
    made, transform = read_table(path), read_transform(path)
    is_model_of_logs = name == "real-resample"
    assert (made.scale, made.n_features) == (("standardized", 21) if is_model_of_logs else ("counts", 20))
    assert (made.features[-1] == LIBRARY) == is_model_of_logs
    assert sparse.issparse(made.X) != is_model_of_logs
    counts = transform.invert(made)
    assert (counts.X.data == np.rint(counts.X.data)).all()
    assert counts.X.min() >= 0
    train = read_table(store.split_folder(record.cell.split_fingerprint) / "train.h5ad")
    assert counts.features == train.features
    if is_model_of_logs:
        assert {row.tobytes() for row in counts.dense()} <= {row.tobytes() for row in train.dense()}


def test_metrics_compare_log_normalised_genes_and_counts(board: tuple[tabgenbench.Board, Store]) -> None:
    scores = board[0].scores.set_index(["generator", "score"])["value"]
    for score, most in (("zero-error", 0.06), ("mean-error", 0.2), ("mean-variance-error", 0.3)):
        for name in GENERATORS:
            assert scores[name, score] < most
    assert "20 highly variable features" in board[0].board.datasets[0].split_kind


def test_counts_are_exported_with_whole_numbers(board: tuple[tabgenbench.Board, Store], tmp_path: Path) -> None:
    for name in ("condition-nb", "real-resample"):
        frame = tabgenbench.export(board[1].root, name, out=tmp_path / f"{name}.h5ad")
        assert set(frame.filter(like="gene-").dtypes) == {np.dtype("int64")}
        exported = anndata.read_h5ad(tmp_path / f"{name}.h5ad").X
        assert sparse.issparse(exported)
        np.testing.assert_array_equal(exported.toarray(), frame.filter(like="gene-"))
