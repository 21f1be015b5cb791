"""Runners with different limits on one store, and a runner whose file system fails; nothing is trained."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from tabgenbench import Card, Generator, Schema
from tabgenbench.engines.base import Engine, EngineOptions, Outcome, Task, Usage
from tabgenbench.errors import StoreError
from tabgenbench.records import CellIdentity, CellRecord, Environment
from tabgenbench.registry.manager import Plugins, make_manager
from tabgenbench.registry.suite import Suite
from tabgenbench.run.plan import Cell, GeneratorChoice, Plan
from tabgenbench.run.preflight import Refusal, refused_record, was_refused
from tabgenbench.run.runner import execute
from tabgenbench.run.state import Run, RunOptions
from tabgenbench.run.tasks import FitPayload
from tabgenbench.store.claims import Claims
from tabgenbench.store.store import Store

GIBIBYTE = 2**30


class Large(Generator):
    """Estimates a memory of 6 GiB."""

    name, card = "large", Card("says that it needs 6 GiB")

    def estimate_memory(self, schema: Schema, n_rows: int, n_features: int) -> int:
        """Return 6 GiB."""
        return 6 * GIBIBYTE

    def fit(self, *_: Any) -> None:
        """Do nothing."""

    def sample(self, *_: Any) -> Any:
        """Do nothing."""


class Fake(Engine):
    """An engine that runs preflight in this process and calls ``fit`` instead of training.

    A task that never ends is ended when the engine is closed, like a process.
    """

    def __init__(
        self,
        fit: Callable[[], Outcome | None] = lambda: Outcome(status="ok"),
        *,
        tables: tuple[str, ...] = ("draw-0.h5ad",),
        asked: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(EngineOptions())
        self.fit, self.asked, self.fits, self.closed, self.tables = fit, asked, 0, False, tables
        self._endless: list[Future[Outcome]] = []

    @classmethod
    def settle(cls, options: EngineOptions) -> EngineOptions:
        """Return the options."""
        return options

    def submit(self, task: Task, on_message: Callable[[Any], None]) -> Future[Outcome]:
        """Run the task immediately."""
        future: Future[Outcome] = Future()
        if not isinstance(task.payload, FitPayload):
            self.asked()
            future.set_result(Outcome(status="ok", value=task.function(task.payload, on_message)))
            return future
        self.fits += 1
        outcome = self.fit()
        for name in self.tables:
            (task.payload.out_folder / name).write_bytes(b"table")
        if outcome is None:
            self._endless.append(future)
        else:
            future.set_result(outcome)
        return future

    def close(self) -> None:
        """End the tasks that never end."""
        self.closed = True
        for future in self._endless:
            future.set_result(Outcome(status="crashed", reason="ended", phases={"fit": Usage()}))
        self._endless.clear()


@pytest.fixture
def plugins() -> Plugins:
    return make_manager(points=())


@pytest.fixture
def begin(tmp_path: Path) -> Callable[..., Run]:
    """Create runs of one or more cells of `Large` on one store; each run opens the store itself."""

    def begin(*, seeds: int = 1, **options: Any) -> Run:
        store = Store(tmp_path / "store")
        store.prepare()
        suite = Suite(name="suite", datasets=(), generators=(), metrics=())
        cells = tuple(make_cell(seed) for seed in range(seeds))
        plan = Plan(suite=suite, cells=cells, metrics={}, notes={}, schemas={"tiny": Schema()})
        return Run(plan=plan, store=store, options=RunOptions(**options))

    return begin


def make_cell(seed: int) -> Cell:
    card = Card()
    identity = CellIdentity(
        dataset="tiny",
        dataset_fingerprint="",
        split=0,
        split_fingerprint="",
        n_train=8,
        n_validation=0,
        n_test=2,
        n_features=3,
        generator="large",
        label="large",
        config={},
        card=card,
        is_control=False,
        seed=seed,
        draws=1,
    )
    choice = GeneratorChoice(
        name="large",
        distribution="",
        label="large",
        target=f"{__name__}:Large",
        config={},
        card=card,
        is_control=False,
        code="",
    )
    return Cell(key=f"cell{seed}", identity=identity, generator=choice, metric_keys={})


def test_what_another_runner_refuses_is_trained_by_one_that_can(begin: Callable[..., Run], plugins: Plugins) -> None:
    run, beside = begin(seeds=2, memory=16 * GIBIBYTE), begin(seeds=2, memory=GIBIBYTE)

    def fit() -> Outcome:
        if executor.fits == 1:  # while the first cell is trained, another runner joins
            execute(beside, plugins, Fake)
        return Outcome(status="ok")

    executor = Fake(fit)
    execute(run, plugins, lambda: executor)
    assert [problem.cell[-1] for problem in beside.skipped] == ["0", "1"]
    assert "limit 1.0 GiB (--memory)" in beside.skipped[0].reason  # also of the cell that is in training
    assert beside.problems == []
    assert executor.fits == 2
    assert [record.status for record in run.store.cells()] == ["ok", "ok"]
    assert (run.problems, run.skipped) == ([], [])


@pytest.mark.parametrize("status", ["ok", "failed", "skipped"])
def test_a_refusal_takes_the_place_of_no_record_that_was_made_meanwhile(
    begin: Callable[..., Run], plugins: Plugins, status: Any
) -> None:
    run = begin(memory=GIBIBYTE)
    cell = run.plan.cells[0]
    made = CellRecord(key=cell.key, cell=cell.identity, status=status, reason="of another runner")
    execute(run, plugins, lambda: Fake(asked=lambda: run.store.write_cell(made)))
    assert cell.key in run.preflight.refusals
    assert run.store.read_cell(cell.key) == made


def test_a_refusal_is_written_under_a_claim_alone(begin: Callable[..., Run], plugins: Plugins) -> None:
    run = begin(seeds=2, memory=GIBIBYTE)
    claims = Claims(Store(run.store.root))
    assert claims.acquire("cell0")
    execute(run, plugins, Fake)
    assert [record.key for record in run.store.cells()] == ["cell1"]
    assert len(run.skipped) == 2
    assert claims.owners().keys() == {"cell0"}


def test_what_failed_before_may_be_refused_and_is_then_trained(begin: Callable[..., Run], plugins: Plugins) -> None:
    run = begin(memory=GIBIBYTE, retry_failed=True)
    cell = run.plan.cells[0]
    run.store.write_cell(CellRecord(key=cell.key, cell=cell.identity, status="failed"))
    execute(run, plugins, Fake)
    record = run.store.read_cell(cell.key)
    assert record is not None
    assert was_refused(record)
    run.store.write_cell(refused_record(cell, Refusal("another limit"), Environment()))
    again = begin(memory=16 * GIBIBYTE)
    execute(again, plugins, Fake)
    assert [record.status for record in again.store.cells()] == ["ok"]


def test_a_refresh_that_fails_is_tried_again(
    begin: Callable[..., Run], plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tabgenbench.run.runner.REFRESH_SECONDS", 0.01)
    beats, recovered = [], threading.Event()
    refresh = Claims.refresh

    def flaky(self: Claims) -> list[str]:
        beats.append(time.monotonic())
        if len(beats) < 3:
            raise OSError(errno.ESTALE, "Stale file handle")
        recovered.set()
        return refresh(self)

    def fit() -> Outcome:
        assert recovered.wait(30)
        return Outcome(status="ok")

    monkeypatch.setattr(Claims, "refresh", flaky)
    run = begin()
    execute(run, plugins, lambda: Fake(fit))
    assert run.problems == []


def test_a_run_without_a_heartbeat_ends_what_it_trains(
    begin: Callable[..., Run], plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tabgenbench.run.runner.REFRESH_SECONDS", 0.01)
    monkeypatch.setattr("tabgenbench.run.runner.GIVE_UP_SECONDS", 0.1)

    def fail(self: Claims) -> list[str]:
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(Claims, "refresh", fail)
    run, executor = begin(), Fake(lambda: None)  # a training that ends only with the executor
    with pytest.raises(StoreError, match=r"store cannot be .* \(Stale file handle\).*repeat the command to resume"):
        execute(run, plugins, lambda: executor)
    assert executor.closed
    assert list(run.store.cells()) == []
    assert Claims(run.store).owners() == {}


def test_when_one_thread_fails_the_others_are_not_waited_for(
    begin: Callable[..., Run], plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Store, record: CellRecord) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Store, "write_cell", fail)
    run = begin(seeds=2, workers=2)
    outcomes: list[Outcome | None] = [None, Outcome(status="ok")]
    executor = Fake(lambda: outcomes.pop(0))
    with pytest.raises(StoreError, match="No space left on device"):
        execute(run, plugins, lambda: executor)
    assert executor.fits == 2
    assert not list((run.store.root / "tmp").iterdir())


def test_an_error_that_is_not_of_the_store_passes(
    begin: Callable[..., Run], plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error in (BrokenPipeError(errno.EPIPE, "Broken pipe"), OSError(errno.ENOSPC, "No space left", "/elsewhere/x")):

        def fail(self: Store, record: CellRecord, error: OSError = error) -> None:
            raise error

        monkeypatch.setattr(Store, "write_cell", fail)
        with pytest.raises(type(error)) as caught:
            execute(begin(), plugins, Fake)
        assert caught.value is error


def test_a_task_that_removes_its_tables_has_failed(begin: Callable[..., Run], plugins: Plugins) -> None:
    run = begin()
    execute(run, plugins, lambda: Fake(tables=()))
    record = run.store.read_cell(run.plan.cells[0].key)
    assert record is not None
    assert (record.status, record.reason) == ("failed", "draw-0.h5ad was written, then removed by the task")
