"""``tabgenbench merge``: copy several stores into one."""

from __future__ import annotations

from pathlib import Path

import click

from tabgenbench.commands.shared import print_rows

__all__ = ["merge"]

KINDS = ("splits", "datasets", "cells", "scores", "suites", "calibrations")


@click.command()
@click.argument("stores", nargs=-1, required=True, metavar="STORE...", type=click.Path(path_type=Path))
@click.option("--into", required=True, metavar="STORE", type=click.Path(path_type=Path), help="Target store.")
def merge(stores: tuple[Path, ...], into: Path) -> None:
    """Copy the splits, cells, scores and suites of several stores, such as those of several machines, into one.

    Existing results of the target are kept, but a result that is ok replaces a failed cell (training) or metric. If two
    stores have different scores of the same cell and metric, the target's scores are kept and the conflict is reported.

    \b
    Example:
      tabgenbench merge laptop/store server/store --into store

    Exit status: 0 without conflicts, 1 with conflicts, 2 for invalid input.
    """  # noqa: D301 - click needs the backspace itself, which prevents rewrapping of the example
    from tabgenbench.errors import StoreError
    from tabgenbench.store.merge import check_sources, merge_store
    from tabgenbench.store.store import Store

    target, sources = Store(into), [Store(path) for path in stores]
    check_sources(sources, target)
    for store in (target, *sources):
        store.on_quarantine = lambda found: click.echo(f"quarantined: {found}", err=True)
    target.prepare()
    try:
        reports = [merge_store(source, target, say=lambda line: click.echo(line, err=True)) for source in sources]
    except OSError as error:
        raise StoreError(
            f"merge: cannot copy to {into} ({error}); free disk space or name another folder for --into"
        ) from None
    rows = [
        [report.source, *(f"{report.taken[kind]} + {report.present[kind]}" for kind in KINDS)] for report in reports
    ]
    click.echo(f"copied + already present, in {into}:")
    print_rows(["store", *KINDS], rows)
    for sentence in (sentence for report in reports for sentence in report.passed_over):
        click.echo(f"skipped: {sentence}", err=True)
    conflicts = [sentence for report in reports for sentence in report.conflicts]
    for sentence in conflicts:
        click.echo(f"conflict: {sentence}", err=True)
    if conflicts:
        raise click.exceptions.Exit(1)
