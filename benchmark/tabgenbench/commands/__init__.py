"""Built-in commands and engines, registered through the same hooks as external plugins."""

from __future__ import annotations

import click

from tabgenbench.commands.dataset import dataset
from tabgenbench.commands.export import export
from tabgenbench.commands.gc import gc
from tabgenbench.commands.list import list_plugins
from tabgenbench.commands.merge import merge
from tabgenbench.commands.plugin import plugin
from tabgenbench.commands.run import run
from tabgenbench.commands.score import score
from tabgenbench.commands.status import status
from tabgenbench.registry.hookspecs import hookimpl
from tabgenbench.registry.lazy import Lazy

ENGINES = (
    Lazy("local", "tabgenbench.engines.local:LocalEngine", "processes on this machine, with time and memory limits"),
    Lazy(
        "inline",
        "tabgenbench.engines.inline:InlineEngine",
        "this process, one cell at a time and without limits: for debuggers and fast tests",
    ),
    Lazy("ray", "tabgenbench.engines.ray_engine:RayEngine", "Ray, here or on a cluster", extra="ray"),
)


@hookimpl
def register_engines() -> list[Lazy]:
    """Return the engines local, inline and ray."""
    return [*ENGINES]  # the module `list` of this package hides the function


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add the commands list, run, status, score, export, dataset, plugin, merge and gc."""
    for command in (list_plugins, run, status, score, export, dataset, plugin, merge, gc):
        cli.add_command(command)
