"""The command ``calibrate``."""

from __future__ import annotations

from typing import Any

import click

from tabgenbench.commands.shared import Gibibytes, data_dir_option, store_option
from tabgenbench.registry.manager import Plugins

__all__ = ["calibrate"]

POSITIVE = click.IntRange(min=1)
FIXED = {"device": "cpu", "address": None, "slots_per_gpu": 1, "timing": False, "keep_models": False}
"""Fixed values of those options of `tabgenbench run` that do not change the results of controls."""


@click.command()
@click.argument("dataset")
@click.option(
    "-m",
    "--metric",
    "--metrics",
    "metrics",
    multiple=True,
    metavar="NAME[:k=v,...]",
    help="Metric; repeatable.  [default: every installed metric except umap-separability]",
)
@click.option("--splits", type=click.IntRange(min=2), default=10, show_default=True, help="Number of splits.")
@store_option
@data_dir_option
@click.option("--executor", default="local", metavar="NAME", show_default=True, help="Engine that runs the cells.")
@click.option("--workers", type=POSITIVE, help="Parallel cells.  [default: cores, at most 8]")
@click.option("--threads", type=POSITIVE, help="Threads per cell; part of keys.  [default: cores // workers]")
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
@click.option("--retry-failed", is_flag=True, help="Retry cells and metrics that failed before.")
@click.pass_obj
def calibrate(plugins: Plugins, /, dataset: str, metrics: tuple[str, ...], splits: int, **options: Any) -> None:
    """Test which planted failures each score detects on DATASET (a name, a card or a data file).

    A planted failure is a control that returns real rows with one known fault. For each score and planted failure, a
    one-sided paired t-test over splits, with Holm's correction, tests whether the score is worse for the failure than
    for real rows. Privacy scores are tested only with the planted failures of privacy, on splits into thirds. There,
    the real rows are rows that no model sees.

    Prints what each score can see, and writes the result to the store. Boards of this dataset leave a score out of the
    headline and the questions if the score misses a failure that it must detect. Boards ignore the result for a metric
    whose code or options have changed since. The result replaces an earlier calibration of the dataset.

    Cells (trainings) and scores in the store are not computed again, so the same command resumes an interrupted
    calibration. Exit status: 0, or 1 if a cell or a metric is not ok, 2 for invalid input.
    """
    from tabgenbench.registry.data_dir import resolve_data_dir
    from tabgenbench.registry.suite import parse_choice
    from tabgenbench.run.choose_engine import choose_engine
    from tabgenbench.run.plan import open_dataset
    from tabgenbench.store.store import Store
    from tabgenbench_leaderboard.calibration import CalibrationRequest
    from tabgenbench_leaderboard.calibration import calibrate as run_calibration
    from tabgenbench_leaderboard.pages.to_terminal import calibration_text, print_text

    request = CalibrationRequest(
        dataset=open_dataset(parse_choice(dataset), plugins, resolve_data_dir(options["data_dir"])),
        metrics=tuple(map(parse_choice, metrics)) or None,
        splits=splits,
        engine=choose_engine({**FIXED, **options}, plugins),
        store=Store(options["store"]),
        say=lambda line: click.echo(line, err=True),
    )
    record, runs = run_calibration(request, plugins)
    print_text(calibration_text(record))
    if any(run.problems for run in runs):
        raise click.exceptions.Exit(1)
