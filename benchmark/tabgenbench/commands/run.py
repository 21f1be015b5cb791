"""``tabgenbench run``: train and score a suite."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from tabgenbench.commands.shared import data_dir_option, resolve_data_dir, store_option
from tabgenbench.registry.manager import Plugins

if TYPE_CHECKING:
    from tabgenbench.registry.suite import Suite
    from tabgenbench.run.choose_engine import Engine
    from tabgenbench.run.plan import Plan
    from tabgenbench.run.prepare import Prepared
    from tabgenbench.run.state import Run, RunOptions
    from tabgenbench.store.store import Store

__all__ = ["run"]

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
@click.option(
    "--executor", type=click.Choice(["local", "ray"]), default="local", show_default=True, help="What runs cells."
)
@click.option("--address", metavar="A", help="Address of a Ray cluster; without it, --executor ray starts one here.")
@click.option(
    "--workers",
    type=POSITIVE,
    help="Cells at a time.  [default: cores, at most 8; on GPUs one for a slot; ray: as many as fit]",
)
@click.option("--slots-per-gpu", type=POSITIVE, default=1, show_default=True, help="Cells that share a GPU.")
@click.option("--threads", type=POSITIVE, help="Threads a cell; part of its key.  [default: cores // workers; ray: 1]")
@click.option("--timing", is_flag=True, help="One cell at a time, so that times compare; retrains where need be.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    help="Limit of each fit, each sampling and each metric, in seconds.  [default: none]",
)
@click.option(
    "--memory",
    type=click.FloatRange(min=0, min_open=True),
    help="Limit of a cell's memory, in GiB.  [default: 90 % of the machine's, or of a lower limit of the job's]",
)
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

    Exit status: 0 when every cell is ok or skipped with its reason, 1 when some cell is not ok, 2 for bad input,
    130 when interrupted: the same command then goes on. The headline of the board is printed at the end.
    """  # noqa: D301 - click needs the backspace itself, which keeps the lines of the examples
    from tabgenbench.run.choose_engine import choose_engine
    from tabgenbench.run.runner import execute
    from tabgenbench.run.state import Run

    chosen = _suite(suite, plugins, options)
    engine = choose_engine(options)
    engine.warm()
    store, plan, prepared = _plan(chosen, plugins, options, engine.run_options)
    current = Run(plan=plan, store=store, options=engine.run_options)
    if options["dry_run"]:
        _print_plan(current, engine)
        return
    store.prepare()
    for dataset in prepared:
        dataset.commit(store)
    execute(current, plugins, lambda: engine.make(store.root))
    _conclude(current, plugins)


def _suite(text: str, plugins: Plugins, options: dict[str, Any]) -> Suite:
    from tabgenbench.registry.suite import find_suite, parse_choice

    suite = find_suite(text, plugins)
    changes: dict[str, Any] = {
        name: tuple(parse_choice(item) for item in options[name])
        for name in ("datasets", "generators", "metrics")
        if options[name]
    }
    numbers = ("splits", "seeds", "first_seed", "draws")
    changes.update({name: options[name] for name in numbers if options[name] is not None})
    return suite.model_copy(update=changes)


def _plan(
    suite: Suite, plugins: Plugins, options: dict[str, Any], run_options: RunOptions
) -> tuple[Store, Plan, list[Prepared]]:
    """Check everything before anything is written."""
    from tabgenbench.run.plan import label_of, make_plan, open_dataset, resolve
    from tabgenbench.run.prepare import prepare_dataset
    from tabgenbench.store.store import Store

    resolved = resolve(suite, plugins)
    data_dir = resolve_data_dir(options["data_dir"])
    sources = [open_dataset(choice, plugins, data_dir) for choice in suite.datasets]
    store = Store(options["store"])
    store.on_set_aside = lambda found: click.echo(f"set aside: {found}", err=True)
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


def _print_plan(current: Run, engine: Engine) -> None:
    from tabgenbench.commands.shared import print_rows
    from tabgenbench.formatting import bytes_text
    from tabgenbench.run.pending import find_work
    from tabgenbench.run.runner import preflight

    plan = current.plan
    current.todo = find_work(current)
    if current.todo:
        executor = engine.make(None)
        try:
            current.preflight = preflight(current, executor)
        finally:
            executor.close()
    todo, found = {cell.key for cell in current.todo}, current.preflight
    states = {cell.key: "to do" if cell.key in todo else "done" for cell in plan.cells}
    states.update(dict.fromkeys(found.refusals, "refused"))
    rows = [
        [cell.title, states[cell.key], bytes_text(found.estimates[cell.key]) if cell.key in found.estimates else "-"]
        for cell in plan.cells
    ]
    print_rows(["cell", "state", "estimated memory"], rows)
    for line in found.lines(plan.cells):
        click.echo(line)
    n_refused = len(found.refusals)
    click.echo(
        f"{len(plan.cells)} cells, {len(todo) - n_refused} to do, "
        + (f"{n_refused} refused, " if n_refused else "")
        + f"{plan.suite.draws} draws each; metrics: {', '.join(plan.metrics)}"
    )


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
