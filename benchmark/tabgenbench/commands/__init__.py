"""The harness's own commands, added through the same hook as a stranger's. Nothing heavy is imported here."""

from __future__ import annotations

import click

from tabgenbench.commands.dataset import dataset
from tabgenbench.commands.gc import gc
from tabgenbench.commands.list import list_plugins
from tabgenbench.commands.merge import merge
from tabgenbench.commands.plugin import plugin
from tabgenbench.commands.run import run
from tabgenbench.commands.score import score
from tabgenbench.commands.status import status
from tabgenbench.registry.hookspecs import hookimpl


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add list, run, status, score, dataset, plugin, merge and gc."""
    for command in (list_plugins, run, status, score, dataset, plugin, merge, gc):
        cli.add_command(command)
