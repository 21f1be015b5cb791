from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from tabgenbench import Board, ConfigError
from tabgenbench.errors import StoreError
from tabgenbench.records import CellRecord
from tabgenbench.registry.manager import make_manager
from tabgenbench_leaderboard.report import BoardView

FakeRun = Any


def build(run: FakeRun, suite: str | None = None) -> Board:
    """Get the report through the hook, as the harness does."""
    report = make_manager().find("reports", "leaderboard").load_fitting("reports")()
    board: Board = report.build(run.store.root, suite)
    return board


def test_the_table_has_a_row_a_generator_with_headline_scores_and_costs(full_run: FakeRun) -> None:
    table = build(full_run).table().set_index("generator")
    assert list(table.index[:4]) == ["ctgan", "cvae", "cvae:epochs=30,hidden=[64,32]", "wgan"]
    assert list(table.columns) == [
        "dataset",
        "is_control",
        "gamma",
        "gamma ±",
        "mean-ks",
        "mean-ks ±",
        "variance-ratio",
        "variance-ratio ±",
        "cells_ok",
        "fit_seconds",
        "sample_seconds",
        "peak_memory_bytes",
    ]
    cvae = table.loc["cvae"]
    assert cvae["gamma"] == pytest.approx(0.93)
    assert cvae["gamma ±"] == pytest.approx(4.302652729749462 * 0.01 / 3**0.5)
    assert (cvae["cells_ok"], cvae["fit_seconds"], cvae["peak_memory_bytes"]) == (3, 311, 300 * 2**20)
    assert np.isnan(table.loc["ctgan", "gamma"])
    assert table.loc["condition-mvn", "is_control"]


def test_scores_are_tidy_down_to_the_seed(run: FakeRun) -> None:
    for seed in range(2):
        run.cell("cvae", {"gamma": {"gamma": (0.1 + seed, 0.3 + seed)}}, seed=seed, title="CVAE")
    run.cell("tvae", {"gamma": {"gamma": "no variance"}})
    run.broken("ctgan", "failed", "ValueError: no")
    run.store.write_suite(run.suite)
    scores = build(run).scores
    assert list(scores.columns) == [
        "dataset",
        "generator",
        "label",
        "is_control",
        "split",
        "seed",
        "metric",
        "score",
        "value",
        "status",
        "reason",
    ]
    cvae = scores[scores["generator"] == "cvae"]
    assert list(cvae["value"]) == pytest.approx([0.2, 1.2])
    assert list(cvae["seed"]) == [0, 1]
    assert set(cvae["label"]) == {"CVAE"}
    tvae, ctgan = (scores[scores["label"] == name].iloc[0] for name in ("tvae", "ctgan"))
    assert (tvae["status"], tvae["reason"]) == ("undefined", "undefined in 1 of 2 draws: no variance")
    assert (ctgan["status"], ctgan["reason"]) == ("failed", "ValueError: no")
    assert np.isnan(tvae["value"])
    assert np.isnan(ctgan["value"])


def test_figures_are_drawn_by_name(full_run: FakeRun) -> None:
    board = build(full_run)
    assert board.figure_names == ("cells-scores", "cells-losses")
    assert isinstance(board.figure("cells-losses"), Figure)
    with pytest.raises(ConfigError, match="unknown figure 'cells-score'; did you mean 'cells-scores'"):
        board.figure("cells-score")


def test_saving_writes_the_files_of_the_command_and_the_figures_by_their_names(
    full_run: FakeRun, tmp_path: Path
) -> None:
    board = build(full_run)
    paths = board.save(tmp_path / "board")
    assert all(path.is_file() for path in paths)
    assert {path.name for path in paths if path.parent == tmp_path / "board"} == {
        "README.md",
        "scores.csv",
        "comparisons.csv",
        "costs.csv",
        "board.json",
        "index.html",
    }
    assert {path.stem for path in paths if path.suffix == ".svg"} == set(board.figure_names)


def test_a_notebook_shows_a_table_and_a_figure_and_loads_nothing(full_run: FakeRun) -> None:
    shown = build(full_run)._repr_html_()
    assert shown.count("<table") == 3, "the headline, what failed, what was skipped"
    assert shown.count("<svg") == 1
    assert "0.930 ± 0.025" in shown
    assert "<strong>0.930 ± 0.025</strong>" in shown
    assert "On the ranked headline scores, " in shown
    for word in ("<script", "<link", "<img", "src=", "@import", 'href="http'):
        assert word not in shown
    for role in ("--ink", "--paper", "--soft", "--line", "--model", "--control"):
        assert f"{role}: #" in shown


def test_the_text_says_how_to_get_the_full_board(full_run: FakeRun) -> None:
    text = build(full_run).text()
    assert f"  tabgenbench leaderboard tiny --store {full_run.store.root} --out DIR\n" in text
    assert text.startswith("tiny: A run.\n")


def test_errors_are_those_of_the_command(full_run: FakeRun, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'tiny'"):
        build(full_run, "tinny")
    report = make_manager().find("reports", "leaderboard").load_fitting("reports")()
    with pytest.raises(StoreError, match="run one first"):
        report.build(tmp_path / "nowhere")


def test_a_board_names_what_it_could_not_read(full_run: FakeRun) -> None:
    path = full_run.store.cell_folder(full_run.suite.rows[0].key) / "fit.json"
    path.write_text("{")
    board = build(full_run)
    assert isinstance(board, BoardView)
    assert [found for found in board.unreadable if str(path) in found]
    assert full_run.store.read(path, CellRecord) is None
