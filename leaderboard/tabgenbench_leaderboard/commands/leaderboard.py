"""The command ``leaderboard``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tabgenbench.commands.shared import PATH, store_option
from tabgenbench.errors import ConfigError

if TYPE_CHECKING:
    from tabgenbench_leaderboard.board.summary import MissingRule
    from tabgenbench_leaderboard.report import BoardView

__all__ = ["leaderboard"]

FIRST_FILES = {
    "md": "README.md",
    "csv": "scores.csv",
    "json": "board.json",
    "tex": "table.tex",
    "bib": "references.bib",
    "parquet": "scores.parquet",
    "draws": "scores-by-draw.csv",
}
"""The file that is printed for each format if no folder is given."""


@click.command()
@click.argument("suite", required=False)
@store_option
@click.option(
    "--from",
    "board_file",
    metavar="board.json",
    type=PATH,
    help="Read the board from a board.json instead of a store.",
)
@click.option(
    "--missing",
    type=click.Choice(["apart", "floor"]),
    help="What a missing result means in the summary over datasets: the generator is listed apart and has no rank "
    "(apart, the default), or the result counts as the floor (floor), which the board states.",
)
@click.option("--out", type=PATH, help="Folder to write the full board to.")
@click.option(
    "--format",
    "formats",
    metavar="md,csv,html,json,tex,bib,parquet,png",
    help="Formats to write to --out (default: the first four). Without --out: one format, printed instead of the "
    "headline.",
)
@click.option("--full", is_flag=True, help="Print all scores, comparisons and failures instead of the headline.")
def leaderboard(
    *,
    suite: str | None,
    store: Path,
    board_file: Path | None,
    missing: MissingRule | None,
    out: Path | None,
    formats: str | None,
    full: bool,
) -> None:
    """Build the leaderboard of SUITE (default: the most recent suite) from the records in a store.

    Prints the headline: tables and two sentences that fit one screen. With --out, also writes the full board:
    README.md, scores.csv, costs.csv, comparisons.csv, board.json, figures, and the web board (index.html and the folder
    web), which a browser opens from disk. With --format, further formats are tex (table.tex, the headline tables for
    the LaTeX package booktabs), bib (references.bib, the citations of generators, scores and datasets), parquet
    (scores.parquet, one row per score, cell and draw), draws (scores-by-draw.csv, the same rows) and png (every figure
    also as PNG).

    With --from, renders the board of a board.json with the installed version. Figures of metrics cannot be drawn
    without the store; they are copied from the folder figures beside board.json.
    """
    from tabgenbench.formatting import count_text
    from tabgenbench.store.reader import without_collection
    from tabgenbench_leaderboard.board.derive import derive_board
    from tabgenbench_leaderboard.files import FORMATS, Extras, parse_formats, read_board, render_board, write_board
    from tabgenbench_leaderboard.pages.headline import again, headline_text
    from tabgenbench_leaderboard.pages.to_terminal import print_text, render_text

    chosen = parse_formats(formats) if formats is not None else FORMATS
    if out is None and formats is not None and len(chosen) > 1:
        raise ConfigError(f"--format: got {formats!r} without --out; name a folder with --out, or one format to print")
    if out is None and formats is not None and chosen[0] in ("html", "png"):
        raise ConfigError(f"--format: got {chosen[0]} without --out, but it is a folder of files; name it with --out")
    if board_file is not None and suite is not None:
        raise ConfigError(f"--from: got the suite {suite!r} as well; give a suite of a store or a board.json")
    with without_collection():  # garbage collection would visit every object of a large board again and again
        if board_file is None:
            view = _read_store(store, suite, figures=out is not None or formats is not None)
            board = derive_board(view.board, missing) if missing else view.board
            artifacts, kept = view.artifacts, None
            extras = Extras() if out is None and formats is None else view.extras(chosen)
            source = f"{board.suite} --store {store}"
        else:
            board, artifacts, kept = read_board(board_file, missing), None, board_file.parent / "figures"
            extras = Extras()
            source = f"--from {board_file}"
        where = again(f"{source} --missing {missing}" if missing else source)
        if out is None and formats is not None:
            rendered = render_board(board, chosen, artifacts=artifacts, kept=kept, extras=extras)
            click.echo(rendered[FIRST_FILES[chosen[0]]], nl=False)
            return
        if out is not None:
            paths = write_board(board, out, chosen, artifacts=artifacts, kept=kept, extras=extras)
            top = [path.name for path in paths if path.parent == out]
            below = Counter(path.parent.name for path in paths if path.parent != out)
            folders = [f"{count_text(number, 'file')} in {name}" for name, number in sorted(below.items())]
            where = [f"The full board is in {out}:", f"  {' and '.join([', '.join(top), *folders])}"]
        print_text(render_text(board) if full else headline_text(board, where))


def _read_store(path: Path, suite: str | None, *, figures: bool) -> BoardView:
    from tabgenbench_leaderboard.report import Leaderboard

    view = Leaderboard().build(path, suite, figures=figures)
    for found in view.unreadable:
        click.echo(f"tabgenbench: {found}", err=True)
    return view
