"""The command ``publish``."""

from __future__ import annotations

from pathlib import Path

import click

from tabgenbench.commands.shared import PATH, store_option
from tabgenbench_leaderboard.commands.shared import BOARDS

__all__ = ["publish"]


@click.command()
@click.argument("name")
@click.argument("suite", required=False)
@store_option
@click.option("--to", "boards", default=BOARDS, show_default=True, type=PATH, help="Folder of the published boards.")
@click.option("--partial", is_flag=True, help="Publish although records are missing; the board says so.")
@click.option("--force", is_flag=True, help="Replace a board of this name.")
@click.option("--hide", multiple=True, metavar="WORD", help="Word to remove from outputs and notes too; repeatable.")
@click.option(
    "--readme",
    type=PATH,
    help="Page whose table between the markers of the board is replaced.  [default: README.md, if it has them]",
)
@click.option(
    "--workflow", is_flag=True, help="Also write .github/workflows/pages.yml, which publishes on GitHub Pages."
)
def publish(
    *,
    name: str,
    suite: str | None,
    store: Path,
    boards: Path,
    partial: bool,
    force: bool,
    hide: tuple[str, ...],
    readme: Path | None,
    workflow: bool,
) -> None:
    """Publish the board of SUITE (default: the suite NAME) as the folder NAME, with its records and a manifest.

    The folder contains the pages, tables and figures of the board, table.tex, references.bib and scores.parquet (one
    row per score, cell and draw). The subfolder records is a store without tables and models; `tabgenbench leaderboard`
    builds the board from it. The file manifest.json has the SHA-256 of every file. Host names, user names, paths and
    e-mail addresses are removed from the records. A static host can show the folder as it is.

    The store is checked first. The command stops and lists the files if records contradict their hashes or each other,
    such as cells (trainings) of one split with different rows. Without --partial, it also stops if records are missing.

    On the page --readme, the headline table replaces the text between the lines <!-- board: NAME --> and
    <!-- /board: NAME -->.
    """
    from tabgenbench.errors import ConfigError
    from tabgenbench.store.store import Store
    from tabgenbench_leaderboard.pages.to_draws import has_parquet
    from tabgenbench_leaderboard.publish.pages_workflow import write_workflow
    from tabgenbench_leaderboard.publish.publish import publish_board
    from tabgenbench_leaderboard.publish.readme import update_readme

    if Path(name).name != name or name.startswith("."):
        raise ConfigError(f"NAME: got {name!r}, expected the name of a folder in --to, such as my-board")
    done = publish_board(Store(store), suite or name, boards / name, partial=partial, force=force, hide=hide)
    click.echo(f"{done.folder}: {done.files} files{'' if done.is_new else ', unchanged'}")
    if not has_parquet():
        click.echo("scores-by-draw.csv instead of scores.parquet: the package pyarrow is missing", err=True)
    if done.checked.missing:
        click.echo(
            f"partial: {len(done.checked.missing)} records are missing, as manifest.json and the board say", err=True
        )
    for page in update_readme(readme, name, done):
        click.echo(f"{page}: table of {name} replaced")
    if workflow:
        for path in write_workflow(Path.cwd(), boards, force=force):
            click.echo(f"{path}: written")
    click.echo(f"Check it: tabgenbench verify {done.folder}")
