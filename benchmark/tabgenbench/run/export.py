"""Export of a stored synthetic table, or of new rows from a saved or retrained generator."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tabgenbench.data.file_form import out_of_calendar
from tabgenbench.data.h5ad import read_table, read_transform
from tabgenbench.data.split_files import find_damage
from tabgenbench.data.table import Table
from tabgenbench.engines.base import Limits, Outcome, Task
from tabgenbench.engines.devices import resolve_device
from tabgenbench.engines.scratch import new_scratch, remove_folder
from tabgenbench.errors import ConfigError, DeviceError, StoreError, TabGenBenchError
from tabgenbench.formatting import count_text
from tabgenbench.interfaces.generator import Generator, Progress
from tabgenbench.interfaces.persistent import Persistent
from tabgenbench.options import make_options
from tabgenbench.records import CellRecord
from tabgenbench.registry.keys import class_hash
from tabgenbench.registry.lazy import target_of
from tabgenbench.registry.manager import Plugins
from tabgenbench.run.choose_engine import EngineChoice, choose_engine
from tabgenbench.run.find_cell import CellChoice, find_cell
from tabgenbench.run.plan import cell_key
from tabgenbench.run.preloads import preload_for
from tabgenbench.run.rows_task import ROWS_FILE, RowsPayload, check_given, sample_rows
from tabgenbench.run.training import FitPayload
from tabgenbench.store.store import Store

__all__ = ["ExportFailed", "ExportRequest", "Exported", "make_rows"]

PROGRESS_SECONDS = 5.0  # minimum time between lines of progress


class ExportFailed(TabGenBenchError):
    """A generator failed while it was trained again or while it sampled rows."""


@dataclass(frozen=True, kw_only=True)
class ExportRequest:
    """Request for a synthetic table.

    Attributes:
        store: folder of results, which is only read.
        choice: the training (cell) whose generator samples the rows.
        rows: number of new rows, or None for a stored synthetic table.
        draw: number of the stored synthetic table. For new rows, another number gives other rows.
        given: values of condition columns that new rows must have.
        options: ``executor``, ``device``, ``timeout`` and ``memory``, as for a run. By default, rows are sampled on the
            device of the training.
        say: function that prints a line on the progress of the export.
    """

    store: Path
    choice: CellChoice
    rows: int | None = None
    draw: int = 0
    given: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    say: Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A synthetic table on the dataset's own scale, the record of the training, and a text on the table's origin."""

    table: Table
    record: CellRecord
    origin: str


def make_rows(request: ExportRequest, plugins: Plugins) -> Exported:
    """Return the requested synthetic table.

    Raises:
        ConfigError: the request matches no training in the store, or an option is invalid.
        StoreError: the store or the split on which the generator was trained cannot be read.
        ExportFailed: the generator failed.
    """
    if request.given and request.rows is None:
        raise ConfigError("--condition: needs --rows, because a stored draw has the conditions of the test rows")
    store = Store(request.store)
    store.on_quarantine = lambda found: request.say(f"corrupt: {found}")
    record = find_cell(store, request.choice, plugins, request.say)
    if request.rows is None:
        n_draws = record.cell.draws
        if n_draws == 0:
            raise ConfigError(f"{record.cell.title} was run with draws = 0 and has no synthetic table; add --rows")
        if request.draw >= n_draws:
            raise ConfigError(
                f"--draw: got {request.draw}, the cell has draws 0 to {n_draws - 1}; add --rows for new ones"
            )
        if store.draw_is_whole(record, request.draw):
            path = store.draw_path(record.key, request.draw)
            return _finished(path, record, f"draw {request.draw}", request)
        request.say(f"draw {request.draw} of {record.cell.title} was removed or is corrupt; it is sampled again")
    folder = new_scratch()
    try:
        return _Sampling(request, plugins, store, record, folder).make()
    finally:
        remove_folder(folder)


def _finished(path: Path, record: CellRecord, origin: str, request: ExportRequest) -> Exported:
    table = read_transform(path).invert(read_table(path))
    for name, n in out_of_calendar(table).items():
        request.say(f"column {name!r}: {n:,} dates are before 1677 or after 2262; they are moved to these limits")
    return Exported(table=table, record=record, origin=origin)


class _Sampling:
    def __init__(
        self, request: ExportRequest, plugins: Plugins, store: Store, record: CellRecord, folder: Path
    ) -> None:  # house: the parts of one export, set once
        self.request, self.store, self.record, self.folder = request, store, record, folder
        self.say = request.say
        entry = plugins.find("generators", record.cell.generator)
        self.kind: type[Generator] = entry.load_fitting("generators")
        self.distribution = entry.plugin.partition(":")[0]
        config = make_options(self.kind.Config, record.cell.config, where=f"generator {record.cell.generator!r}")
        self.config = config.model_dump(mode="json")
        self.split = store.split_folder(record.cell.split_fingerprint)
        if damage := find_damage(self.split):
            raise StoreError(f"{self.split}: {damage}, so no rows can be sampled; run the suite again")
        check_given(read_table(self.split / "train.h5ad").conditions, request.given)
        self.engine = self._engine(plugins)

    def make(self) -> Exported:
        """Return rows from the saved model; if this is impossible, train the generator again."""
        self._warn_of_other_code()
        damage = self.store.find_model_damage(self.record)
        if not damage and not issubclass(self.kind, Persistent):
            damage = f"generator {self.kind.name!r} cannot load one any more"
        what = f"draw {self.request.draw}" if self.request.rows is None else "new rows"
        if not damage:
            outcome = self._run(self.store.model_folder(self.record.key))
            if outcome.status == "ok":
                return self._result(outcome, f"{what} of the kept model")
            damage = f"the kept model gives no rows: {outcome.status}: {outcome.reason}"
        self.say(f"{self.record.cell.title}: {damage}; training again with the same seed and options")
        outcome = self._run(None)
        if outcome.status != "ok":
            raise ExportFailed(f"{self.record.cell.title}: {outcome.status}: {outcome.reason}")
        return self._result(outcome, f"{what} of the model trained again")

    def _engine(self, plugins: Plugins) -> EngineChoice:
        options, environment = self.request.options, self.record.environment
        device = options.get("device")
        if device is None:
            device = "cpu" if environment.device == "cpu" else environment.device
            try:
                resolve_device(device)
            except DeviceError:
                self.say(f"{device}, which trained the cell, does not exist here; using the CPU")
                device = "cpu"
        fixed = {"workers": 1, "slots_per_gpu": 1, "address": None, "timing": False, "retry_failed": False}
        asked = {"executor": "local", "timeout": None, "memory": None, **options, "device": device}
        return choose_engine({**asked, **fixed, "keep_models": None, "threads": environment.threads or None}, plugins)

    def _warn_of_other_code(self) -> None:
        run = self.engine.run_options
        key = cell_key(
            self.record.cell, code=class_hash(self.kind), device=run.device.partition(":")[0], threads=run.threads
        )
        if key != self.record.key:
            self.say(
                f"the code of {self.kind.name!r}, the device or the number of threads differs from that of the cell, "
                "so rows may differ from those that the board scored"
            )

    def _run(self, model: Path | None) -> Outcome:
        run = self.engine.run_options
        out = self.folder / ("again" if model is None else "kept")
        out.mkdir()
        cell, request = self.record.cell, self.request
        training = FitPayload(
            target=target_of(self.kind),
            options=self.config,
            split_folder=self.split.absolute(),
            out_folder=out,
            draws=0,
            seed=cell.seed,
            device="cpu" if run.device == "cpu" else "cuda:0",  # a task sees only the GPU of its slot
            timeout=run.timeout,
        )
        model = None if model is None else model.absolute()
        payload = RowsPayload(
            training=training, model=model, rows=request.rows, draw=request.draw, given=dict(request.given)
        )
        task = Task(
            function=sample_rows,
            payload=payload,
            limits=Limits(threads=run.threads, timeout=run.timeout, memory=run.memory),
            log=self.folder / f"{out.name}.log",
            reads=(training.split_folder, *([] if model is None else [model])),
            writes=out,
            uses_gpu=run.device != "cpu",
            preload=preload_for(training.target),
            distributions=(self.distribution,),
        )
        engine = self.engine.make(None)
        try:
            return engine.submit(task, _Reporter(self.say)).result()
        finally:
            engine.close()

    def _result(self, outcome: Outcome, origin: str) -> Exported:
        for one in outcome.value["fallbacks"]:
            self.say(f"{count_text(one['rows'], 'row')} of {one['condition']}: {one['rule']}")
        for note in outcome.value["notes"]:
            self.say(note)
        name = "again" if origin.endswith("again") else "kept"
        return _finished(self.folder / name / ROWS_FILE, self.record, origin, self.request)


class _Reporter:
    def __init__(self, say: Callable[[str], None]) -> None:
        self.say, self.last = say, time.monotonic()

    def __call__(self, message: Any) -> None:
        now = time.monotonic()
        if isinstance(message, Progress) and now - self.last >= PROGRESS_SECONDS:
            self.last = now
            losses = "".join(f", {name} {value:.4g}" for name, value in message.losses.items())
            self.say(f"  epoch {message.epoch} of {message.of}{losses}")
