"""``tabgenbench run``: train and score a suite."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Any

import click

from tabgenbench.commands.shared import data_dir_option, resolve_data_dir, store_option
from tabgenbench.manager import Plugins

if TYPE_CHECKING:
    from tabgenbench.plan import Plan
    from tabgenbench.prepare import Prepared
    from tabgenbench.runner import Run, RunOptions
    from tabgenbench.store import Store
    from tabgenbench.suite import Suite

__all__ = ["run"]

MAX_WORKERS = 8  # by default; each holds a copy of its model and rows
POSITIVE = click.IntRange(min=1)


@click.command()
@click.argument("suite")
@click.option("-d", "--dataset", "datasets", multiple=True, metavar="NAME", help="Dataset, card or file; repeatable.")
@click.option("-g", "--generator", "generators", multiple=True, metavar="NAME[:k=v,...]", help="Generator; repeatable.")
@click.option("-m", "--metric", "metrics", multiple=True, metavar="NAME[:k=v,...]", help="Metric; repeatable.")
@click.option("--splits", type=POSITIVE, help="Number of splits.  [default: the suite's, else 3]")
@click.option("--seeds", type=POSITIVE, help="Seeds inside each split.  [default: the suite's, else 1]")
@click.option("--first-seed", type=click.IntRange(min=0), help="The first of the seeds.  [default: 0]")
@click.option("--draws", type=POSITIVE, help="Samples a trained model gives.  [default: the suite's, else 5]")
@store_option
@data_dir_option
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:INDEX.")
@click.option("--executor", type=click.Choice(["local"]), default="local", show_default=True, help="What runs cells.")
@click.option("--workers", type=POSITIVE, help="Cells at a time.  [default: cores, at most 8; on a GPU 1]")
@click.option("--threads", type=POSITIVE, help="Threads a cell; part of its key.  [default: cores // workers]")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Limit of a fit or a scoring, in seconds.")
@click.option("--memory", type=click.FloatRange(min=0, min_open=True), help="Limit of a cell's memory, in GiB.")
@click.option("--retry-failed", is_flag=True, help="Try again what failed before.")
@click.option("--dry-run", is_flag=True, help="Print what would be done, and do nothing.")
@click.pass_obj
def run(plugins: Plugins, /, suite: str, **options: Any) -> None:
    """Train every generator of SUITE on shared splits and score the samples.

    SUITE is a name (tabgenbench list suites) or the path of a TOML file; -d, -g and -m replace its lists. What the
    store has already is not done again, so the same command goes on where an interrupted one was.

    \b
    Examples:
      tabgenbench run quickstart
      tabgenbench run rnaseqdb --data-dir ~/data --splits 3
      tabgenbench run quickstart -d my.toml -g cvae:epochs=200 -g condition-mvn

    Exit status: 0 when every cell is ok or skipped with its reason, 1 when some cell is not ok, 2 for bad input.
    """  # noqa: D301 - click needs the backspace itself, which keeps the lines of the examples
    from tabgenbench.runner import Run

    chosen = _suite(suite, plugins, options)
    run_options = _run_options(options)
    store, plan, prepared = _plan(chosen, plugins, options, run_options)
    current = Run(plan=plan, store=store, options=run_options)
    if options["dry_run"]:
        _print_plan(current)
        return
    store.prepare()
    for dataset in prepared:
        dataset.commit(store)
    _execute(current, plugins)
    _conclude(current, plugins)


def _suite(text: str, plugins: Plugins, options: dict[str, Any]) -> Suite:
    from tabgenbench.suite import find_suite, parse_choice

    suite = find_suite(text, plugins)
    changes: dict[str, Any] = {
        name: tuple(parse_choice(item) for item in options[name])
        for name in ("datasets", "generators", "metrics")
        if options[name]
    }
    numbers = ("splits", "seeds", "first_seed", "draws")
    changes.update({name: options[name] for name in numbers if options[name] is not None})
    return suite.model_copy(update=changes)


def _run_options(options: dict[str, Any]) -> RunOptions:
    from tabgenbench.device import resolve_device
    from tabgenbench.environment import available_cores
    from tabgenbench.runner import RunOptions

    device = resolve_device(options["device"])
    # Cells beside each other use cores better than threads inside one: no thread waits for another.
    workers = options["workers"] or (min(available_cores(), MAX_WORKERS) if device == "cpu" else 1)
    return RunOptions(
        device=device,
        workers=workers,
        threads=options["threads"] or max(1, available_cores() // workers),
        timeout=options["timeout"],
        memory=None if options["memory"] is None else int(options["memory"] * 2**30),
        retry_failed=options["retry_failed"],
    )


def _plan(
    suite: Suite, plugins: Plugins, options: dict[str, Any], run_options: RunOptions
) -> tuple[Store, Plan, list[Prepared]]:
    """Check everything before anything is written."""
    from tabgenbench.plan import label_of, make_plan, open_dataset, resolve
    from tabgenbench.prepare import prepare_dataset
    from tabgenbench.store import Store

    resolved = resolve(suite, plugins)
    data_dir = resolve_data_dir(options["data_dir"])
    sources = [open_dataset(choice, plugins, data_dir) for choice in suite.datasets]
    store = Store(options["store"])
    store.check_writable()
    prepared = [
        prepare_dataset(
            store,
            source,
            label=label_of(source.name, source.config),
            code=code,
            config=suite.split,
            n_splits=suite.splits,
            say=lambda line: click.echo(line, err=True),
        )
        for source, code in sources
    ]
    plan = make_plan(suite, resolved, prepared, device=run_options.device, threads=run_options.threads)
    return store, plan, prepared


def _print_plan(current: Run) -> None:
    from tabgenbench.commands.shared import print_rows
    from tabgenbench.runner import find_work

    plan, todo = current.plan, {cell.key for cell in find_work(current)}
    rows = [[cell.title, "to do" if cell.key in todo else "done"] for cell in plan.cells]
    print_rows(["cell", "state"], rows)
    metrics = ", ".join(plan.metrics)
    click.echo(f"{len(plan.cells)} cells, {len(todo)} to do, {plan.suite.draws} draws each; metrics: {metrics}")


def _execute(current: Run, plugins: Plugins) -> None:
    from tabgenbench.local import LocalExecutor
    from tabgenbench.runner import execute

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        execute(current, plugins, LocalExecutor)
    finally:
        signal.signal(signal.SIGTERM, before)


def _conclude(current: Run, plugins: Plugins) -> None:
    """Say how many of how many are ok, and which are not; exit with 1 where some are not."""
    for (metric, reason), cells in _same_skips(current).items():
        what = f"metric {metric} on {len(cells)} cells" if metric is not None and len(cells) > 1 else ", ".join(cells)
        click.echo(f"skipped: {what}: {reason}", err=True)
    for problem in current.problems:
        click.echo(f"not ok: {problem.title}: {problem.status}: {problem.reason}", err=True)
    for plugin in plugins.set_aside:
        click.echo(f"set aside: plugin {plugin.plugin}: {plugin.reason}", err=True)
    skipped = {problem.cell for problem in current.skipped if problem.metric is None}
    bad = {problem.cell for problem in current.problems}
    click.echo(
        f"{current.n_cells - len(skipped | bad)} of {current.n_cells} cells ok"
        + (f", {len(skipped)} skipped" if skipped else "")
        + (f", {len(bad)} not ok" if bad else "")
        + f"; store: {current.store.root}",
        err=True,
    )
    if current.problems:
        sys.stdout.flush()
        raise click.exceptions.Exit(1)


def _same_skips(current: Run) -> dict[tuple[str | None, str], list[str]]:
    """Return the skipped cells and metrics by metric and reason, so that one sentence serves them all."""
    groups: dict[tuple[str | None, str], list[str]] = {}
    for problem in current.skipped:
        groups.setdefault((problem.metric, problem.reason), []).append(problem.title)
    return groups
