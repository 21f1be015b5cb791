from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.helpers.cell_records import planned_cell

from tabgenbench.run.budget import Budget
from tabgenbench.run.cell_queue import CellQueue
from tabgenbench.run.plan import Cell
from tabgenbench.store.claims import Claims
from tabgenbench.store.store import Store

SLOW, CHEAP, LATER = (planned_cell(name, split=split) for name, split in (("slow", 0), ("cheap", 0), ("later", 1)))
SECONDS = {"slow": 100.0, "cheap": 1.0, "later": 1.0}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.prepare()
    return store


def queue_of(cells: Sequence[Cell], store: Store, budget: Budget | None) -> CellQueue:
    run = SimpleNamespace(todo=list(cells), budget=budget, seconds_of=lambda cell: SECONDS[cell.key])
    return CellQueue(cast(Any, run), Claims(store), threading.Event())


def test_without_a_budget_cells_come_as_they_are_offered(store: Store) -> None:
    queue = queue_of([SLOW, CHEAP], store, None)
    queue.offer([CHEAP])
    assert queue.next() is CHEAP
    queue.offer([SLOW])
    assert queue.waiting == [SLOW]
    assert queue.next() is SLOW
    queue.end_offers()
    assert queue.next() is None


def test_with_a_budget_a_later_round_waits_until_all_cells_are_offered(store: Store) -> None:
    queue = queue_of([LATER, SLOW, CHEAP], store, Budget(1000.0))
    queue.offer([LATER])
    found: list[Cell | None] = []
    thread = threading.Thread(target=lambda: found.append(queue.next()))
    thread.start()
    queue.offer([SLOW, CHEAP])
    thread.join(10)
    assert found[0] in (SLOW, CHEAP)
    queue.end_offers()
    assert [queue.next(), queue.next(), queue.next()] == [CHEAP if found[0] is SLOW else SLOW, LATER, None]


def test_no_cell_starts_after_one_that_does_not_fit(store: Store) -> None:
    queue = queue_of([SLOW, CHEAP, LATER], store, Budget(50.0))
    queue.offer([SLOW, CHEAP, LATER])
    queue.end_offers()
    assert [queue.next(), queue.next(), queue.next()] == [CHEAP, None, None]
    assert queue.waiting == [SLOW, LATER]
    assert Claims(store).acquire(SLOW.key)  # it is not claimed: another runner may have the time


def test_a_cell_of_another_runner_counts_as_started(store: Store) -> None:
    queue, other = queue_of([SLOW, CHEAP, LATER], store, Budget(50.0)), Claims(store)
    queue.offer([SLOW, CHEAP, LATER])
    queue.end_offers()
    assert other.acquire(SLOW.key)
    assert [queue.next(), queue.next()] == [CHEAP, LATER]
