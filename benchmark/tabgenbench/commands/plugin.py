"""``tabgenbench plugin``: create, check and diagnose plugins."""

from __future__ import annotations

import click

from tabgenbench.commands.plugin_check import check
from tabgenbench.commands.plugin_doctor import doctor
from tabgenbench.commands.plugin_new import new

__all__ = ["plugin"]


@click.group()
def plugin() -> None:
    """Create, check and diagnose plugins."""


for _command in (new, check, doctor):
    plugin.add_command(_command)
