"""The command ``verify``."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["verify"]


@click.command()
@click.argument("name", required=False)
@click.option(
    "--store",
    "store_path",
    type=click.Path(path_type=Path),
    help="Check the suite NAME (default: the most recent one) of this store, not a published board.",
)
@click.option(
    "--boards",
    default="leaderboard/boards",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder of the published boards.",
)
def verify(*, name: str | None, store_path: Path | None, boards: Path) -> None:
    """Verify a published board, given by its name or folder.

    Rebuilds the board from its records and compares every text file byte for byte, and figures if the same versions of
    matplotlib, numpy and pillow drew them. Compares every file with manifest.json, keys with the options, splits
    and code that they are hashes of, and the records with each other and with the suite, which lists every cell.

    Prints a line for each finding: the file, what it is, and what is expected. Exit status: 0 without findings, 1 with
    findings, 2 for invalid input.
    """
    from tabgenbench.errors import ConfigError
    from tabgenbench.formatting import count_text
    from tabgenbench_leaderboard.publish.find_board import find_board
    from tabgenbench_leaderboard.publish.verify import verify_folder, verify_store

    if store_path is not None:
        found, where = verify_store(store_path, name), str(store_path)
    elif name is not None:
        folder = find_board(name, boards)
        found, where = verify_folder(folder), str(folder)
    else:
        raise ConfigError("NAME: missing; name a published board, or a store with --store")
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
    for finding in found.findings:
        click.echo(str(finding))
    cells = count_text(found.checked.cells, "cell")
    compared = f", {found.compared} files rebuilt and compared" if found.compared else ""
    result = count_text(len(found.findings), "finding") if found.findings else "no findings"
    click.echo(f"{where}: suite {found.suite.name!r}: {cells} checked{compared}: {result}")
    if found.findings:
        raise click.exceptions.Exit(1)
