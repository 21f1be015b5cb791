"""Options that several commands share, and how they show tables."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

__all__ = ["data_dir_option", "json_option", "print_rows", "resolve_data_dir", "store_option"]

store_option = click.option(
    "--store",
    type=click.Path(path_type=Path),
    default=Path("store"),
    show_default=True,
    help="Folder that keeps splits, synthetic tables, scores and records.",
)
data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Root folder of downloaded data; also read from TABGENBENCH_DATA.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for a script to read.")


def resolve_data_dir(given: Path | None) -> Path | None:
    """Return ``--data-dir``, else the folder that TABGENBENCH_DATA names, else None."""
    if given is not None:
        return given
    named = os.environ.get("TABGENBENCH_DATA")
    return Path(named) if named else None


def print_rows(header: Sequence[str], rows: Sequence[Sequence[Any]], *, indent: str = "") -> None:
    """Print rows in aligned columns, numbers to the right."""
    cells = [[str(value) for value in row] for row in rows]
    widths = [max(len(text) for text in column) for column in zip(header, *cells, strict=True)]
    numeric = [bool(rows) and all(isinstance(row[j], int | float) for row in rows) for j in range(len(header))]
    for line in [list(header), *cells]:
        parts = [
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        ]
        click.echo((indent + "  ".join(parts)).rstrip())
