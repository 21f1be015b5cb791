"""The harness from Python: `benchmark` is ``tabgenbench run``, `score` is ``tabgenbench score``."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from tabgenbench.data.split_config import SplitConfig
from tabgenbench.errors import ConfigError, TabGenBenchError
from tabgenbench.interfaces.checks import misfit
from tabgenbench.interfaces.dataset import DatasetSource
from tabgenbench.interfaces.kinds import Kind
from tabgenbench.options import make_options
from tabgenbench.records import Problem
from tabgenbench.registry.data_dir import resolve_data_dir
from tabgenbench.registry.file_source import looks_like_file
from tabgenbench.registry.keys import class_hash
from tabgenbench.registry.manager import Plugins, make_manager
from tabgenbench.registry.memory_source import MemorySource
from tabgenbench.registry.suite import Choice, Suite, find_suite, make_choices, parse_choice
from tabgenbench.run.choose_engine import choose_engine
from tabgenbench.run.plan import OpenedDataset, label_of, open_dataset
from tabgenbench.run.progress import in_notebook, say
from tabgenbench.run.request import RunRequest, carry_out, closing_lines, plan_run
from tabgenbench.run.score_tables import ScoreRequest, score_tables
from tabgenbench.run.state import Run

if TYPE_CHECKING:
    from tabgenbench.interfaces.report import Board

__all__ = ["benchmark", "score"]

NAME = "python"  # of a suite that nobody has named
COMMAND = "tabgenbench.benchmark(...)"
REPORT = "leaderboard"


def benchmark(
    datasets: Any = None,
    generators: Any = None,
    *,
    metrics: Any = None,
    suite: str | Path | None = None,
    name: str | None = None,
    splits: int | None = None,
    seeds: int | None = None,
    first_seed: int | None = None,
    draws: int | None = None,
    split: Mapping[str, Any] | None = None,
    conditions: str | Sequence[str] | None = None,
    group: str | None = None,
    batch: str | None = None,
    ignore: str | Sequence[str] | None = None,
    id: str | None = None,
    scale: str | None = None,
    log2p1: bool | None = None,
    store: str | Path | None = None,
    data_dir: str | Path | None = None,
    device: str = "auto",
    executor: str = "local",
    workers: int | None = None,
    slots_per_gpu: int = 1,
    threads: int | None = None,
    timeout: float | None = None,
    memory: float | None = None,
    retry_failed: bool = False,
) -> Board:
    """Train generators on shared splits of datasets, score their samples, and return the board.

    Does what ``tabgenbench run`` does, with the same keys: what the store has already is not done again. A cell that
    fails raises nothing; the board shows it.

    Args:
        datasets: a `pandas.DataFrame`, an `anndata.AnnData`, a path, a name such as ``"wdbc"``, a class or an instance
            of `DatasetSource`; a list of these, or a dict of data or paths by name.
        generators: a name such as ``"cvae:epochs=30"``, a class or an instance of `Generator`; or a list of these.
        metrics: likewise; by default those of ``suite``, else every registered metric.
        suite: a suite to start from, by name or path; what is given beside it replaces its lists and numbers.
        name: name under which the store keeps what was asked for; by default the suite's, else ``python``.
        splits: number of splits; by default the suite's, else 3.
        seeds: seeds inside each split; by default the suite's, else 1.
        first_seed: the first of the seeds; by default the suite's, else 0.
        draws: samples that a trained model gives; by default the suite's, else 5.
        split: how rows are split, such as ``{"test_fraction": 0.3}``; the fields of `SplitConfig`.
        conditions: columns given to a generator when it samples. This and the next six are for DataFrames, AnnData
            objects and paths; by default columns of text with few values are conditions.
        group: column of the donor, who stays on one side of a split.
        batch: column of the technical source.
        ignore: columns to leave out.
        id: column of sample ids; by default the index.
        scale: what the values are: ``counts``, ``linear``, ``log2p1``, ``lognorm`` or ``standardized``.
        log2p1: whether log2(x + 1) comes before standardisation.
        store: folder that keeps splits, synthetic tables and records; by default a temporary folder that lasts as long
            as the board.
        data_dir: root folder of downloaded data; by default TABGENBENCH_DATA.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:INDEX``.
        executor: what runs cells: ``local`` (processes of this machine) or another registered engine.
        workers: cells at a time; by default as for ``tabgenbench run``.
        slots_per_gpu: cells that share a GPU.
        threads: threads of each cell, part of its key; by default as for ``tabgenbench run``.
        timeout: limit of each fit, each sampling and each metric, in seconds.
        memory: limit of a cell's memory, in GiB.
        retry_failed: whether what failed before is tried again.

    Raises:
        TabGenBenchError: something that is asked for does not fit, or nothing at all succeeded; one sentence says why.
    """
    plugins = make_manager()
    numbers = {"splits": splits, "seeds": seeds, "first_seed": first_seed, "draws": draws}
    lists = {"generators": generators, "metrics": metrics, "split": split, "name": name}
    chosen = _suite(suite, plugins, {**lists, **numbers})
    options = {
        "device": device,
        "executor": executor,
        "address": None,
        "workers": workers,
        "slots_per_gpu": slots_per_gpu,
        "threads": threads,
        "timing": False,
        "timeout": timeout,
        "memory": memory,
        "retry_failed": retry_failed,
    }
    engine = choose_engine(options, plugins)
    engine.warm(chosen, plugins)
    roles = {"conditions": conditions, "group": group, "batch": batch, "ignore": ignore, "id": id}
    said = _given({**roles, "scale": scale, "log2p1": log2p1})
    asked = chosen.datasets if datasets is None else datasets
    opened = _open_all(asked, plugins, resolve_data_dir(data_dir), said)
    with _store_folder(store) as (folder, is_temporary):
        request = RunRequest(
            suite=chosen, datasets=opened, engine=engine, store=folder, say=say, command=COMMAND, is_quiet=True
        )
        run = carry_out(plan_run(request, plugins), plugins)
        for line in closing_lines(run, plugins, with_cells=not in_notebook()):
            say(line)
        _check_something_succeeded(run)
        board: Board = plugins.find("reports", REPORT).load_fitting("reports")().build(folder, chosen.name)
        if is_temporary:
            weakref.finalize(board, shutil.rmtree, folder, ignore_errors=True)
    return board


def score(
    train: Any,
    test: Any,
    synthetic: Any,
    *,
    conditions: str | Sequence[str] = (),
    ignore: str | Sequence[str] = (),
    metrics: Any = None,
    log2p1: bool = False,
    seed: int = 0,
) -> pd.DataFrame:
    """Score synthetic rows that another program made, with the metrics of a run; in this process.

    The three tables have the same features, in any order of columns and rows.

    Args:
        train: rows that the model was trained on: a `pandas.DataFrame`, an `anndata.AnnData` or a path.
        test: held-out real rows.
        synthetic: rows that the model made, for the conditions of ``test``.
        conditions: columns that are conditions and no features; without them all rows are of one condition.
        ignore: columns to leave out.
        metrics: a name such as ``"gamma"``, a class or an instance of `Metric`, or a list of these; by default every
            registered metric.
        log2p1: whether log2(x + 1) comes before standardisation by the training rows.
        seed: seed of metrics that draw.

    Returns:
        One row a score: ``metric``, ``score``, ``value`` (NaN where there is none), ``direction`` (``higher``,
        ``lower`` or ``best at 1``), ``status`` and ``reason``.

    Raises:
        TabGenBenchError: a table or a metric cannot be used, or every metric failed; one sentence says why.
    """
    plugins = make_manager()
    request = ScoreRequest(
        train=train,
        test=test,
        synthetic=synthetic,
        conditions=_names(conditions),
        ignore=_names(ignore),
        log2p1=log2p1,
        metrics=metrics,
        seed=seed,
    )
    found = pd.DataFrame([vars(row) for row in score_tables(request, plugins)])
    if not (found["status"] == "ok").any():
        first = found.iloc[0]
        raise TabGenBenchError(f"no metric gave a score: {first['metric']}: {first['status']}: {first['reason']}")
    return found.astype({"value": float})


def _names(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _suite(start: str | Path | None, plugins: Plugins, values: Mapping[str, Any]) -> Suite:
    """Return a suite of what is given, the rest from the suite to start from."""
    changes = _given(values)
    kinds: tuple[Kind, ...] = ("generators", "metrics")
    for kind in kinds:
        if kind in changes:
            changes[kind] = make_choices(kind, changes[kind], plugins)
    if "split" in changes:
        changes["split"] = make_options(SplitConfig, changes["split"], where="split")
    if not re.fullmatch(r"[\w.-]+", changes.get("name", NAME)):
        raise ConfigError(f"name: got {changes['name']!r}, expected letters, digits, '-', '_' and '.'; rename it")
    base = {"name": NAME, "datasets": (), "generators": ()} if start is None else dict(find_suite(str(start), plugins))
    merged = {**base, **changes}
    merged.setdefault("metrics", make_choices("metrics", list(plugins.entries("metrics")), plugins))
    for kind in kinds:
        if not merged[kind]:
            known = ", ".join(plugins.entries(kind))
            raise ConfigError(f"{kind}: none is given; name some, or a suite to start from; known: {known}")
    return make_options(Suite, merged, where="benchmark")


def _open_all(given: Any, plugins: Plugins, data_dir: Path | None, said: Mapping[str, Any]) -> list[OpenedDataset]:
    """Return the datasets that are given; ``said`` is for data and paths alone."""
    if isinstance(given, Mapping):
        pairs: list[tuple[str | None, Any]] = [(str(name), one) for name, one in given.items()]
    else:
        pairs = [(None, one) for one in (given if isinstance(given, list | tuple) else [given])]
    if not pairs or pairs[0][1] is None:
        raise ConfigError("datasets: none is given; give a DataFrame, an AnnData object, a path or a name")
    used = [one for _, one in pairs if not _has_roles(one)]
    if said and len(used) == len(pairs):
        raise ConfigError(
            f"{next(iter(said))}: only DataFrames, AnnData objects and paths take it; write NAME:key=value for a "
            "dataset by name"
        )
    return [_open(one, name, plugins, data_dir, said) for name, one in pairs]


def _has_roles(item: Any) -> bool:
    """Whether the columns of a dataset are for the caller to explain: it is data or a path."""
    if isinstance(item, str | Choice):
        return looks_like_file(item if isinstance(item, str) else item.name)
    return not isinstance(item, type | DatasetSource)


def _open(
    item: Any, name: str | None, plugins: Plugins, data_dir: Path | None, said: Mapping[str, Any]
) -> OpenedDataset:
    naming = {} if name is None else {"name": name}
    if isinstance(item, Path):
        item = Choice(name=str(item))
    if isinstance(item, str | Choice):
        choice = parse_choice(item)
        if not _has_roles(item):
            if naming:
                raise ConfigError(f"datasets: {name!r} stands for {choice.name!r}, which has a name; list it without")
            return open_dataset(choice, plugins, data_dir)
        options = {**choice.options, **said, **naming}
        opened = open_dataset(Choice(name=choice.name, options=options), plugins, data_dir)
        return opened._replace(label=opened.source.name)  # what is said holds for all: it tells no two apart
    if isinstance(item, type | DatasetSource):
        kind = item if isinstance(item, type) else type(item)
        if isinstance(item, type) and (reason := misfit("datasets", kind)):
            raise ConfigError(f"datasets: {reason}")
        source: DatasetSource = kind(data_dir=data_dir) if isinstance(item, type) else item
        if naming:
            raise ConfigError(f"datasets: {name!r} stands for {source.name!r}, which has a name; list it without")
        return OpenedDataset(source, class_hash(kind), label_of(source.name, source.config))
    held = MemorySource(item, **{**said, **naming})
    return OpenedDataset(held, class_hash(MemorySource), held.name)


@contextlib.contextmanager
def _store_folder(given: str | Path | None) -> Iterator[tuple[Path, bool]]:
    """Give the folder of the store, and whether it is temporary: then an error in the block removes it."""
    if given is not None:
        yield Path(given).expanduser(), False
        return
    folder = Path(tempfile.mkdtemp(prefix="tabgenbench-store-"))
    try:
        yield folder, True
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _check_something_succeeded(run: Run) -> None:
    """Raise where no cell has a score, with the first reason; a plugin's traceback goes with it as a note."""
    found = [*run.problems, *run.skipped]
    without = {(problem.cell, problem.metric) for problem in found}
    for cell in run.plan.cells:
        if (cell.title, None) not in without and any((cell.title, label) not in without for label in cell.metric_keys):
            return
    first = found[0]
    error = TabGenBenchError(f"no cell of {run.n_cells} has a score: {first.title}: {first.status}: {first.reason}")
    trace = _traceback_of(first, run)
    if trace:
        error.add_note(trace)
    raise error


def _traceback_of(problem: Problem, run: Run) -> str:
    [cell] = [cell for cell in run.plan.cells if cell.title == problem.cell]
    if problem.metric is None:
        record = run.not_kept.get(cell.key) or run.store.read_cell(cell.key)
        return "" if record is None else record.traceback
    score = run.store.read_score(cell.key, cell.metric_keys[problem.metric])
    return "" if score is None else score.traceback
