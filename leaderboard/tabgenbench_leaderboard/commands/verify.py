"""The command ``verify``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tabgenbench.commands.shared import PATH, data_dir_option
from tabgenbench_leaderboard.commands.shared import boards_option

if TYPE_CHECKING:
    from tabgenbench_leaderboard.publish.rerun import Rerun
    from tabgenbench_leaderboard.publish.verify import Verified

__all__ = ["verify"]


@click.command()
@click.argument("name", required=False)
@click.option(
    "--store",
    "store_path",
    type=PATH,
    help="Check the suite NAME (default: the most recent one) of this store, not a published board.",
)
@boards_option
@click.option("--rerun", type=click.IntRange(min=1), metavar="N", help="Train and score N random cells again.")
@click.option("--seed", type=click.IntRange(min=0), metavar="K", help="Seed of their choice.  [default: random]")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    metavar="F",
    help="Largest difference on another kind of machine, as a share of a score's range.  [default: see above]",
)
@click.option(
    "-d", "--dataset", "datasets", multiple=True, metavar="NAME", help="File or card of a dataset; repeatable."
)
@data_dir_option
@click.option("--executor", default="local", metavar="NAME", show_default=True, help="Engine that repeats the cells.")
@click.pass_context
def verify(
    context: click.Context, /, *, name: str | None, store_path: Path | None, boards: Path, **options: Any
) -> None:
    """Verify a published board, given by its name or folder.

    Rebuilds the board from its records and compares every text file byte for byte. Figures are compared only if the
    installed matplotlib, numpy and pillow have the versions that drew the figures. Compares the hash of every file with
    manifest.json. Computes every key again from the recorded options, splits and hash of the code. Compares the records
    with each other and with the suite, which lists every cell (training).

    With --rerun, random successful cells are trained and scored again in a temporary store, with the recorded options,
    seeds, threads and kind of device. On the same kind of machine, with equal versions and code, scores must be equal
    to the last bit, also with --tolerance. Otherwise, a score may differ by 0.02 of its range or by 4 standard
    deviations over splits, whichever is larger; --tolerance replaces this rule. Only --rerun finds made-up values that
    agree with all hashes and files.

    Prints a line for each finding: the file, the error, and the expected value. Exit status: 0 without findings, 1 with
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
    repeated = _repeat(context, found, options) if options["rerun"] else None
    for finding in repeated.findings if repeated else ():
        click.echo(str(finding))
    n_findings = len(found.findings) + (len(repeated.findings) if repeated else 0)
    done = [f"{count_text(found.checked.cells, 'cell')} checked"]
    done += [f"{found.compared} files rebuilt and compared"] if found.compared else []
    done += [f"{repeated.repeated} of {repeated.possible} trained again"] if repeated else []
    result = count_text(n_findings, "finding") if n_findings else "no findings"
    click.echo(f"{where}: suite {found.suite.name!r}: {', '.join(done)}: {result}")
    if n_findings:
        raise click.exceptions.Exit(1)


def _repeat(context: click.Context, found: Verified, options: Mapping[str, Any]) -> Rerun:
    import secrets

    from tabgenbench.registry.data_dir import resolve_data_dir
    from tabgenbench.registry.manager import make_manager
    from tabgenbench_leaderboard.publish.rerun import RerunRequest, repeat_cells

    request = RerunRequest(
        number=options["rerun"],
        seed=secrets.randbelow(10**9) if options["seed"] is None else options["seed"],
        tolerance=options["tolerance"],
        datasets=options["datasets"],
        data_dir=resolve_data_dir(options["data_dir"]),
        executor=options["executor"],
        say=lambda line: click.echo(line, err=True),
    )
    repeated = repeat_cells(found.store, found.suite, request, context.obj or make_manager())
    if found.folder:
        repeated.findings = [finding.below(found.folder) for finding in repeated.findings]
    return repeated
