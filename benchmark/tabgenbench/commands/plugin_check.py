"""``tabgenbench plugin check``: check whether a generator or a metric follows the rules of its interface."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import click

from tabgenbench.commands.shared import print_rows
from tabgenbench.registry.manager import Plugins

if TYPE_CHECKING:
    from tabgenbench import Check

__all__ = ["check"]

WIDTH = 100


@click.command()
@click.argument("name", metavar="NAME[:k=v,...]")
@click.pass_obj
def check(plugins: Plugins, name: str) -> None:
    """Check whether a generator or metric follows the rules of its interface, on a small table.

    A generator is trained and sampled, or a metric is computed, several times in this process, on the CPU. Use few
    epochs:

    \b
      tabgenbench plugin check cvae:epochs=5

    Exit status 1 if a check fails.
    """  # noqa: D301 - click needs the backspace itself, which prevents rewrapping of the example
    from tabgenbench import failures

    checks = _checks(plugins, name)
    print_rows(["check", "state"], [[one.title, "ok" if one.ok else "failed"] for one in checks])
    broken = failures(checks)
    if broken:
        click.echo()
        for line in broken:
            click.echo(textwrap.fill(line, WIDTH, subsequent_indent="  ", break_long_words=False))
        raise click.exceptions.Exit(1)


def _checks(plugins: Plugins, text: str) -> list[Check]:
    from tabgenbench import check_generator, check_metric
    from tabgenbench.errors import ConfigError, did_you_mean
    from tabgenbench.options import parse_plugin_string

    name, options = parse_plugin_string(text)
    generators, metrics = plugins.entries("generators"), plugins.entries("metrics")
    if name in generators:
        return check_generator(generators[name].load_fitting("generators"), **options)
    if name in metrics:
        return check_metric(metrics[name].load_fitting("metrics"), **options)
    raise ConfigError(f"unknown generator or metric {name!r}{did_you_mean(name, [*generators, *metrics])}")
