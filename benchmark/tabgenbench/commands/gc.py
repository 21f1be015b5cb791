"""``tabgenbench gc``: delete synthetic tables and models that no suite needs."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tabgenbench.commands.shared import print_rows, store_option
from tabgenbench.errors import StoreError

if TYPE_CHECKING:
    from tabgenbench.store.gc import Garbage
    from tabgenbench.store.store import Store

__all__ = ["gc"]

MEGABYTE = 1e6


@click.command()
@store_option
@click.option("--dry-run", is_flag=True, help="Print what would be deleted, without deleting it.")
@click.option("--yes", is_flag=True, help="Delete all tables and models of a store without suites without asking.")
def gc(store: Path, dry_run: bool, yes: bool) -> None:
    """Delete synthetic tables and models of cells that no suite in the store needs, and leftovers of dead processes.

    A suite needs the cells (trainings) that its last run requested. Records, scores, splits and quarantined files
    remain. Cells of active runs are skipped. In a store without suites, all synthetic tables and models are deleted,
    after a confirmation or with --yes.
    """
    from tabgenbench.store.gc import find_garbage, free, quarantined_files
    from tabgenbench.store.store import Store

    if not (store / "cells").is_dir():
        raise StoreError(f"--store: {store} contains no cells, expected the store of a run; name its folder")
    opened = Store(store)
    opened.on_quarantine = lambda found: click.echo(f"quarantined: {found}", err=True)
    found = find_garbage(opened)
    if not dry_run:
        opened.check_writable()
        _confirm(opened, found, yes=yes)
        found = free(opened, found)
    _print(found, done=not dry_run)
    number, size = quarantined_files(opened)
    if number:
        click.echo(
            f"{opened.root / 'quarantine'} contains {number} corrupt files ({size / MEGABYTE:.1f} MB); "
            "inspect them, then remove the folder",
            err=True,
        )


def _confirm(store: Store, found: list[Garbage], *, yes: bool) -> None:
    cells = sum(one.kind == "synthetic tables" for one in found)
    if yes or not cells or store.suites():
        return
    what = f"{store.root} contains no suite, so the synthetic tables of all {cells} cells would be freed"
    if not sys.stdin.isatty():
        raise StoreError(f"gc: {what}; add --yes to free them, or --dry-run to list them")
    click.confirm(f"{what}. Free them?", abort=True)


def _print(found: list[Garbage], *, done: bool) -> None:
    if found:
        print_rows(["what", "MB", "of"], [[one.kind, f"{one.size / MEGABYTE:.1f}", one.title] for one in found])
        click.echo()
    total = sum(one.size for one in found) / MEGABYTE
    kinds = Counter(one.kind for one in found)
    tables, models = kinds["synthetic tables"], kinds["model"]
    also = f", models of {models} cells" if models else ""
    words = "freed" if done else "would free"
    left = len(found) - tables - models
    click.echo(f"{words} {total:.1f} MB: synthetic tables of {tables} cells{also}, {left} leftovers")
