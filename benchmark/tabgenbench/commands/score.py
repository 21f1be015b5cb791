"""``tabgenbench score``: score or compare synthetic rows from other programs."""

from __future__ import annotations

import csv
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tabgenbench.commands.shared import PATH, json_option, print_rows
from tabgenbench.errors import ConfigError
from tabgenbench.registry.manager import Plugins

if TYPE_CHECKING:
    from tabgenbench.run.score_tables import ScoreRequest

__all__ = ["score"]


@click.command()
@click.option("--train", type=PATH, required=True, help="Training rows of the model (CSV, Parquet or h5ad).")
@click.option("--test", type=PATH, required=True, help="Held-out real rows.")
@click.option(
    "--synthetic",
    type=PATH,
    required=True,
    multiple=True,
    help="Synthetic rows, for the conditions of --test; repeat the option, or name a folder, to rank several tables.",
)
@click.option("--conditions", default="", metavar="A,B", help="Columns that are conditions, not features.")
@click.option("--ignore", default="", metavar="A,B", help="Columns to exclude.")
@click.option("--log2p1", is_flag=True, help="Take log2(x + 1) before standardising by the training rows.")
@click.option("-m", "--metric", "metrics", multiple=True, metavar="NAME[:k=v,...]", help="Metric.  [default: all]")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of random metrics and controls."
)
@click.option("--out", type=PATH, help="Folder to write a board to, with all formats.")
@json_option
@click.pass_obj
def score(
    plugins: Plugins,
    *,
    train: Path,
    test: Path,
    synthetic: tuple[Path, ...],
    conditions: str,
    ignore: str,
    log2p1: bool,
    metrics: tuple[str, ...],
    seed: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Score synthetic rows from other programs with the metrics of a run.

    The files need the same feature columns. A first column with a different text in every row is read as sample ids.
    Without --conditions, all rows have the same condition. Quote a column name that contains a comma.

    For one table, every score is printed. For several tables, or with --out, the command compares the tables with
    controls, such as shuffled training rows, and prints a summary of the board. The board has no intervals and no
    ranks, because they need several splits.

    \b
    Examples:
      tabgenbench score --train train.csv --test test.csv --synthetic mine.csv
      tabgenbench score --train train.csv --test test.csv --synthetic tables/ --out board
    """  # noqa: D301 - click needs the backspace itself, which prevents rewrapping of the examples
    from tabgenbench.run.name_tables import is_one_table
    from tabgenbench.run.score_tables import ScoreRequest, score_tables

    is_alone = len(synthetic) == 1 and is_one_table(synthetic[0]) and out is None
    if as_json and not is_alone:
        raise ConfigError("--json: got several tables or --out; the board in --out contains board.json")

    request = ScoreRequest(
        train=train,
        test=test,
        synthetic=synthetic[0] if is_alone else list(synthetic),
        conditions=_names(conditions),
        ignore=_names(ignore),
        log2p1=log2p1,
        metrics=metrics,
        seed=seed,
        say=lambda line: click.echo(line, err=True),
    )
    if not is_alone:
        _rank(request, out, plugins)
        return
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


def _rank(request: ScoreRequest, out: Path | None, plugins: Plugins) -> None:
    from tabgenbench.run.rank_tables import ONE_SPLIT, ranked_board

    with ranked_board(request, plugins, command=_command()) as board:
        where = ["--out DIR writes the full board, with all scores, comparisons and figures."]
        if out is not None:
            board.save(out)
            where = [f"The full board is in {out}."]
        click.echo(board.text(where), nl=False)
    click.echo(f"note: {ONE_SPLIT}", err=True)


def _command() -> str:
    return shlex.join(["tabgenbench", *sys.argv[1:]])


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in next(csv.reader([text]), []) if name.strip())
