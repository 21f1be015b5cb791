from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.helpers.cell_records import cell_record, planned_cell

from tabgenbench.interfaces.generator import Progress
from tabgenbench.records import Phase
from tabgenbench.run.estimator import Estimator, Need, find_earlier
from tabgenbench.store.earlier import EarlierCell
from tabgenbench.store.store import Store

SIZE = {"n_train": 100, "n_test": 50, "n_features": 44, "config": {"epochs": 10, "depth": 2}}
ALL = Need(fit=True, metrics=["gamma"])


def earlier(key: str = "a", *, size: dict[str, Any] | None = None, **values: Any) -> EarlierCell:
    given = {"key": key, "fit": 60.0, "sample": 2.0, "train_rest": 3.0, "metrics": {"gamma": 4.0}, "score_rest": 1.0}
    identity = planned_cell(**{**SIZE, "dataset_fingerprint": "table", **(size or {})}).identity
    return EarlierCell(**{**given, "identity": identity, **values})


def test_the_same_table_is_not_scaled_and_the_median_counts() -> None:
    estimator = Estimator([earlier("a"), earlier("b", fit=61.0), earlier("c", fit=90.0)])
    estimator.add(earlier("d", fit=500.0, size={"dataset_fingerprint": "other"}))
    found = estimator.cell(planned_cell(dataset_fingerprint="table", **SIZE), ALL)
    rest = 2.0 + 3.0 + 4.0 + 1.0
    assert (found.seconds, found.low, found.high) == (61 + rest, 60 + rest, 90 + rest)
    assert (found.earlier, found.is_scaled, found.is_timed, found.unknown) == (("a", "b", "c"), False, False, ())


def test_other_sizes_are_scaled_from_the_nearest() -> None:
    near, far = earlier("near"), earlier("far", size={"dataset_fingerprint": "far", "n_train": 9}, fit=1.0)
    new = {"n_train": 200, "n_test": 100, "n_features": 344, "config": {"epochs": 30, "depth": 2}, "draws": 2}
    found = Estimator([far, near]).cell(planned_cell(dataset_fingerprint="new", **new), ALL)
    fit = 60 * 2 * 3 * (344 + 256) / (44 + 256)
    values = 2 * 2 * 344 / 44  # twice the rows and the draws
    assert found.seconds == pytest.approx(fit + (2 + 4) * values + 3 + 1)
    assert found.is_scaled


def test_without_epochs_the_work_is_that_of_the_table() -> None:
    plain = {**SIZE, "config": {}}
    new = {**plain, "n_train": 200, "n_features": 88}
    one = earlier(size=plain, sample=0.0)
    found = Estimator([one]).cell(planned_cell(dataset_fingerprint="new", **new), Need(fit=True, metrics=()))
    assert found.seconds == 60 * 4 + 3 + 1


@pytest.mark.parametrize(
    "other",
    [
        earlier(size={"generator": "loud"}),
        earlier(size={"config": {"epochs": 10, "depth": 3}}),
        earlier(device="cuda"),
    ],
    ids=["generator", "options", "device"],
)
def test_what_is_unknown_is_not_guessed(other: EarlierCell) -> None:
    found = Estimator([other]).cell(planned_cell(**SIZE), ALL)
    assert found.seconds is None
    assert found.bytes == 4 * 50 * 44
    assert found.unknown == (
        ("gamma",) if other.device == "cuda" else ()
    )  # the metric does not depend on the generator


def test_a_trained_cell_needs_its_metrics_alone() -> None:
    estimator, new = Estimator([earlier()]), planned_cell(dataset_fingerprint="table", **SIZE)
    assert estimator.cell(new, Need(fit=False, metrics=["gamma"])).seconds == 4.0 + 1.0
    found = estimator.cell(new, Need(fit=False, metrics=["gamma", "moments"]))
    assert (found.seconds, found.unknown) == (5.0, ("moments",))


def test_cells_with_as_many_threads_come_first() -> None:
    estimator = Estimator([earlier("one"), earlier("two", threads=2, fit=35.0)], threads=2)
    assert estimator.cell(planned_cell(dataset_fingerprint="table", **SIZE), ALL).earlier == ("two",)


def test_disk_space_counts_tables_models_and_records() -> None:
    one = earlier(table_bytes=10_000, model_bytes=3_000, record_bytes=500)
    new = planned_cell(dataset_fingerprint="new", **{**SIZE, "n_test": 100, "n_features": 344})
    tables = 10_000 * 2 * 344 / 44
    assert Estimator([one]).cell(new, ALL).bytes == tables + 6_000 + 500
    assert Estimator([one], model_bytes=0).cell(new, ALL).bytes == tables + 500


def test_seconds_between_tasks_are_a_mean_that_is_not_negative() -> None:
    new = planned_cell(dataset_fingerprint="table", **SIZE)
    some = [earlier("a", train_rest=-1.0), earlier("b", train_rest=2.0)]  # clocks of records are cut to seconds
    assert Estimator(some).cell(new, ALL).seconds == 60 + 2 + 0.5 + 4 + 1
    assert Estimator([earlier(train_rest=-1.0)]).cell(new, ALL).seconds == 60 + 2 + 4 + 1


def test_an_unknown_generator_is_timed_by_its_first_epochs() -> None:
    estimator, cell = Estimator(), planned_cell(**SIZE)
    reports = [(0, 1.0), (1, 7.0), (2, 8.0), (4, 10.0), (5, 11.0)]  # imports take most of the time until the first
    seen = [estimator.watch(cell, Progress(epoch, 10, {}), seconds) for epoch, seconds in reports]
    assert seen == [False, False, False, True, False]
    found = estimator.cell(cell, Need(fit=True, metrics=()))
    assert (found.seconds, found.is_timed) == (10.0, True)  # one second an epoch
    estimator.add(earlier(fit=12.0))
    assert estimator.cell(cell, Need(fit=True, metrics=())).is_timed is False


def test_a_long_epoch_needs_one_report() -> None:
    estimator, cell = Estimator(), planned_cell(**SIZE)
    assert estimator.watch(cell, Progress(1, 10, {}), 100.0)
    assert estimator.cell(cell, Need(fit=True, metrics=())).seconds == 1000.0


def test_the_most_similar_cells_are_read(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.prepare()
    for number in range(30):
        record = cell_record(f"{number:02}", phases={"fit": Phase(status="ok", seconds=1.0)})
        record.cell.n_train, record.cell.dataset_fingerprint = 10 + number, f"table {number // 10}"
        store.write_cell(record)
    new = planned_cell(dataset_fingerprint="table 1", n_train=15).identity
    found = find_earlier(store, [new], without=("11",))
    assert sorted(one.key for one in found) == ["10", "12", "13"]  # of the same table, with the most similar work
    assert find_earlier(Store(tmp_path / "none"), [new]) == []
    tables = [new.model_copy(update={"dataset_fingerprint": f"table {i}"}) for i in range(3)]
    assert len(find_earlier(store, tables)) == 9
    many = [new.model_copy(update={"n_train": n, "dataset_fingerprint": f"new {n}"}) for n in range(10, 40)]
    assert len(find_earlier(store, many)) == 20
