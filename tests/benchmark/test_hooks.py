"""Every hook is typed, documented and used by a plugin that ships with the program."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from tabgenbench.registry import hookspecs
from tabgenbench.registry.manager import make_manager

ROOT = Path(__file__).parents[2]
HOOKS = {
    name: function
    for name, function in vars(hookspecs).items()
    if inspect.isfunction(function) and hasattr(function, f"{hookspecs.PROJECT}_spec")
}


def test_the_hooks_are_those_of_the_design() -> None:
    assert sorted(HOOKS) == [
        "cell_finished",
        "cell_progress",
        "cell_started",
        "register_commands",
        "register_datasets",
        "register_engines",
        "register_generators",
        "register_metrics",
        "register_reports",
        "register_suites",
        "run_finished",
        "run_started",
    ]


@pytest.mark.parametrize("name", sorted(HOOKS))
def test_hook_is_typed_and_described(name: str) -> None:
    signature = inspect.signature(HOOKS[name])
    assert signature.return_annotation is not inspect.Signature.empty
    assert all(parameter.annotation is not inspect.Parameter.empty for parameter in signature.parameters.values())
    assert (HOOKS[name].__doc__ or "").strip().endswith(".")


@pytest.mark.parametrize("name", sorted(HOOKS))
def test_hook_is_in_the_guide(name: str) -> None:
    assert name in (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(HOOKS))
def test_hook_has_a_user_that_ships_with_the_program(name: str) -> None:
    plugins = make_manager()
    users = [impl.plugin_name for impl in getattr(plugins.manager.hook, name).get_hookimpls()]
    assert any(user.startswith("tabgenbench:") for user in users), f"disabled: {plugins.disabled}"


def test_the_hook_file_is_short() -> None:
    assert len(inspect.getsource(hookspecs).splitlines()) < 100
