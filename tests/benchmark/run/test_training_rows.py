"""A suite may train on several numbers of rows of one dataset: a learning curve with the same test rows."""

from __future__ import annotations

from pathlib import Path

import pytest

import tabgenbench
from tabgenbench import DatasetSource, Table
from tabgenbench.data.split import Split
from tabgenbench.errors import ConfigError
from tabgenbench.registry.manager import make_manager
from tabgenbench.registry.suite import dataset_choices
from tabgenbench.run.plan import open_dataset
from tabgenbench.store.store import Store
from tabgenbench_datasets.simulated_tissues import SimulatedTissues

NAME = "simulated-tissues:n_rows=120,n_genes=6"
SIZES = (12, 40)


def benchmark(datasets: object, store: Path) -> tabgenbench.Board:
    return tabgenbench.benchmark(
        datasets, "real-resample", metrics="moments", splits=2, draws=1, store=store, executor="inline"
    )


@pytest.fixture(scope="module")
def curve(tmp_path_factory: pytest.TempPathFactory) -> tuple[tabgenbench.Board, Store, int]:
    """A board with two numbers of training rows and with all rows, its store, and how often the table was loaded."""
    loads = []
    load = SimulatedTissues.load

    def count(self: DatasetSource) -> Table:
        loads.append(self)
        return load(self)

    folder = tmp_path_factory.mktemp("rows") / "store"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SimulatedTissues, "load", count)
        datasets = [NAME, f"{NAME},train_rows={list(SIZES)}"]
        benchmark(datasets, folder)
        found = benchmark(datasets[::-1], folder)
    return found, Store(folder), len(loads)


def test_each_number_of_rows_is_a_dataset_of_the_board(curve: tuple[tabgenbench.Board, Store, int]) -> None:
    found = {one.dataset: (one.n_train[0], one.split_kind) for one in curve[0].board.datasets}
    assert found[f"{NAME},train_rows=12"] == (12, "stratified, grouped, 12 training rows")
    assert found[f"{NAME},train_rows=40"] == (40, "stratified, grouped, 40 training rows")
    assert found[NAME][1] == "stratified, grouped"


def test_smaller_subsets_are_in_larger_ones_and_test_rows_are_the_same(
    curve: tuple[tabgenbench.Board, Store, int],
) -> None:
    store = curve[1]
    splits: dict[int, dict[str, Split]] = {0: {}, 1: {}}
    for record in store.cells():
        path = store.split_folder(record.cell.split_fingerprint) / "split.json"
        splits[record.cell.split][record.cell.dataset] = Split.from_json(path.read_text(encoding="utf-8"))
    for found in splits.values():
        small, large, whole = (found[name] for name in (f"{NAME},train_rows=12", f"{NAME},train_rows=40", NAME))
        assert set(small.train) < set(large.train) < set(whole.train)
        assert small.test == large.test == whole.test


def test_the_table_is_loaded_once_and_the_store_knows_every_split(
    curve: tuple[tabgenbench.Board, Store, int],
) -> None:
    assert curve[2] == 1


def test_a_list_becomes_one_dataset_for_each_number() -> None:
    choices = dataset_choices([{"name": "wdbc", "train_rows": [25, 50]}, "wdbc:train_rows=100", "insurance"])
    labels = [open_dataset(choice, make_manager(), None).label for choice in choices]
    assert labels == ["wdbc:train_rows=25", "wdbc:train_rows=50", "wdbc:train_rows=100", "insurance"]


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (f"{NAME},train_rows=0", "option 'train_rows': got 0, expected a whole number of at least 1"),
        (f"{NAME},train_rows=few", "option 'train_rows': got 'few', expected a whole number of at least 1"),
        (f"{NAME},train_rows=900", "option 'train_rows': got 900, expected at most"),
        ([f"{NAME},train_rows=9", f"{NAME},train_rows=9"], "two of them are named"),
        ([f"{NAME},train_rows=9", f"{NAME},seed=0,train_rows=9"], "two of them are named|are the same table"),
    ],
)
def test_bad_numbers_are_one_sentence(dataset: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        benchmark(dataset, tmp_path / "store")


def test_an_empty_list_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match="train_rows is an empty list, expected at least one number"):
        dataset_choices(["wdbc:train_rows=[]"])


def test_thirds_have_no_number_of_training_rows(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="thirds = true determines the held-out rows; remove the option 'train_rows'"):
        tabgenbench.benchmark(
            f"{NAME},train_rows=9",
            "real-resample",
            metrics="moments",
            split={"thirds": True},
            store=tmp_path / "store",
            executor="inline",
        )
