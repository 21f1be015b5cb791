from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from time import perf_counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from tabgenbench.records import CellRecord, ScoreSpec, SuiteRecord
from tabgenbench_leaderboard.board.aggregate import build_board
from tabgenbench_leaderboard.board.compare import comparison_sentences
from tabgenbench_leaderboard.board.model import Board, BoardRow, Comparison, DatasetBoard, ScoreValue
from tabgenbench_leaderboard.files import render_board
from tabgenbench_leaderboard.pages.to_csv import scores_csv

FakeRun = Any  # the class is in conftest.py, which test modules do not import


def board_of(run: FakeRun) -> Board:
    return build_board(run.store, run.suite)


def row_of(dataset: DatasetBoard, label: str) -> BoardRow:
    return next(row for row in dataset.rows if row.label == label)


def score_of(dataset: DatasetBoard, label: str, title: str) -> ScoreValue:
    place = [column.title for column in dataset.columns].index(title)
    return row_of(dataset, label).scores[place]


def verdict_of(dataset: DatasetBoard, model: str, against: str, title: str) -> Comparison:
    return next(c for c in dataset.comparisons if (c.model, c.against, c.title) == (model, against, title))


def test_draws_are_averaged_then_seeds_then_splits(run: FakeRun) -> None:
    values = {(0, 0): (0.1, 0.3), (0, 1): (0.5, 0.7), (1, 0): (0.2, 0.2), (1, 1): (0.4, 0.4), (2, 0): (0.9, 0.7)}
    for (split, seed), draws in values.items():
        run.cell("cvae", {"gamma": {"gamma": draws}}, split=split, seed=seed)
    score = score_of(board_of(run).datasets[0], "cvae", "gamma")
    assert score.by_split == pytest.approx({0: 0.4, 1: 0.3, 2: 0.8})
    assert score.mean == pytest.approx(0.5)
    expected = stats.t.interval(0.95, 2, 0.5, stats.sem([0.4, 0.3, 0.8]))
    assert (score.ci_low, score.ci_high) == pytest.approx(expected)
    assert (score.n, score.splits) == (3, 3)


def test_folds_are_averaged_within_a_split(run: FakeRun) -> None:
    values = {(0, 0): 0.1, (0, 1): 0.3, (1, 0): 0.5, (1, 1): "gone"}
    for (split, fold), value in values.items():
        run.cell("cvae", {"gamma": {"gamma": value}}, split=split, seed=fold)
    rows = [row.model_copy(update={"seed": 0, "fold": row.seed}) for row in run.suite.rows]
    board = build_board(run.store, run.suite.model_copy(update={"rows": rows}))
    score = score_of(board.datasets[0], "cvae", "gamma")
    assert score.by_split == pytest.approx({0: 0.2, 1: 0.5})
    assert score.why == ("split 1, fold 1, seed 0: undefined in 1 of 2 draws: gone",)


def test_a_score_undefined_in_one_draw_is_missing_and_said(run: FakeRun) -> None:
    for split in range(3):
        value = "one condition alone" if split == 1 else 0.8
        run.cell("cvae", {"gamma": {"gamma": value}}, split=split)
    score = score_of(board_of(run).datasets[0], "cvae", "gamma")
    assert score.n == 2
    assert set(score.by_split) == {0, 2}
    assert score.why == ("split 1, seed 0: undefined in 1 of 2 draws: one condition alone",)
    assert "0.800 ± 0.000 (n=2)" in render_board(board_of(run), ["md"])["README.md"].decode()


def test_a_score_undefined_everywhere_is_undefined(run: FakeRun) -> None:
    run.cell("condition-mean", {"gamma": {"gamma": "no variance"}})
    score = score_of(board_of(run).datasets[0], "condition-mean", "gamma")
    assert (score.state, score.mean, score.n) == ("undefined", None, 0)
    assert ",gamma,gamma,,,,0\n" in scores_csv(board_of(run))


def test_fewer_draws_than_asked_is_no_value(run: FakeRun) -> None:
    run.cell("cvae", {"gamma": {"gamma": 0.9}})
    row = run.suite.rows[0]
    record = run.store.read_score(row.key, row.scores["gamma"])
    run.store.write_score(
        record.model_copy(update={"draws": record.draws[:1]}), run.store.read_info(row.key, record.key)
    )
    score = score_of(board_of(run).datasets[0], "cvae", "gamma")
    assert score.state == "undefined"
    assert "1 of 2 draws" in score.why[0]


def test_models_first_then_controls_each_by_name(full_run: FakeRun) -> None:
    rows = board_of(full_run).datasets[0].rows
    assert [row.label for row in rows] == [
        "ctgan",
        "cvae",
        "cvae:epochs=30,hidden=[64,32]",
        "wgan",
        "condition-mvn",
        "real-resample",
        "shuffled",
        "truth",
    ]


def test_the_best_model_is_marked_only_where_distinguishable(full_run: FakeRun) -> None:
    dataset = board_of(full_run).datasets[0]
    assert score_of(dataset, "cvae", "gamma").best
    assert not score_of(dataset, "cvae", "variance-ratio").best  # two common splits are not sufficient
    assert not any(score.best for row in dataset.controls for score in row.scores)
    assert not any(row.scores[[c.title for c in dataset.columns].index("s-dend")].best for row in dataset.rows)


def test_one_model_alone_is_never_marked_but_compared(run: FakeRun) -> None:
    for split in range(3):
        run.cell("cvae", {"gamma": {"gamma": 0.9 + 0.001 * split}}, split=split, fit_seconds=310)
        run.cell("condition-mvn", {"gamma": {"gamma": 0.93 + 0.0015 * split}}, split=split, fit_seconds=0.6)
    dataset = board_of(run).datasets[0]
    assert not any(score.best for row in dataset.rows for score in row.scores)
    assert verdict_of(dataset, "cvae", "condition-mvn", "gamma").verdict == "worse"
    sentences = comparison_sentences(dataset)
    assert sentences.controls["cvae"] == ("`condition-mvn` (0.60 s to fit) beats `cvae` (310 s) on: gamma.",)
    assert sentences.models == ()


def test_verdicts_against_the_controls(full_run: FakeRun) -> None:
    dataset = board_of(full_run).datasets[0]
    worse = verdict_of(dataset, "cvae", "condition-mvn", "gamma")
    assert (worse.verdict, worse.n, worse.against_control) == ("worse", 3, True)
    assert worse.difference == pytest.approx(-0.01)
    assert verdict_of(dataset, "cvae", "real-resample", "gamma").verdict == "not distinguishable"
    assert verdict_of(dataset, "cvae", "shuffled", "variance-ratio").verdict == "better"
    assert verdict_of(dataset, "cvae", "shuffled", "mean-ks").verdict == "worse"
    assert not any(comparison.title == "s-dend" for comparison in dataset.comparisons)


def test_one_split_has_no_interval_and_no_verdict(run: FakeRun) -> None:
    run.cell("cvae", {"gamma": {"gamma": 0.9}})
    run.cell("shuffled", {"gamma": {"gamma": 0.0}})
    board = board_of(run)
    dataset = board.datasets[0]
    assert score_of(dataset, "cvae", "gamma").ci_low is None
    assert verdict_of(dataset, "cvae", "shuffled", "gamma").verdict == "too few splits"
    assert "too few common splits to compare on: gamma" in comparison_sentences(dataset).controls["cvae"][0]


def test_configs_of_one_generator_have_rows_of_their_own(full_run: FakeRun) -> None:
    dataset = board_of(full_run).datasets[0]
    plain, changed = row_of(dataset, "cvae"), row_of(dataset, "cvae:epochs=30,hidden=[64,32]")
    assert (plain.generator, plain.options) == ("cvae", "{}")
    assert changed.generator == "cvae"
    assert json.loads(changed.options) == {"epochs": 30, "hidden": [64, 32]}
    assert changed.config["epochs"] == 30


def test_a_label_of_the_suite_stands_in_place_of_name_and_options(run: FakeRun) -> None:
    label, title = "cvae:epochs=30", "CVAE, 30 epochs"
    for split in range(2):
        run.cell(label, {"gamma": {"gamma": 0.5 + 0.1 * split}}, split=split, title=title, notes=["slow"])
        run.cell("shuffled", {"gamma": {"gamma": 0.1 * split}}, split=split)
    run.ask(label, split=2, title=title)
    run.ask("tvae:epochs=5", title="TVAE, later")
    dataset = board_of(run).datasets[0]
    assert [row.label for row in dataset.rows] == [title, "TVAE, later", "shuffled"]
    row = dataset.rows[0]
    assert (row.generator, json.loads(row.options), row.cells) == ("cvae", {"epochs": 30}, 3)
    assert (dataset.rows[1].generator, json.loads(dataset.rows[1].options)) == ("tvae", {"epochs": 5})
    assert {comparison.model for comparison in dataset.comparisons} == {title}
    assert {problem.label for problem in dataset.problems} == {title, "TVAE, later"}
    assert dataset.notes[0].labels == (title,)
    page = render_board(board_of(run), ["md"])["README.md"].decode()
    assert title in page
    assert label not in page
    assert 'cvae,"{""epochs"": 30}",gamma' in scores_csv(board_of(run))


def test_failures_skips_and_waiting_are_told_apart(full_run: FakeRun) -> None:
    dataset = board_of(full_run).datasets[0]
    found = {(problem.label, problem.what, problem.status): problem for problem in dataset.problems}
    failed = found["ctgan", "fit", "out_of_memory"]
    assert failed.cells == ((0, 0), (1, 0), (2, 0))
    assert failed.reason == "needs 20.0 GiB, the limit is 4.0 GiB | see <docs>"
    assert found["truth", "fit", "skipped"].reason == "only simulated tables have a true distribution"
    assert ("wgan", "fit", "waiting") in found
    assert [row_of(dataset, "ctgan").cells_ok, row_of(dataset, "ctgan").cells] == [0, 3]
    assert [score_of(dataset, label, "gamma").state for label in ("ctgan", "truth", "wgan")] == [
        "failed",
        "skipped",
        "waiting",
    ]


def test_a_metric_that_fails_does_not_spoil_the_cell(run: FakeRun) -> None:
    run.cell("cvae", {"gamma": {"gamma": 0.9}, "moments": {"mean-ks": 0.1, "variance-ratio": 1.0}})
    row = run.suite.rows[0]
    run.score(row, "moments", {}, status="crashed", reason="signal 11", draws=[])
    row.scores["dendrogram"] = "nothing-there-yet"
    dataset = board_of(run).datasets[0]
    assert score_of(dataset, "cvae", "gamma").mean == 0.9
    assert score_of(dataset, "cvae", "mean-ks").state == "failed"
    assert {(p.what, p.status, p.reason) for p in dataset.problems} == {
        ("moments", "crashed", "signal 11"),
        ("dendrogram", "waiting", ""),
    }
    assert row_of(dataset, "cvae").cells_ok == 1


def test_costs_fallbacks_and_notes(full_run: FakeRun) -> None:
    dataset = board_of(full_run).datasets[0]
    costs = row_of(dataset, "cvae").costs
    assert costs.fit_seconds is not None
    assert (costs.fit_seconds.mean, costs.fit_seconds.low, costs.fit_seconds.high) == (311, 310, 312)
    assert costs.peak_memory_bytes == 300 * 2**20
    fallback = row_of(dataset, "condition-mvn").fallbacks[0]
    assert (fallback.condition, fallback.rows, fallback.cells) == ("colon, normal", 12, 3)
    assert [(note.text, note.labels) for note in dataset.notes] == [("a batch of one row was merged", ("cvae",))]
    assert {cost.metric: cost.cells for cost in dataset.metric_costs} == {"gamma": 15, "moments": 15, "dendrogram": 6}


def test_notes_of_splits_name_the_splits_and_the_rows(run: FakeRun) -> None:
    for label in ("cvae", "shuffled"):
        for split in range(3):
            run.cell(label, {"gamma": {"gamma": 0.5}}, split=split)
    for row in run.suite.rows:
        row.split_note = "" if row.split == 1 else "conditions without test rows: cond=u"
    (note,) = board_of(run).datasets[0].notes
    assert (note.what, note.text) == ("splits 0, 2", "conditions without test rows: cond=u")
    assert note.labels == ("cvae", "shuffled")


def test_sizes_dataset_order_and_environment(run: FakeRun) -> None:
    for dataset in ("wdbc", "simulated-tissues"):
        for split in range(2):
            run.cell(
                "cvae", {"gamma": {"gamma": 0.5 + 0.1 * split}}, dataset=dataset, split=split, note=f"of {dataset}"
            )
    board = board_of(run)
    assert [dataset.dataset for dataset in board.datasets] == ["wdbc", "simulated-tissues"]
    assert board.datasets[0].note == "of wdbc"
    assert board.datasets[0].n_test == (269, 270)
    assert board.datasets[0].splits == (0, 1)
    assert [machine.cells for machine in board.machines] == [4]
    assert board.packages["numpy"] == ("2.4.6",)
    assert (board.first_finished, board.last_finished) == ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")


def test_one_metric_with_two_configs_has_two_columns(run: FakeRun) -> None:
    run.cell("cvae", {"gamma": {"gamma": 0.9}, "gamma:clipped=true": {"gamma": 0.7}})
    dataset = board_of(run).datasets[0]
    assert [column.title for column in dataset.columns] == ["gamma (gamma)", "gamma (gamma:clipped=true)"]
    assert [score.mean for score in dataset.rows[0].scores] == [0.9, 0.7]


def test_curves_are_thinned_and_gaps_kept(run: FakeRun) -> None:
    losses = {"epoch": [float(i) for i in range(1400)], "train": [None, *(1.0 / i for i in range(1, 1400))]}
    run.cell("cvae", {"gamma": {"gamma": 0.9}}, losses=losses)
    curve = board_of(run).datasets[0].rows[0].curves[0]
    assert len(curve.epochs) == 150
    assert (curve.epochs[0], curve.epochs[-1]) == (0, 1399)
    assert curve.losses["train"][0] is None
    assert curve.losses["train"][-1] == 0.0007148  # 1 / 1399 = 0.000714796...


def test_a_row_listed_twice_counts_once(run: FakeRun) -> None:
    run.cell("cvae", {"gamma": {"gamma": 0.9}})
    run.suite.rows.append(run.suite.rows[0])
    assert board_of(run).datasets[0].rows[0].cells == 1


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(22)))
def test_the_order_of_the_suite_does_not_change_the_board(full_run: FakeRun, order: list[int]) -> None:
    rows = full_run.suite.rows
    assert len(rows) == 22
    shuffled = SuiteRecord(name="tiny", rows=[rows[i] for i in order])
    same = full_run.suite.model_copy(update={"summary": "", "command": ""})
    first, second = build_board(full_run.store, same), build_board(full_run.store, shuffled)
    assert scores_csv(second) == scores_csv(first)
    assert second == first


def test_unknown_fields_of_a_newer_program_do_no_harm(run: FakeRun) -> None:
    record: CellRecord = run.cell("cvae", {"gamma": {"gamma": 0.9}}, phase_of_the_moon="full")
    assert "phase_of_the_moon" in record.model_dump()
    assert board_of(run).datasets[0].rows[0].scores[0].mean == 0.9


def test_importing_the_package_and_building_a_board_imports_no_torch_or_pandas(full_run: FakeRun) -> None:
    code = (
        "import sys, tabgenbench_leaderboard; assert not {'matplotlib', 'scipy', 'numpy'} & set(sys.modules)\n"
        "from pathlib import Path\n"
        "from tabgenbench_leaderboard.report import Leaderboard\n"
        "from tabgenbench_leaderboard.files import render_board\n"
        "view = Leaderboard().build(Path(sys.argv[1]))\n"
        "render_board(view.board, artifacts=view.artifacts); view.text()\n"
        "print(sorted({'torch', 'pandas', 'tabgenbench_plugins'} & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, str(full_run.store.root)], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


@pytest.mark.alone
def test_a_large_store_is_read_in_time_and_memory(run: FakeRun) -> None:
    specs = [ScoreSpec(name=f"score-{i}", direction="higher") for i in range(4)]
    cell = run.cell("cvae", {"gamma": {"gamma": 0.5}})
    row = run.suite.rows[0]
    score = run.store.read_score(row.key, row.scores["gamma"]).model_copy(update={"specs": specs})
    for draw in score.draws:
        draw.scores = {spec.name: 0.25 for spec in specs}
    info = run.store.read_info(row.key, score.key)
    run.suite.rows.clear()
    for i in range(250):
        label = f"model-{i // 5}" if i % 2 else f"shuffled:seed={i // 5}"
        asked = run.ask(label, split=i % 5, metrics=["gamma"])
        identity = cell.cell.model_copy(update={"label": label, "split": i % 5})
        run.store.write_cell(cell.model_copy(update={"key": asked.key, "cell": identity}))
        run.store.write_score(score.model_copy(update={"key": asked.scores["gamma"], "cell_key": asked.key}), info)
    tracemalloc.start()
    start = perf_counter()
    board = board_of(run)
    seconds = perf_counter() - start
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(board.datasets[0].rows) == 100
    assert seconds < 5  # 500 records; ten times as fast without the tracing
    assert peak < 60 * 2**20
