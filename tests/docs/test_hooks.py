from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path

import pytest

from tabgenbench.registry import hookspecs
from tabgenbench.registry.manager import Plugins

HOOKS = sorted(
    name for name, value in vars(hookspecs).items() if hasattr(value, f"{hookspecs.PROJECT}_spec")
)  # pluggy's mark of a specification


def signature_of(name: str) -> str:
    """A hook's signature as source text; its annotations are already strings."""
    signature = inspect.signature(getattr(hookspecs, name))
    arguments = ", ".join(f"{one.name}: {one.annotation}" for one in signature.parameters.values())
    return f"{name}({arguments}) -> {signature.return_annotation}"


def test_there_are_hooks() -> None:
    assert len(HOOKS) >= 10


@pytest.mark.parametrize("name", HOOKS)
def test_hook_is_documented_with_its_signature(name: str, repository: Path) -> None:
    page = (repository / "docs" / "plugins.md").read_text(encoding="utf-8")
    heading = f"#### `{signature_of(name)}`\n"
    assert heading in page
    section = page.partition(heading)[2].partition("\n#")[0]
    assert len(section.split()) >= 15, "says when the hook is called, and by whom"


@pytest.mark.parametrize("name", HOOKS)
def test_hook_has_an_example(name: str, repository: Path, fenced: Callable[[Path, str], list[str]]) -> None:
    samples = fenced(repository / "docs" / "plugins.md", "python")
    assert any(f"@hookimpl\ndef {name}(" in text or f"@hookimpl\n    def {name}(" in text for text in samples)


@pytest.mark.parametrize("name", HOOKS)
def test_hook_has_a_builtin_user(name: str, builtin: Plugins) -> None:
    assert getattr(builtin.manager.hook, name).get_hookimpls()
