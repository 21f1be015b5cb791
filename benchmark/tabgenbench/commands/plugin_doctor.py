"""``tabgenbench plugin doctor``: list what plugins register, and report problems."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from typing import TYPE_CHECKING

import click

from tabgenbench.commands.shared import json_option, print_rows
from tabgenbench.registry.manager import Plugins

if TYPE_CHECKING:
    from tabgenbench.registry.doctor import PluginReport

__all__ = ["doctor"]

WIDTH = 100
NARROW = 30  # minimum width of the last column of the table
WORKERS = 4  # each imports one class with its libraries


@click.command()
@json_option
@click.pass_obj
def doctor(plugins: Plugins, as_json: bool) -> None:
    """List what every plugin registers, and report problems.

    Every registered class is imported in its own process. If an optional extra is missing, the command that installs
    it is printed; this does not count as a problem.

    Exit status 1 if a plugin is disabled or one of its registrations cannot be used.
    """
    from tabgenbench.engines.base import EngineOptions
    from tabgenbench.engines.environment import available_cores
    from tabgenbench.engines.local import LocalEngine
    from tabgenbench.registry.doctor import examine_plugins
    from tabgenbench.run.preloads import FULL, PRELOADS

    options = EngineOptions(
        device="cpu", workers=min(WORKERS, available_cores()), threads=1, preloads={FULL: PRELOADS[FULL]}
    )
    engine = LocalEngine(options)
    try:
        reports = examine_plugins(plugins, engine)
    finally:
        engine.close()
    healthy = not any(report.problems for report in reports)
    if as_json:
        click.echo(json.dumps({"ok": healthy, "plugins": [report.to_dict() for report in reports]}, indent=1))
    else:
        _print(reports)
    if not healthy:
        raise click.exceptions.Exit(1)


def _print(reports: list[PluginReport]) -> None:
    heads = [[report.plugin, report.version or "-", _state(report)] for report in reports]
    used = sum(max(map(len, column)) + 2 for column in zip(("plugin", "version", "state"), *heads, strict=True))
    rows = []
    for head, report in zip(heads, reports, strict=True):
        lines = textwrap.wrap(_registers(report) or "-", max(NARROW, WIDTH - used))
        rows += [[*head, lines[0]], *(["", "", "", line] for line in lines[1:])]
    print_rows(["plugin", "version", "state", "registers"], rows)
    problems = [f"{one.name}: {one.reason}" for report in reports for one in report.problems if one.kind == "plugin"]
    problems += [
        f"{one.kind} {one.name} of {report.plugin}: {one.state}: {one.reason}"
        for report in reports
        for one in report.problems
        if one.kind != "plugin"
    ]
    optional = [
        f"{item.kind} {item.name} of {report.plugin}: {item.reason}"
        for report in reports
        for item in report.items
        if item.state == "not installed"
    ]
    for title, lines in (("not installed", optional), ("problems", problems)):
        if lines:
            click.echo(f"\n{title}:")
            for line in lines:
                click.echo(_wrapped(line))


def _state(report: PluginReport) -> str:
    n_problems = len(report.problems)
    if report.state != "ok" or not n_problems:
        return report.state
    return "1 problem" if n_problems == 1 else f"{n_problems} problems"


def _registers(report: PluginReport) -> str:
    counts = Counter(item.kind for item in report.items)
    counts.update({"command": len(report.commands), "observer hook": len(report.observers)})
    return ", ".join(f"{n} {kind}" + ("s" if n != 1 else "") for kind, n in counts.items() if n)


def _wrapped(line: str) -> str:
    return textwrap.fill(
        line, WIDTH, initial_indent="  ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
