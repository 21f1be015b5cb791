"""``tabgenbench score``: score synthetic rows from another program."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import click

from tabgenbench.commands.shared import PATH, json_option, print_rows
from tabgenbench.registry.manager import Plugins

__all__ = ["score"]


@click.command()
@click.option("--train", type=PATH, required=True, help="Training rows of the model (CSV, Parquet or h5ad).")
@click.option("--test", type=PATH, required=True, help="Held-out real rows.")
@click.option("--synthetic", type=PATH, required=True, help="Synthetic rows, for the conditions of --test.")
@click.option("--conditions", default="", metavar="A,B", help="Columns that are conditions, not features.")
@click.option("--ignore", default="", metavar="A,B", help="Columns to exclude.")
@click.option("--log2p1", is_flag=True, help="Take log2(x + 1) before standardising by the training rows.")
@click.option("-m", "--metric", "metrics", multiple=True, metavar="NAME[:k=v,...]", help="Metric.  [default: all]")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of random metrics.")
@json_option
@click.pass_obj
def score(
    plugins: Plugins,
    *,
    train: Path,
    test: Path,
    synthetic: Path,
    conditions: str,
    ignore: str,
    log2p1: bool,
    metrics: tuple[str, ...],
    seed: int,
    as_json: bool,
) -> None:
    """Score synthetic rows from another program with the metrics of a run.

    The three files need the same feature columns. A first column of unique text contains sample ids. Without
    --conditions, all rows have the same condition. The order of rows does not matter. Put a column name that contains
    a comma in double quotes.
    """
    from tabgenbench.run.score_tables import ScoreRequest, score_tables

    request = ScoreRequest(
        train=train,
        test=test,
        synthetic=synthetic,
        conditions=_names(conditions),
        ignore=_names(ignore),
        log2p1=log2p1,
        metrics=metrics,
        seed=seed,
        say=lambda line: click.echo(line, err=True),
    )
    rows = score_tables(request, plugins)
    if as_json:
        click.echo(json.dumps([vars(row) for row in rows], indent=1))
    else:
        shown = [
            [row.metric, row.score, "-" if row.value is None else f"{row.value:.6f}", row.direction, row.reason]
            for row in rows
        ]
        print_rows(["metric", "score", "value", "better", "why not"], shown)
    if any(row.status not in ("ok", "skipped") for row in rows):
        raise click.exceptions.Exit(1)


def _names(text: str) -> tuple[str, ...]:
    """Split column names at commas; a name may contain blanks, and a name with a comma is in double quotes."""
    return tuple(name for name in next(csv.reader([text]), []) if name.strip())
