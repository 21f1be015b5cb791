"""``tabgenbench list``: list the installed plugins."""

from __future__ import annotations

import json

import click

from tabgenbench.commands.shared import json_option, print_rows
from tabgenbench.engines.packages import missing_packages
from tabgenbench.interfaces.kinds import KINDS
from tabgenbench.registry.lazy import Lazy
from tabgenbench.registry.manager import Plugins

__all__ = ["list_plugins"]

LISTED = (*KINDS, "suites")


@click.command("list")
@click.argument("kind", type=click.Choice(LISTED), required=False)
@json_option
@click.pass_obj
def list_plugins(plugins: Plugins, kind: str | None, as_json: bool) -> None:
    """List the installed generators, metrics, datasets, engines, reports and suites.

    Names and summaries come from the registrations of the plugins; no plugin class is imported. Plugins whose optional
    packages are missing are named below each list, with the command that installs the packages.
    """
    found = {one: _rows(plugins, one) for one in ([kind] if kind else LISTED)}
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    for one, rows in found.items():
        click.echo(f"{one}:")
        print_rows(["  name", "summary", "from"], [[f"  {r['name']}", r["summary"], r["plugin"]] for r in rows])
        for row in rows:
            if row["install"]:
                click.echo(f"  {row['name']} is not installed; run: {row['install']}")
        click.echo()
    if plugins.disabled:
        names = ", ".join(one.plugin for one in plugins.disabled)
        click.echo(f"disabled: {names} (reasons: tabgenbench plugin doctor)", err=True)


def _rows(plugins: Plugins, kind: str) -> list[dict[str, str]]:
    if kind == "suites":
        return [
            {
                "name": name,
                "summary": _suite_summary(suite.path.read_text(encoding="utf-8")),
                "plugin": suite.plugin,
                "install": "",
            }
            for name, suite in plugins.suites().items()
        ]
    entries = plugins.entries(kind)  # type: ignore[arg-type]
    return [
        {"name": one.name, "summary": one.summary, "plugin": one.plugin, "install": _install_hint(one.target)}
        for one in entries.values()
    ]


def _install_hint(target: type | Lazy) -> str:
    if isinstance(target, Lazy) and target.extra and missing_packages(target.extra):
        return target.install_hint
    return ""


def _suite_summary(text: str) -> str:
    import tomllib

    return str(tomllib.loads(text).get("summary", ""))
