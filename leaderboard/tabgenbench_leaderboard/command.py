"""The command ``leaderboard``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tabgenbench.errors import ConfigError, StoreError, did_you_mean

if TYPE_CHECKING:
    from tabgenbench.records import SuiteRecord
    from tabgenbench.store.store import Store
    from tabgenbench_leaderboard.board.model import Board

__all__ = ["leaderboard", "load_board"]


@click.command()
@click.argument("suite", required=False)
@click.option(
    "--store",
    "store_path",
    default="store",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder that keeps what runs found.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write the board to.")
@click.option(
    "--format",
    "formats",
    metavar="md,csv,html,json",
    help="What to write to --out (default: all). Without --out one of them, printed in place of the table.",
)
def leaderboard(suite: str | None, store_path: Path, out: Path | None, formats: str | None) -> None:
    """Build the leaderboard of SUITE (default: the one that was run last) from the records in a store.

    Prints the table. With --out it also writes README.md, scores.csv, costs.csv, board.json, index.html and figures.
    """
    from tabgenbench.store.store import Store
    from tabgenbench_leaderboard.figures.artifacts import collect_pictures
    from tabgenbench_leaderboard.files import FORMATS, parse_formats, render_board, write_board
    from tabgenbench_leaderboard.pages.to_terminal import print_board

    chosen = parse_formats(formats) if formats is not None else FORMATS
    if out is None and formats is not None and len(chosen) > 1:
        raise ConfigError(f"--format: got {formats!r} without --out; name a folder with --out, or one format to print")
    store = Store(store_path)
    board = load_board(store, suite)
    wanted = out is not None or formats == "html" or formats == "md"
    pictures = collect_pictures(store, _find_suite(store, suite)) if wanted else None
    for found in store.set_aside:
        click.echo(f"tabgenbench: {found}", err=True)
    if out is None and formats is not None:
        files = {"md": "README.md", "csv": "scores.csv", "html": "index.html", "json": "board.json"}
        click.echo(render_board(board, chosen, pictures=pictures)[files[chosen[0]]], nl=False)
        return
    print_board(board)
    if out is None:
        click.echo("Add --out DIR to write it as a page, with figures, CSV and JSON.", err=True)
        return
    paths = write_board(board, out, chosen, pictures=pictures)
    top = [path.name for path in paths if path.parent == out]
    figures = len(paths) - len(top)
    click.echo(f"Wrote {', '.join(top)}{f' and {figures} files in figures' if figures else ''} to {out}", err=True)


def load_board(store: Store, name: str | None = None) -> Board:
    """Find a suite in a store and build its board.

    Args:
        store: the store.
        name: name of the suite, or the path of its file; None for the one that was run last.

    Raises:
        StoreError: there is no store, no suite in it, or no cell of the suite has a record yet.
        ConfigError: this suite was not run in this store; suggests a close name.
    """
    from tabgenbench_leaderboard.board.aggregate import build_board
    from tabgenbench_leaderboard.board.formatting import count_text

    suite = _find_suite(store, name)
    board = build_board(store, suite)
    waiting = all(problem.status == "waiting" for dataset in board.datasets for problem in dataset.problems)
    if waiting and not any(
        score.by_split for dataset in board.datasets for row in dataset.rows for score in row.scores
    ):
        raise StoreError(
            f"{store.root}: nothing of suite {suite.name!r} is scored yet "
            f"({count_text(len(suite.rows), 'cell')} asked for); run it first"
        )
    return board


def _find_suite(store: Store, name: str | None) -> SuiteRecord:
    known = store.suites() if store.root.is_dir() else []
    if not known:
        got = "is not a folder" if not store.root.is_dir() else "holds no suite that was run"
        raise StoreError(f"--store: {store.root} {got}; run one first: tabgenbench run SUITE --store {store.root}")
    chosen = known[0] if name is None else name
    if chosen not in known and Path(chosen).suffix == ".toml":
        chosen = Path(chosen).stem
    suite = store.read_suite(chosen) if chosen in known else None
    if suite is None:
        raise ConfigError(f"suite {chosen!r} was not run in {store.root}{did_you_mean(chosen, known)}")
    return suite
