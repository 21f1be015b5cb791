"""``tabgenbench run``: train and score a suite."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from tabgenbench.commands.shared import PATH, Gibibytes, data_dir_option, store_option
from tabgenbench.registry.data_dir import resolve_data_dir
from tabgenbench.registry.manager import Plugins

if TYPE_CHECKING:
    from tabgenbench.registry.suite import Suite
    from tabgenbench.run.estimate import Estimate
    from tabgenbench.run.state import Run

__all__ = ["run"]

POSITIVE = click.IntRange(min=1)


@click.command()
@click.argument("suite")
@click.option("-d", "--dataset", "datasets", multiple=True, metavar="NAME", help="Dataset, card or file; repeatable.")
@click.option("-g", "--generator", "generators", multiple=True, metavar="NAME[:k=v,...]", help="Generator; repeatable.")
@click.option("-m", "--metric", "metrics", multiple=True, metavar="NAME[:k=v,...]", help="Metric; repeatable.")
@click.option("--splits", type=POSITIVE, help="Number of splits.  [default: the suite's, else 3]")
@click.option("--seeds", type=POSITIVE, help="Seeds inside each split.  [default: the suite's, else 1]")
@click.option("--first-seed", type=click.IntRange(min=0), help="First seed.  [default: 0]")
@click.option(
    "--draws",
    type=click.IntRange(min=0),
    help="Synthetic tables per trained model; 0: models only embed rows.  [default: the suite's, else 5]",
)
@store_option
@data_dir_option
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:INDEX.")
@click.option(
    "--executor",
    default="local",
    metavar="NAME",
    show_default=True,
    help="Engine that runs the cells (tabgenbench list engines).",
)
@click.option("--address", metavar="A", help="Address of a Ray cluster; without it, --executor ray starts one here.")
@click.option(
    "--workers",
    type=POSITIVE,
    help="Parallel cells.  [default: cores, at most 8; on GPUs one per slot; ray: as many as fit]",
)
@click.option("--slots-per-gpu", type=POSITIVE, default=1, show_default=True, help="Parallel cells per GPU.")
@click.option("--threads", type=POSITIVE, help="Threads per cell; part of keys.  [default: cores // workers; ray: 1]")
@click.option("--timing", is_flag=True, help="One cell at a time, for comparable times; may retrain.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    help="Time limit of each fit, each sampling and each metric, in seconds.  [default: none]",
)
@click.option(
    "--memory",
    type=Gibibytes(min=0, min_open=True),
    help="Memory limit of a cell, in GiB.  [default: 90 % of the memory of the machine or its control group]",
)
@click.option(
    "--keep-models/--no-keep-models",
    default=None,
    help="Keep trained models in the store, for `export`.  [default: those of at most 64 MiB]",
)
@click.option("--retry-failed", is_flag=True, help="Retry cells and metrics that failed before.")
@click.option(
    "--budget",
    type=click.FloatRange(min=0, min_open=True),
    metavar="HOURS",
    help="Start only cells that should be finished after HOURS, in an order that is balanced over generators and "
    "splits; the same command continues.  [default: none]",
)
@click.option("--dry-run", is_flag=True, help="Print the plan, its time and its disk space, without running it.")
@click.option(
    "--estimate-from",
    type=PATH,
    metavar="STORE",
    help="Store with earlier records for the estimate, beside those of --store.",
)
@click.pass_obj
def run(plugins: Plugins, /, suite: str, **options: Any) -> None:
    """Train every generator of SUITE on shared splits and score the samples.

    SUITE is a name (tabgenbench list suites) or the path of a TOML file; -d, -g and -m replace its lists.
    Results in the store are not computed again, so the same command resumes an interrupted run.

    \b
    Examples:
      tabgenbench run quickstart
      tabgenbench run rnaseqdb --data-dir ~/data --splits 3
      tabgenbench run quickstart -d my.toml -g cvae:epochs=200 -g condition-mvn

    At the end, a summary of the board is printed. Exit status: 0 if every cell (training) is ok or skipped with a
    reason, 1 if a cell is not ok or did not start because of the budget, 2 for invalid input, 130 if interrupted.
    """  # noqa: D301 - click needs the backspace itself, which prevents rewrapping of the examples
    from tabgenbench.run.choose_engine import choose_engine

    chosen = _suite(suite, plugins, options)
    engine = choose_engine(options, plugins)
    engine.warm(chosen, plugins)
    from tabgenbench.run.budget import Budget
    from tabgenbench.run.plan import open_dataset  # imports NumPy and pandas while the engine warms up
    from tabgenbench.run.request import RunRequest, ask_generators, carry_out, closing_lines, plan_run

    data_dir = resolve_data_dir(options["data_dir"])
    request = RunRequest(
        suite=chosen,
        datasets=[open_dataset(choice, plugins, data_dir) for choice in chosen.datasets],
        engine=engine,
        store=options["store"],
        say=lambda line: click.echo(line, err=True),
        budget=None if options["budget"] is None else Budget(options["budget"] * 3600),
        estimate_from=options["estimate_from"],
    )
    planned = plan_run(request, plugins)
    if options["dry_run"]:
        ask_generators(planned)
        _print_plan(planned.run)
        return
    ended = carry_out(planned, plugins)
    for line in closing_lines(ended, plugins):
        click.echo(line, err=True)
    if ended.problems or ended.not_started:
        sys.stdout.flush()
        raise click.exceptions.Exit(1)


def _suite(text: str, plugins: Plugins, options: dict[str, Any]) -> Suite:
    from tabgenbench.registry.suite import dataset_choices, find_suite, parse_choice

    suite = find_suite(text, plugins)
    changes: dict[str, Any] = {
        name: tuple(parse_choice(item) for item in options[name]) for name in ("generators", "metrics") if options[name]
    }
    if options["datasets"]:
        changes["datasets"] = dataset_choices(options["datasets"])
    if changes:
        changes["summary"] = ""  # the summary describes the suite's own lists
    numbers = ("splits", "seeds", "first_seed", "draws")
    changes.update({name: options[name] for name in numbers if options[name] is not None})
    return suite.model_copy(update=changes)


def _print_plan(run: Run) -> None:
    from tabgenbench.commands.shared import print_rows
    from tabgenbench.formatting import bytes_text

    plan, found = run.plan, run.preflight
    todo = {cell.key for cell in run.todo}
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
    if run.estimate is not None and run.estimate.generators:
        _print_estimate(run, run.estimate)


def _print_estimate(run: Run, estimate: Estimate) -> None:
    from tabgenbench.commands.shared import print_rows
    from tabgenbench.formatting import count_text, rough_duration_text
    from tabgenbench.run.budget import balanced, count_fitting

    click.echo()
    header = ["generator", "cells", "a cell", "all cells", "disk", "estimated from"]
    print_rows(header, [one.row for one in estimate.generators])
    click.echo(f"estimate: {estimate.line}, {count_text(estimate.workers, 'cell')} at a time")
    if run.budget is not None:
        seconds = [run.seconds_of(cell) or 0.0 for cell in balanced(run.startable, run.seconds_of)]
        starting = count_fitting(seconds, budget=run.budget.seconds, workers=estimate.workers)
        without = "" if None not in [one.seconds for one in estimate.generators] else ", unknown times counted as 0"
        budget, cells = rough_duration_text(run.budget.seconds), count_text(estimate.n_cells, "cell")
        click.echo(f"budget: {starting} of {cells} start within {budget}{without}")
