"""A run from its request to its end, for the command line and for `tabgenbench.benchmark` alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tabgenbench.errors import ConfigError
from tabgenbench.registry.manager import Plugins
from tabgenbench.registry.suite import Suite
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
    """What is asked for.

    Attributes:
        suite: generators, metrics, numbers of splits, seeds and draws.
        datasets: the datasets, as `tabgenbench.run.plan.open_dataset` gives them.
        engine: what runs the cells.
        store: folder that keeps what is found.
        say: takes one line at a time on what takes long and on what was unreadable.
        command: what a person types to ask for the same; by default the command line of this process.
        is_quiet: whether the caller shows the result, so that observers print none.
    """

    suite: Suite
    datasets: Sequence[OpenedDataset]
    engine: EngineChoice
    store: Path
    say: Callable[[str], None]
    command: str | None = None
    is_quiet: bool = False


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """A run whose every name, option and table is checked; nothing is written yet."""

    run: Run
    engine: EngineChoice
    datasets: tuple[Prepared, ...]


def plan_run(request: RunRequest, plugins: Plugins) -> PlannedRun:
    """Check everything before anything is written.

    Raises:
        ConfigError: a name or an option is unknown or does not fit, or two datasets have one name or one table.
        DataError: a table cannot be loaded or is not valid.
        PluginError: a class cannot be used.
        StoreError: the store cannot be read or written.
    """
    suite, engine = request.suite, request.engine
    resolved = resolve(suite, plugins)
    store = Store(request.store)
    store.on_quarantine = lambda found: request.say(f"quarantined: {found}")
    store.check_writable()
    prepared: dict[str, Prepared] = {}
    for source, code, label in request.datasets:
        one = prepare_dataset(
            store, source, label=label, code=code, config=suite.split, n_splits=suite.splits, say=request.say
        )
        if label in prepared and prepared[label].index.fingerprint != one.index.fingerprint:
            raise ConfigError(f"datasets: two of them are named {label!r}; give each a name of its own")
        same = next((other for other in prepared.values() if other.index.fingerprint == one.index.fingerprint), one)
        if same.index.label != label:
            raise ConfigError(f"datasets: {same.index.label!r} and {label!r} are one table; give it once")
        prepared[label] = one
    datasets = tuple(prepared.values())
    plan = make_plan(suite, resolved, datasets, device=engine.run_options.device, threads=engine.run_options.threads)
    run = Run(plan=plan, store=store, options=engine.run_options, command=request.command, is_quiet=request.is_quiet)
    return PlannedRun(run=run, engine=engine, datasets=datasets)


def ask_generators(planned: PlannedRun) -> None:
    """Find out what there is to do and which generators decline it, as `carry_out` does first. Writes nothing."""
    run = planned.run
    run.todo = find_work(run)
    if run.todo:
        engine = planned.engine.make(None)
        try:
            run.preflight = preflight(run, engine)
        finally:
            engine.close()


def carry_out(planned: PlannedRun, plugins: Plugins) -> Run:
    """Train and score what the store lacks; what fails is in the run's problems and in the store's records.

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
    """Return what was skipped, what is not ok, which plugins are not used, and how many cells are ok; a line each.

    Args:
        run: a run that has ended.
        plugins: the plugins.
        with_cells: whether cells that are not ok have a line, or metrics alone.
    """
    lines = []
    for (metric, reason), cells in _same_skips(run).items():
        what = f"metric {metric} on {len(cells)} cells" if metric is not None and len(cells) > 1 else ", ".join(cells)
        lines.append(f"skipped: {what}: {reason}")
    lines += [
        f"not ok: {problem.title}: {problem.status}: {problem.reason}"
        for problem in run.problems
        if with_cells or problem.metric is not None
    ]
    lines += [f"disabled: plugin {plugin.plugin}: {plugin.reason}" for plugin in plugins.disabled]
    skipped = {problem.cell for problem in run.skipped if problem.metric is None}
    bad = {problem.cell for problem in run.problems}
    counts = f"{run.n_cells - len(skipped | bad)} of {run.n_cells} cells ok"
    counts += (f", {len(skipped)} skipped" if skipped else "") + (f", {len(bad)} not ok" if bad else "")
    return [*lines, f"{counts}; store: {run.store.root}"]


def _same_skips(run: Run) -> dict[tuple[str | None, str], list[str]]:
    """Return the skipped cells and metrics by metric and reason, so that all of them take one sentence."""
    groups: dict[tuple[str | None, str], list[str]] = {}
    for problem in run.skipped:
        groups.setdefault((problem.metric, problem.reason), []).append(problem.title)
    return groups
