"""Plans and carries out runs for the command line and for `tabgenbench.benchmark`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tabgenbench.data.split_config import SplitConfig
from tabgenbench.data.table import Table
from tabgenbench.errors import ConfigError, StoreError
from tabgenbench.formatting import count_text, rough_duration_text
from tabgenbench.interfaces.dataset import DatasetSource
from tabgenbench.options import make_options
from tabgenbench.registry.manager import Plugins
from tabgenbench.registry.suite import Suite
from tabgenbench.run.budget import Budget
from tabgenbench.run.choose_engine import EngineChoice
from tabgenbench.run.pending import find_work
from tabgenbench.run.plan import OpenedDataset, make_plan, resolve
from tabgenbench.run.prepare import Prepared, prepare_dataset
from tabgenbench.run.runner import execute, preflight
from tabgenbench.run.state import Run
from tabgenbench.store.store import Store

__all__ = ["PlannedRun", "RunRequest", "ask_generators", "carry_out", "closing_lines", "plan_run"]


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """Request to plan and carry out a run.

    Attributes:
        suite: generators, metrics, and numbers of splits, seeds and draws (synthetic tables per training).
        datasets: the datasets, from `tabgenbench.run.plan.open_dataset`.
        say: called with lines of text about slow steps and about corrupt files of the store.
        command: command that repeats the request; by default the command line of this process.
        is_quiet: whether the caller shows the result. Plugins that observe the run then print nothing.
        budget: time after which no training starts, or None.
        estimate_from: another store whose records are used to estimate times, or None.
    """

    suite: Suite
    datasets: Sequence[OpenedDataset]
    engine: EngineChoice
    store: Path
    say: Callable[[str], None]
    command: str | None = None
    is_quiet: bool = False
    budget: Budget | None = None
    estimate_from: Path | None = None


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """A run that can start: all names, options and tables are valid. Nothing is written yet."""

    run: Run
    engine: EngineChoice
    datasets: tuple[Prepared, ...]


def plan_run(request: RunRequest, plugins: Plugins) -> PlannedRun:
    """Validate a request and return the run with its list of trainings, without writing anything.

    Raises:
        ConfigError: a name or an option is unknown or invalid, or two datasets have the same name or table.
        DataError: a table cannot be loaded or is invalid.
        PluginError: a class cannot be used.
        StoreError: the store cannot be read or written, or ``estimate_from`` is not a store.
    """
    suite, engine = request.suite, request.engine
    resolved = resolve(suite, plugins)
    store = Store(request.store)
    store.on_quarantine = lambda found: request.say(f"quarantined: {found}")
    store.check_writable()
    if request.estimate_from is not None:
        if not (request.estimate_from / "store.json").is_file():
            raise StoreError(f"--estimate-from: {request.estimate_from} is not a store; name that of an earlier run")
        Store(request.estimate_from)  # raises if the schema version cannot be read
    datasets = _prepare_all(request, store)
    plan = make_plan(suite, resolved, datasets, device=engine.run_options.device, threads=engine.run_options.threads)
    run = Run(
        plan=plan,
        store=store,
        options=engine.run_options,
        command=request.command,
        is_quiet=request.is_quiet,
        budget=request.budget,
        estimate_from=request.estimate_from,
    )
    return PlannedRun(run=run, engine=engine, datasets=datasets)


def _prepare_all(request: RunRequest, store: Store) -> tuple[Prepared, ...]:
    suite = request.suite
    prepared: dict[str, Prepared] = {}
    tables: dict[str, Table] = {}
    seen: dict[tuple[str, int | None], str] = {}  # labels by table and number of training rows
    for opened in request.datasets:
        label = opened.label
        one = prepare_dataset(
            store,
            opened.source,
            label=label,
            code=opened.code,
            config=_split_config(suite, opened),
            n_splits=suite.splits,
            say=request.say,
            tables=tables,
        )
        if label in prepared:
            raise ConfigError(_same_name(label, [one.source for one in request.datasets if one.label == label]))
        other = seen.setdefault((one.index.fingerprint, opened.train_rows), label)
        if other != label:
            raise ConfigError(f"datasets: {other!r} and {label!r} are the same table; list it once")
        prepared[label] = one
    return tuple(prepared.values())


def _split_config(suite: Suite, opened: OpenedDataset) -> SplitConfig:
    if opened.train_rows is None:
        return suite.split
    values = {**suite.split.model_dump(), "train_rows": opened.train_rows}
    return make_options(SplitConfig, values, where=f"dataset {opened.label!r}")


def _same_name(label: str, sources: Sequence[DatasetSource]) -> str:
    paths = list(dict.fromkeys(str(path) for path in (getattr(source, "path", None) for source in sources) if path))
    if len(paths) < 2:
        return f"datasets: two of them are named {label!r}; give each its own name, or list it once"
    return (
        f"datasets: two of them are named {label!r}: {' and '.join(paths[:2])}; give one another name by the option "
        f"name=, as in '{paths[1]}:name=other'"
    )


def ask_generators(planned: PlannedRun) -> None:
    """Find the pending trainings, check their generators and estimate times, without writing anything.

    `carry_out` repeats these steps; a dry run needs only this function.
    """
    run = planned.run
    run.todo = find_work(run)
    if run.todo:
        engine = planned.engine.make(None)
        try:
            run.preflight = preflight(run, engine)
        finally:
            engine.close()
        run.load_earlier()
        run.estimate = run.make_estimate()


def carry_out(planned: PlannedRun, plugins: Plugins) -> Run:
    """Train the generators and compute the scores that the store lacks.

    A failed training or metric raises no error: it is listed in ``run.problems`` and recorded in the store.

    Raises:
        StoreError: the file system of the store failed.
    """
    run = planned.run
    run.store.prepare()
    for dataset in planned.datasets:
        dataset.commit(run.store)
    execute(run, plugins, lambda: planned.engine.make(run.store.root))
    return run


def closing_lines(run: Run, plugins: Plugins, *, with_cells: bool = True) -> list[str]:
    """Return the last lines of a run's output, on skips, failures, disabled plugins and the number of trainings.

    Args:
        run: a finished run.
        plugins: the plugins.
        with_cells: whether to list failed trainings as well as failed metrics.
    """
    lines = _skips(run)
    lines += [
        f"not ok: {problem.title}: {problem.status}: {problem.reason}"
        for problem in run.problems
        if with_cells or problem.metric is not None
    ]
    if run.not_started:
        lines.append(_budget_line(run))
    lines += [f"disabled: plugin {plugin.plugin}: {plugin.reason}" for plugin in plugins.disabled]
    skipped = {problem.cell for problem in run.skipped if problem.metric is None}
    bad = {problem.cell for problem in run.problems}
    waiting = {cell.title for cell in run.not_started} - bad
    counts = f"{run.n_cells - len(skipped | bad | waiting)} of {run.n_cells} cells ok"
    counts += (f", {len(skipped)} skipped" if skipped else "") + (f", {len(bad)} not ok" if bad else "")
    counts += f", {len(waiting)} not started" if waiting else ""
    return [*lines, f"{counts}; store: {run.store.root}"]


def _budget_line(run: Run) -> str:
    assert run.budget is not None  # without a budget, every cell starts
    cell, budget = run.not_started[0], run.budget.seconds
    seconds = run.seconds_of(cell)
    takes = "" if seconds is None else f", which takes about {rough_duration_text(seconds)}"
    how = "raise --budget" if seconds is not None and seconds > budget else "repeat the command to continue"
    return (
        f"not started: {count_text(len(run.not_started), 'cell')} beyond the budget of {rough_duration_text(budget)} "
        f"(--budget), next {cell.title}{takes}; {how}"
    )


def _skips(run: Run) -> list[str]:
    cells: dict[str, list[str]] = {}
    for problem in (problem for problem in run.skipped if problem.metric is None):
        cells.setdefault(problem.reason, []).append(problem.title)
    lines = [f"skipped: {', '.join(titles)}: {reason}" for reason, titles in cells.items()]
    metrics = Counter(problem.metric for problem in run.skipped if problem.metric is not None)
    if metrics:
        counts = ", ".join(f"{metric} on {count_text(n, 'cell')}" for metric, n in metrics.items())
        lines.append(f"skipped: metrics that do not apply to a table, {counts}; the full board has the reasons")
    return lines
