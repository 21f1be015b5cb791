"""``tabgenbench plugin``: what is loaded, and why something is not."""

from __future__ import annotations

import click

from tabgenbench.commands.shared import print_rows
from tabgenbench.manager import KINDS, Plugins

__all__ = ["plugin"]


@click.group()
def plugin() -> None:
    """Look after plugins."""


@plugin.command()
@click.pass_obj
def doctor(plugins: Plugins) -> None:
    """Say which plugins are loaded, and why one is not.

    Exit status 1 when a plugin is set aside or cannot be imported.
    """
    from tabgenbench.errors import PluginError

    rows = [[name, "ok"] for name, _ in sorted(plugins.manager.list_name_plugin())]
    problems = [[one.plugin, one.reason] for one in plugins.set_aside]
    for kind in KINDS:
        for entry in plugins.entries(kind).values():
            try:
                entry.load()
            except PluginError as error:
                problems.append([f"{entry.plugin} ({entry.name})", str(error)])
    print_rows(["plugin", "state"], [*rows, *problems])
    if problems:
        raise click.exceptions.Exit(1)
