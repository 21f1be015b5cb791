"""Options and table output shared by several commands."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

__all__ = ["PATH", "Gibibytes", "data_dir_option", "json_option", "print_rows", "store_option"]


class _HomePath(click.Path):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return Path(os.fsdecode(super().convert(value, param, ctx))).expanduser()


class Gibibytes(click.FloatRange):
    """Type of a command-line option: a number of GiB, written without a unit."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the option's value as a number of GiB.

        Raises:
            click.BadParameter: the value is not a positive number; the message names the unit and gives an example.
        """
        try:
            return float(super().convert(value, param, ctx))
        except click.BadParameter:
            self.fail(f"got {value!r}, expected a number of GiB above 0, without a unit, such as 1.5", param, ctx)


PATH = _HomePath(path_type=Path)
store_option = click.option(
    "--store",
    type=PATH,
    default=Path("store"),
    show_default=True,
    help="Folder for splits, synthetic tables, scores and records.",
)
data_dir_option = click.option(
    "--data-dir",
    type=PATH,
    help="Root folder of downloaded data; also read from TABGENBENCH_DATA.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def print_rows(header: Sequence[str], rows: Sequence[Sequence[Any]], *, indent: str = "") -> None:
    """Print rows in aligned columns; numbers are right-aligned."""
    cells = [[str(value) for value in row] for row in rows]
    widths = [max(len(text) for text in column) for column in zip(header, *cells, strict=True)]
    numeric = [bool(rows) and all(isinstance(row[j], int | float) for row in rows) for j in range(len(header))]
    for line in [list(header), *cells]:
        parts = [
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        ]
        click.echo((indent + "  ".join(parts)).rstrip())
