"""``tabgenbench status``: show the progress of the suites of a store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tabgenbench.commands.shared import json_option, print_rows, store_option
from tabgenbench.formatting import duration_text

if TYPE_CHECKING:
    from tabgenbench.store.status import Standing
    from tabgenbench.store.store import Store

__all__ = ["status"]

HEADER = ["suite", "cells", "done", "running", "failed", "skipped", "waiting", "time left"]


@click.command()
@store_option
@json_option
def status(store: Path, as_json: bool) -> None:
    """Show the progress of each suite in a store.

    Lists running cells (trainings) with their hosts, and failures with reasons. The command also works during a run.
    The time left is estimated from finished cells of the same generators; '-' means that there is no estimate, because
    a generator has no finished cell. A cell with a failed metric
    counts as failed.
    """
    from tabgenbench.errors import StoreError
    from tabgenbench.store.claims import Claims
    from tabgenbench.store.status import find_standing
    from tabgenbench.store.store import Store

    opened = Store(store)
    suites = [suite for suite in map(opened.read_suite, opened.suites()) if suite is not None]
    owners = Claims(opened).owners()
    standings = [find_standing(opened, suite, owners) for suite in suites]
    for found in opened.quarantined:
        click.echo(f"corrupt: {found}", err=True)
    if not standings:
        raise StoreError(f"--store: {store} has no suite; run one first: tabgenbench run quickstart --store {store}")
    if as_json:
        click.echo(json.dumps(_as_json(standings, opened), indent=1))
    else:
        _print(standings)


def _print(standings: list[Standing]) -> None:
    print_rows(HEADER, [[*_counts(one).values(), _time_left(one)] for one in standings])
    running = {one.key: one for standing in standings for one in standing.running}
    if running:
        click.echo()
        rows = [[one.cell, f"{one.owner.host}:{one.owner.pid}", one.owner.since] for one in running.values()]
        print_rows(["running", "on", "since"], rows)
    failures = dict.fromkeys(failure for standing in standings for failure in standing.failures)
    if failures:
        click.echo()
        rows = [[one.title, one.status, " ".join(one.reason.split())] for one in failures]
        print_rows(["not ok", "status", "reason"], rows)


def _counts(standing: Standing) -> dict[str, Any]:
    one = standing
    values = (one.name, one.cells, one.done, len(one.running), one.failed, one.skipped, one.waiting)
    return dict(zip(HEADER[:-1], values, strict=True))


def _time_left(standing: Standing) -> str:
    return duration_text(standing.seconds_left) if standing.seconds_left else "-"


def _as_json(standings: list[Standing], store: Store) -> dict[str, Any]:
    return {
        "suites": [
            {
                **_counts(one),
                "seconds_left": one.seconds_left,
                "now": [
                    {
                        "cell": each.cell,
                        "key": each.key,
                        "host": each.owner.host,
                        "pid": each.owner.pid,
                        "since": each.owner.since,
                    }
                    for each in one.running
                ],
                "failures": [vars(each) for each in one.failures],
            }
            for one in standings
        ],
        "unreadable": [{"path": str(found.path), "reason": found.reason} for found in store.quarantined],
    }
