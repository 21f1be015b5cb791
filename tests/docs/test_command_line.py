from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import click
import pytest

from tabgenbench.commands.cli import make_cli


@pytest.fixture(scope="module")
def writer(repository: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_command_line", repository / "docs" / "write_command_line.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_page_is_up_to_date(writer: ModuleType) -> None:
    assert writer.PAGE.read_text(encoding="utf-8") == writer.command_line_page(), "run: make docs"


def test_page_has_a_section_for_every_command_and_names_every_option(writer: ModuleType) -> None:
    sections = dict(writer.help_texts(make_cli(), "tabgenbench", None))
    cli = make_cli()
    for name, command in cli.commands.items():
        below = command.commands if isinstance(command, click.Group) else {}
        for path, one in {
            f"tabgenbench {name}": command,
            **{f"tabgenbench {name} {b}": c for b, c in below.items()},
        }.items():
            for parameter in one.params:
                for option in parameter.opts if isinstance(parameter, click.Option) else ():
                    assert option in sections[path]


def test_every_command_and_every_option_has_a_help_text() -> None:
    cli, waiting = make_cli(), [("tabgenbench", make_cli())]
    silent = []
    assert cli.commands
    while waiting:
        path, command = waiting.pop()
        silent += [] if command.help else [path]
        for option in command.params:
            silent += [f"{path} {option.name}"] if isinstance(option, click.Option) and not option.help else []
        waiting += [(f"{path} {name}", one) for name, one in getattr(command, "commands", {}).items()]
    assert silent == []
