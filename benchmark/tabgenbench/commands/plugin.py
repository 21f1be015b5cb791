"""``tabgenbench plugin``: look after plugins."""

from __future__ import annotations

import click

from tabgenbench.commands.plugin_check import check
from tabgenbench.commands.plugin_doctor import doctor
from tabgenbench.commands.plugin_new import new

__all__ = ["plugin"]


@click.group()
def plugin() -> None:
    """Begin a plugin, check it, and see which are in use."""


for _command in (new, check, doctor):
    plugin.add_command(_command)
