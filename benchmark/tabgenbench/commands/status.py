"""``tabgenbench status``: how far the suites of a store are."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from tabgenbench.commands.shared import print_rows, store_option

__all__ = ["status"]


@click.command()
@store_option
def status(store: Path) -> None:
    """Show how many cells of each suite in a store are done, failed, skipped or waiting, and which failed."""
    from tabgenbench.errors import StoreError
    from tabgenbench.store import Store

    opened = Store(store)
    names = opened.suites()
    if not names:
        raise StoreError(f"--store: {store} holds no suite; run one first: tabgenbench run quickstart --store {store}")
    rows, problems = [], []
    for name in names:
        suite = opened.read_suite(name)
        if suite is None:
            continue
        counts: Counter[str] = Counter()
        for row in suite.rows:
            record = opened.read_cell(row.key)
            state: str = "waiting" if record is None else record.status
            if record is not None and state == "ok":
                scores = [opened.read_score(row.key, key) for key in row.scores.values()]
                state = "to score" if any(score is None for score in scores) else "ok"
            counts[state] += 1
            if record is not None and state not in ("ok", "to score"):
                problems.append([f"{row.label} · {row.dataset} · split {row.split}", state, record.reason])
        failed = sum(counts[state] for state in ("failed", "timeout", "out_of_memory", "crashed"))
        waiting = counts["waiting"] + counts["to score"]
        rows.append([name, len(suite.rows), counts["ok"], failed, counts["skipped"], waiting])
    print_rows(["suite", "cells", "done", "failed", "skipped", "waiting"], rows)
    if problems:
        click.echo()
        print_rows(["cell", "status", "reason"], problems)
