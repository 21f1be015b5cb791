"""``tabgenbench dataset``: fetch, describe and verify a dataset."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tabgenbench.commands.shared import data_dir_option, json_option, print_rows
from tabgenbench.registry.data_dir import resolve_data_dir
from tabgenbench.registry.manager import Plugins

if TYPE_CHECKING:
    from tabgenbench.interfaces.dataset import DatasetSource, FetchProgress, FileStatus

__all__ = ["dataset"]

MOST_CONDITIONS = 60


@click.group()
def dataset() -> None:
    """Fetch, describe and verify datasets.

    NAME is a dataset name with options (rnaseqdb:genes=all), or the path of a card or a table.
    """


@dataset.command()
@click.argument("name")
@data_dir_option
@json_option
@click.pass_obj
def describe(plugins: Plugins, name: str, data_dir: Path | None, as_json: bool) -> None:
    """Load a dataset and print its size, scale and rows per condition, and kind, role, gaps and range of each column.

    If a kind or a role is a guess, the row of the column says so and names the option that overrides the guess.
    """
    source = _open(plugins, name, data_dir)
    facts = source.describe()
    if as_json:
        click.echo(json.dumps(facts, indent=1))
        return
    card = source.card
    click.echo(f"{card.title}\n{card.summary}".rstrip())
    for label, text in (("citation", card.citation), ("licence", card.licence), ("url", card.url)):
        if text:
            click.echo(f"{label}: {text}")
    click.echo()
    _print_facts(facts)


@dataset.command()
@click.argument("name")
@data_dir_option
@click.pass_obj
def fetch(plugins: Plugins, name: str, data_dir: Path | None) -> None:
    """Download a dataset's files from their pinned revision and verify each.

    An interrupted download resumes. Exit status 1 if a file could not be downloaded.
    """
    source = _fetchable(_open(plugins, name, data_dir))
    with _FetchDisplay() as display:
        statuses = source.fetch(display.show)
    _report(name, statuses)


@dataset.command()
@click.argument("name")
@data_dir_option
@json_option
@click.pass_obj
def verify(plugins: Plugins, name: str, data_dir: Path | None, as_json: bool) -> None:
    """Compare a dataset's files with their pinned hashes.

    Exit status 1 if a file is missing or has another hash.
    """
    statuses = _fetchable(_open(plugins, name, data_dir)).verify()
    if as_json:
        click.echo(json.dumps([vars(one) for one in statuses], indent=1))
        raise click.exceptions.Exit(0 if all(one.status == "ok" for one in statuses) else 1)
    _report(name, statuses)


def _open(plugins: Plugins, name: str, data_dir: Path | None) -> DatasetSource:
    from tabgenbench.registry.suite import parse_choice
    from tabgenbench.run.plan import open_dataset

    source = open_dataset(parse_choice(name), plugins, resolve_data_dir(data_dir)).source
    return source


def _fetchable(source: DatasetSource) -> Any:
    from tabgenbench.errors import ConfigError
    from tabgenbench.interfaces.dataset import Fetchable

    if not isinstance(source, Fetchable):
        raise ConfigError(f"dataset {source.name!r} has no files to download or verify; use it directly")
    return source


def _report(name: str, statuses: list[FileStatus]) -> None:
    for one in statuses:
        if one.status != "ok":
            click.echo(f"{one.file}: {one.status}{': ' + one.detail if one.detail else ''}")
    good = sum(one.status == "ok" for one in statuses)
    click.echo(f"{name}: {good} of {len(statuses)} files are present and verified")
    if good < len(statuses):
        raise click.exceptions.Exit(1)


def _print_facts(facts: dict[str, Any]) -> None:
    facts = {**facts, "columns": [_for_reader(row) for row in facts.get("columns", ())]}
    if facts["columns"]:
        facts["schema"] = None  # the columns say more
    if n_categorical := facts.pop("categorical_features", 0):
        facts["features"] = f"{facts['features']:,} numeric, {n_categorical:,} categorical"
    plain = {key: value for key, value in facts.items() if not _is_rows(value)}
    for key, value in plain.items():
        if value not in ("", None, [], {}):
            text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else _flat(value)
            click.echo(f"{key.replace('_', ' ')}: {text}")
    for key, rows in facts.items():
        if _is_rows(rows):
            click.echo(f"\n{key.replace('_', ' ')}:")
            header = list(rows[0])
            shown = rows[:MOST_CONDITIONS] if key == "conditions" else rows
            print_rows(header, [[row.get(column, "") for column in header] for row in shown], indent="  ")
            if len(shown) < len(rows):
                click.echo(f"  and {len(rows) - len(shown):,} more (--json shows all)")


def _for_reader(row: dict[str, Any]) -> dict[str, Any]:
    values = "" if row["values"] is None else f"{row['values']:,}"
    return {**row, "missing": f"{row['missing']:.1%}" if row["missing"] else "", "values": values}


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={_flat(item)}" for key, item in value.items() if item not in (None, [], ""))
    return " + ".join(map(str, value)) if isinstance(value, list) else str(value)


class _FetchDisplay:
    def __init__(self) -> None:
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}
        self._finished: set[str] = set()

    def __enter__(self) -> _FetchDisplay:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

            columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
            self._bars = Progress(*columns, console=Console(stderr=True))
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def show(self, progress: FetchProgress) -> None:
        """Show the progress of a file; may be called from several threads."""
        if self._bars is not None:
            if progress.file not in self._tasks:
                self._tasks[progress.file] = self._bars.add_task(progress.file, total=progress.total)
            self._bars.update(self._tasks[progress.file], completed=progress.done, total=progress.total)
        elif progress.done == progress.total and progress.file not in self._finished:
            self._finished.add(progress.file)
            click.echo(f"{progress.file}: {progress.done / 1e6:.1f} MB", err=True)
