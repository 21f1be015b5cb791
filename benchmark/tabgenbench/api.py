"""Functions `benchmark`, `score` and `export`, which do the work of the commands ``run``, ``score`` and ``export``."""

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

from tabgenbench.data.file_form import to_frame
from tabgenbench.data.split_config import SplitConfig
from tabgenbench.data.write_file import check_target, write_file
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
from tabgenbench.registry.suite import Choice, Suite, dataset_choices, find_suite, make_choices, parse_choice
from tabgenbench.run.choose_engine import choose_engine
from tabgenbench.run.export import ExportRequest, make_rows
from tabgenbench.run.find_cell import CellChoice
from tabgenbench.run.name_tables import is_one_table
from tabgenbench.run.plan import OpenedDataset, label_of, open_dataset
from tabgenbench.run.progress import in_notebook, say
from tabgenbench.run.rank_tables import ranked_board
from tabgenbench.run.request import RunRequest, carry_out, closing_lines, plan_run
from tabgenbench.run.score_tables import ScoreRequest, score_tables
from tabgenbench.run.state import Run

if TYPE_CHECKING:
    from tabgenbench.interfaces.report import Board

__all__ = ["benchmark", "export", "score"]

NAME = "python"  # default name of a suite
COMMAND = "tabgenbench.benchmark(...)"
REPORT = "leaderboard"


def benchmark(  # house: a parameter each and its description; the body has forty lines
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
    layer: str | None = None,
    per_10k: bool | None = None,
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
    keep_models: bool | None = None,
) -> Board:
    """Train all generators on the same splits, score their synthetic tables, and return the board (leaderboard).

    Results that are already in the store are not computed again. If training or scoring of a generator fails, no error
    is raised; the board lists the failure.

    Args:
        datasets: a `pandas.DataFrame`, an `anndata.AnnData`, a path, a name such as ``"wdbc"``, or a class or an
            instance of `DatasetSource`. To use several datasets, pass a list, or a dict that maps names to data or
            paths.
        generators: a name such as ``"cvae:epochs=30"``, a class or an instance of `Generator`, or a list.
        metrics: a name, a class or an instance of `Metric`, or a list; by default the metrics of ``suite``, else every
            registered metric.
        suite: name or path of a suite, a file that defines a run. Other arguments replace values of the suite.
        name: name under which the run is stored; by default the name of ``suite``, else ``python``.
        splits: number of splits; by default the number in ``suite``, else 3.
        seeds: number of seeds within each split; by default the number in ``suite``, else 1.
        first_seed: the first seed; by default the first seed in ``suite``, else 0.
        draws: number of synthetic tables that each trained model samples; by default the number in ``suite``, else 5.
        split: fields of `SplitConfig`, such as ``{"test_fraction": 0.3}``.
        conditions: columns whose values a generator gets for sampling; by default columns with a usual name such as
            ``label``. The arguments from ``conditions`` to ``per_10k`` apply only to DataFrames, AnnData objects and
            paths.
        group: column of the donor; all rows of a donor are on the same side of a split.
        batch: column of the technical source of a row, such as a laboratory.
        ignore: columns to exclude.
        id: column of sample ids; by default the index of a DataFrame or AnnData object.
        scale: scale that the given values have: ``counts``, ``linear``, ``log2p1``, ``lognorm`` or ``standardized``.
        log2p1: whether to take log2(x + 1) before standardisation.
        layer: layer of an AnnData object or h5ad file to read, such as ``counts``; by default ``X``.
        per_10k: whether features are counts, such as gene counts of single cells; metrics then use log1p(counts per
            10,000).
        store: folder for splits, synthetic tables and results; by default a temporary folder, which is deleted when the
            returned board is deleted.
        data_dir: root folder of downloaded data; by default the value of the environment variable TABGENBENCH_DATA.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:INDEX``.
        executor: engine that runs the trainings: ``local`` (processes on this machine) or another registered engine.
        workers: number of trainings that run at the same time. By default, ``local`` runs ``slots_per_gpu`` per GPU;
            without a GPU, it runs one per core, but at most 8.
        slots_per_gpu: number of trainings that share a GPU.
        threads: threads per training; by default, ``local`` divides the cores by ``workers``. Results with another
            number of threads are not reused.
        timeout: time limit of each fit, each sampling and each metric, in seconds; by default none.
        memory: memory limit of each training, in GiB; by default 90 % of the memory of the machine or container.
        retry_failed: whether to repeat trainings and metrics that failed before.
        keep_models: whether to keep trained models in the store; by default, models of at most 64 MiB are kept.

    Raises:
        TabGenBenchError: an argument is invalid, or no training has a score; the message gives the reason.
    """
    plugins = make_manager()
    numbers = {"splits": splits, "seeds": seeds, "first_seed": first_seed, "draws": draws}
    is_other = any(one is not None for one in (datasets, generators, metrics))
    summary = "" if is_other else None  # the suite's summary describes the suite's own lists
    lists = {"generators": generators, "metrics": metrics, "split": split, "name": name, "summary": summary}
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
        "keep_models": keep_models,
    }
    engine = choose_engine(options, plugins)
    engine.warm(chosen, plugins)
    roles = {"conditions": conditions, "group": group, "batch": batch, "ignore": ignore, "id": id}
    said = _given({**roles, "scale": scale, "log2p1": log2p1, "layer": layer, "per_10k": per_10k})
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
    out: str | Path | None = None,
) -> pd.DataFrame:
    """Score synthetic rows from other programs with the metrics of TabGenBench, in the current process.

    If ``synthetic`` contains several tables, or ``out`` is given, the synthetic tables are ranked together with
    controls (simple generators). All tables need the same features; rows and columns may be in any order.

    Args:
        train: training rows of the model: a `pandas.DataFrame`, an `anndata.AnnData` or a path.
        test: held-out real rows.
        synthetic: synthetic rows, if possible one with the condition of each test row. To rank several tables, pass a
            dict of tables by name, a list of paths, or a folder of files.
        conditions: columns that are conditions, not features; if empty, all rows have the same condition.
        ignore: columns to exclude.
        metrics: a name such as ``"gamma"``, a class or an instance of `Metric`, or a list of these; by default all
            registered metrics whose optional packages are installed.
        log2p1: whether to take log2(x + 1) before standardisation by the training rows.
        seed: seed of the controls and of metrics that use random numbers.
        out: folder to which a board is written, in all formats.

    Returns:
        One row per score, with the columns ``metric``, ``score``, ``value`` (NaN if missing), ``direction``
        (``higher``, ``lower`` or ``best at 1``), ``status`` and ``reason``. For several tables or with ``out``, the
        data frame is `tabgenbench.Board.scores`; its column ``label`` names a table or a control.

    Raises:
        TabGenBenchError: a table or a metric cannot be used, or every metric failed; the message gives the reason.
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
        say=say,
    )
    if out is not None or not is_one_table(synthetic):
        with ranked_board(request, plugins, command="tabgenbench.score(...)") as board:
            if out is not None:
                board.save(Path(out).expanduser())
            return board.scores
    found = pd.DataFrame([vars(row) for row in score_tables(request, plugins)])
    if not (found["status"] == "ok").any():
        first = found.iloc[0]
        raise TabGenBenchError(f"no metric returned a score: {first['metric']}: {first['status']}: {first['reason']}")
    return found.astype({"value": float})


def export(
    store: str | Path,
    generator: Any = None,
    dataset: str | Path | None = None,
    *,
    cell: str = "",
    split: int | None = None,
    seed: int | None = None,
    rows: int | None = None,
    draw: int = 0,
    conditions: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    device: str | None = None,
    executor: str = "local",
    timeout: float | None = None,
    memory: float | None = None,
) -> pd.DataFrame:
    """Return a synthetic table of a run, with the columns and types of the file of the dataset.

    A cell is one training of a generator on one split of a dataset with one seed.

    Args:
        store: folder of the store; it is only read.
        generator: label such as ``"cvae:epochs=30"``, class or instance of the generator; may be omitted if the store
            has only one.
        dataset: name or path of the dataset; may be omitted if the store has only one.
        cell: key (hash) or title of the cell, or the first characters of the key; if it is given, ``generator``,
            ``dataset``, ``split`` and ``seed`` must not be given.
        split: number of the split; by default the lowest.
        seed: seed of the cell; by default the lowest.
        rows: number of new rows to sample; if the store lacks the model, the generator is trained again. By default, a
            stored synthetic table is returned.
        draw: index of the stored synthetic table. With ``rows``, each number gives other random rows.
        conditions: values that condition columns get in all new rows, such as ``{"status": "normal"}``.
        out: CSV, Parquet or h5ad file to which the table is also written.
        overwrite: whether an existing file is replaced.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:INDEX``; by default the device of the original training, or the
            CPU if this device does not exist here.
        executor: engine that runs the sampling, such as ``local``.
        timeout: time limit of training and of sampling, in seconds; by default none.
        memory: memory limit, in GiB; by default 90 % of the memory of the machine or container.

    Raises:
        TabGenBenchError: no cell matches the arguments, the file cannot be written, or the generator failed.
    """
    if out is not None:
        check_target(Path(out), overwrite=overwrite)
    request = ExportRequest(
        store=Path(store).expanduser(),
        choice=CellChoice(cell=cell, generator=generator, dataset=dataset, split=split, seed=seed),
        rows=rows,
        draw=draw,
        given={name: str(value) for name, value in (conditions or {}).items()},
        options={"device": device, "executor": executor, "timeout": timeout, "memory": memory},
        say=say,
    )
    table = make_rows(request, make_manager()).table
    return to_frame(table) if out is None else write_file(table, Path(out), overwrite=overwrite)


def _names(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _suite(start: str | Path | None, plugins: Plugins, values: Mapping[str, Any]) -> Suite:
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
            raise ConfigError(f"{kind}: got none; pass at least one, or a suite to start from; known: {known}")
    return make_options(Suite, merged, where="benchmark")


def _open_all(given: Any, plugins: Plugins, data_dir: Path | None, said: Mapping[str, Any]) -> list[OpenedDataset]:
    if isinstance(given, Mapping):
        pairs: list[tuple[str | None, Any]] = [(str(name), one) for name, one in given.items()]
    else:
        items = given if isinstance(given, list | tuple) else [given]
        each = [dataset_choices([one]) if isinstance(one, str | Choice) else [one] for one in items]
        pairs = [(None, one) for found in each for one in found]
    if not pairs or pairs[0][1] is None:
        raise ConfigError("datasets: got none; pass a DataFrame, an AnnData object, a path or a name")
    used = [one for _, one in pairs if not _has_roles(one)]
    if said and len(used) == len(pairs):
        raise ConfigError(
            f"{next(iter(said))}: only DataFrames, AnnData objects and paths accept it; write NAME:key=value for a "
            "registered dataset"
        )
    return [_open(one, name, plugins, data_dir, said) for name, one in pairs]


def _has_roles(item: Any) -> bool:
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
                raise ConfigError(f"datasets: {name!r} stands for {choice.name!r}, which has a name; pass a list")
            return open_dataset(choice, plugins, data_dir)
        options = {**choice.options, **said, **naming}
        opened = open_dataset(Choice(name=choice.name, options=options), plugins, data_dir)
        return opened.named(opened.source.name)  # all paths have the same options, so the label omits them
    if isinstance(item, type | DatasetSource):
        kind = item if isinstance(item, type) else type(item)
        if isinstance(item, type) and (reason := misfit("datasets", kind)):
            raise ConfigError(f"datasets: {reason}")
        source: DatasetSource = kind(data_dir=data_dir) if isinstance(item, type) else item
        if naming:
            raise ConfigError(f"datasets: {name!r} stands for {source.name!r}, which has a name; pass a list")
        return OpenedDataset(source, class_hash(kind), label_of(source.name, source.config))
    held = MemorySource(item, **{**said, **naming})
    return OpenedDataset(held, class_hash(MemorySource), held.name)


@contextlib.contextmanager
def _store_folder(given: str | Path | None) -> Iterator[tuple[Path, bool]]:
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
