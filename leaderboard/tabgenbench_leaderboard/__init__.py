"""Boards: tables, figures and pages that show the records of a store.

A board is computed without the packages of generators and metrics, because the description of each score is saved with
the score. Only figures that a metric draws need the metric's package. TabGenBench imports this module at every start.
The module therefore imports no large package. The main objects are

    report.Leaderboard      the report named "leaderboard"
    board.aggregate         the records of a suite -> a `board.model.Board`
    pages.headline          a board -> a summary that fits one screen of a terminal
    calibration             planted failures -> a record of the failures that scores detect
    publish.publish         a store -> a published board: pages, records and a manifest
    publish.verify          a published board -> the list of its errors
    files.write_board       a board -> README.md, CSV tables, board.json, index.html, figures
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tabgenbench import Lazy, hookimpl

if TYPE_CHECKING:
    import click

    from tabgenbench.registry.events import ObservedRun


@hookimpl
def register_reports() -> list[Lazy]:
    """Register the report named "leaderboard"."""
    return [
        Lazy(
            "leaderboard",
            "tabgenbench_leaderboard.report:Leaderboard",
            "scores with intervals, comparisons with the controls, costs, failures and figures",
        )
    ]


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add the commands leaderboard, calibrate, publish, verify and compare."""
    from tabgenbench_leaderboard.commands.calibrate import calibrate
    from tabgenbench_leaderboard.commands.compare import compare
    from tabgenbench_leaderboard.commands.leaderboard import leaderboard
    from tabgenbench_leaderboard.commands.publish import publish
    from tabgenbench_leaderboard.commands.verify import verify

    for command in (leaderboard, calibrate, publish, verify, compare):
        cli.add_command(command)


@hookimpl
def run_started(run: ObservedRun) -> None:
    """Import the modules that `run_finished` needs, so that a missing package stops the run before training."""
    import tabgenbench_leaderboard.pages.to_terminal
    import tabgenbench_leaderboard.report  # noqa: F401


@hookimpl
def run_finished(run: ObservedRun) -> None:
    """Print a summary of the scores of a run, unless the run is quiet or has no scores."""
    if run.is_quiet:
        return
    from tabgenbench.errors import StoreError
    from tabgenbench_leaderboard.pages.to_terminal import print_text
    from tabgenbench_leaderboard.report import Leaderboard

    try:
        view = Leaderboard().build(run.store_folder, run.suite_name, figures=False)
    except StoreError:  # the run has no scores, and reports the reason itself
        return
    print_text(view.text())
