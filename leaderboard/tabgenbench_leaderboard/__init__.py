"""Boards: records in, tables, plots and pages out.

A board needs no plugin and no torch: every score's record says itself what the score means. Only the figures of
a metric are drawn by the metric's own plugin, where it is installed. Entry points name this module, so it imports
nothing heavy; the parts are

    report.Leaderboard      the report that `tabgenbench.Plugins` finds by name
    board.aggregate         records of a suite -> `board.model.Board`
    pages.headline          board -> one screen of a terminal
    files.write_board       board -> README.md, scores.csv, costs.csv, board.json, index.html, figures
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tabgenbench import Lazy, hookimpl

if TYPE_CHECKING:
    import click

    from tabgenbench.registry.events import ObservedRun


@hookimpl
def register_reports() -> list[Lazy]:
    """Name the report."""
    return [
        Lazy(
            "leaderboard",
            "tabgenbench_leaderboard.report:Leaderboard",
            "scores with intervals, comparisons with the controls, costs, failures and figures",
        )
    ]


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add ``leaderboard`` to the command line."""
    from tabgenbench_leaderboard.command import leaderboard

    cli.add_command(leaderboard)


@hookimpl
def run_started(run: ObservedRun) -> None:
    """Import what the end of the run needs: if that fails, then now."""
    import tabgenbench_leaderboard.pages.to_terminal
    import tabgenbench_leaderboard.report  # noqa: F401


@hookimpl
def run_finished(run: ObservedRun) -> None:
    """Print the headline of the run to standard output, where something is scored and the caller does not show it."""
    if run.is_quiet:
        return
    from tabgenbench.errors import StoreError
    from tabgenbench_leaderboard.pages.to_terminal import print_text
    from tabgenbench_leaderboard.report import Leaderboard

    try:
        view = Leaderboard().build(run.store_folder, run.suite_name)
    except StoreError:  # nothing is scored: the run itself says why
        return
    print_text(view.text())
