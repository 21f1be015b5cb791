"""``tabgenbench export``: write a synthetic table with the columns and types of the dataset's file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tabgenbench.commands.shared import PATH, store_option
from tabgenbench.registry.manager import Plugins

__all__ = ["export"]


@click.command()
@click.argument("cell", required=False)
@click.option("-g", "--generator", metavar="NAME[:k=v,...]", help="Generator, instead of CELL.")
@click.option("-d", "--dataset", metavar="NAME", help="Dataset, card or file, instead of CELL.")
@click.option("--split", type=click.IntRange(min=0), help="Split, with -g and -d.  [default: the first]")
@click.option("--seed", type=click.IntRange(min=0), help="Seed, with -g and -d.  [default: the first]")
@click.option("--rows", type=click.IntRange(min=1), metavar="N", help="Sample N new rows.  [default: a stored draw]")
@click.option(
    "--draw",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Which stored draw; with --rows, another number gives other rows.",
)
@click.option(
    "--condition",
    "conditions",
    multiple=True,
    metavar="COLUMN=VALUE",
    help="Condition that all new rows have; repeatable.  [default: the proportions of the training rows]",
)
@click.option("--out", type=PATH, required=True, help="File to write: .csv, .tsv, .txt (also .gz), .parquet or .h5ad.")
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@store_option
@click.option("--device", help="auto, cpu, cuda or cuda:INDEX.  [default: that of the cell]")
@click.option(
    "--executor",
    default="local",
    metavar="NAME",
    show_default=True,
    help="Engine that samples; ray needs a temporary folder that its nodes share.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    help="Time limit of training and of sampling, in seconds.  [default: none]",
)
@click.option(
    "--memory",
    type=click.FloatRange(min=0, min_open=True),
    help="Memory limit, in GiB.  [default: 90 % of the memory of the machine or its control group]",
)
@click.pass_obj
def export(plugins: Plugins, /, cell: str | None, out: Path, overwrite: bool, **options: Any) -> None:
    """Write a synthetic table with the columns of the dataset's file: the same names, order, types and date formats.

    CELL selects one training: by its key (the name of a folder in STORE/cells), by the first characters of the key, or
    by the title that `tabgenbench status` prints. -g and -d select a cell by its generator and dataset.

    Without --rows, a stored synthetic table (draw) is written. For each test row, it has one row with the same
    conditions. With --rows, new rows are sampled from the kept model. A generator without a kept model is trained
    again, with the same seed and options.

    \b
    Examples:
      tabgenbench export -g cvae -d my.csv --out synthetic.csv
      tabgenbench export -g cvae -d my.csv --rows 1000 --condition status=normal --out normal.parquet

    Columns that no generator makes, such as ids, are left out; their names are printed. The store is only read. Exit
    status: 0 if the table is written, 1 if the generator failed, 2 for invalid input.
    """  # noqa: D301 - click needs the backspace itself, which prevents rewrapping of the examples
    from tabgenbench.data.file_form import left_out
    from tabgenbench.data.write_file import check_target, write_file
    from tabgenbench.run.export import ExportFailed, ExportRequest, make_rows
    from tabgenbench.run.find_cell import CellChoice

    check_target(out, overwrite=overwrite)
    choice = {name: options[name] for name in ("generator", "dataset", "split", "seed")}
    request = ExportRequest(
        store=options["store"],
        choice=CellChoice(cell=cell or "", **choice),
        rows=options["rows"],
        draw=options["draw"],
        given=dict(map(_pair, options["conditions"])),
        options={name: options[name] for name in ("executor", "device", "timeout", "memory")},
        say=lambda line: click.echo(line, err=True),
    )
    try:
        made = make_rows(request, plugins)
    except ExportFailed as error:
        click.echo(f"not ok: {error}", err=True)
        raise click.exceptions.Exit(1) from None
    frame = write_file(made.table, out, overwrite=overwrite)
    lost = [f"{one.name} ({one.role})" if one.role != "left out" else one.name for one in left_out(made.table)]
    if lost:
        click.echo(f"left out, because no generator makes them: {', '.join(lost)}", err=True)
    shape = f"{len(frame):,} rows x {frame.shape[1]:,} columns"
    click.echo(f"{out}: {shape}, {made.origin}, {made.record.cell.title}, cell {made.record.key}")


def _pair(text: str) -> tuple[str, str]:
    from tabgenbench.errors import ConfigError

    column, equals, value = text.partition("=")
    if not equals or not column:
        raise ConfigError(f"--condition: got {text!r}, expected COLUMN=VALUE")
    return column, value
