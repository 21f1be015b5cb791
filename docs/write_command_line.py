"""Write docs/command-line.md from the ``--help`` texts of all commands: ``make docs``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import click

from tabgenbench.commands.cli import make_cli
from tabgenbench.registry.manager import make_manager

__all__ = ["PAGE", "command_line_page", "main"]

PAGE = Path(__file__).with_name("command-line.md")
WIDTH = 110
HEAD = """# Command line

The `--help` text of every command. `make docs` writes this page; a test compares it with the program.

A plugin can add commands, see [plugins.md](plugins.md#a-command).
"""


def main() -> None:
    """Write the page.

    Exits with status 1 if a plugin of TabGenBench itself is disabled, because its commands would be missing.
    """
    own = [point for point in entry_points(group="tabgenbench") if point.dist and point.dist.name == "tabgenbench"]
    broken = make_manager(points=own).disabled
    if broken:
        sys.exit(
            f"docs/write_command_line.py: plugin {broken[0].plugin} is disabled: {broken[0].reason}; correct it first"
        )
    PAGE.write_text(command_line_page(), encoding="utf-8")


def command_line_page() -> str:
    """Return the page: a heading and the help text of every command, in the order of the help texts."""
    sections = [f"## {path}\n\n```text\n{text}\n```\n" for path, text in help_texts(make_cli(), "tabgenbench", None)]
    return "\n".join([HEAD, *sections])


def help_texts(command: click.Command, name: str, parent: click.Context | None) -> Iterator[tuple[str, str]]:
    """Yield the path and the help text of a command and of those below it, at a width of 110 characters."""
    settings = {**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    context = click.Context(command, info_name=name, parent=parent, **settings)
    with context.scope(cleanup=False):
        text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    yield context.command_path, text
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            if found is not None and not found.hidden:
                yield from help_texts(found, below, context)


if __name__ == "__main__":
    main()
