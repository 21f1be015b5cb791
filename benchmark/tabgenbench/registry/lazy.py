"""Plugins that are named but not imported."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from tabgenbench.errors import PluginError, text_of
from tabgenbench.extras import PROJECT

__all__ = ["Lazy", "load_target"]


@dataclass(frozen=True)
class Lazy:
    """A plugin that is imported at first use.

    Attributes:
        name: the name of the class that ``target`` points to.
        target: ``package.module:Class``.
        summary: one line for ``tabgenbench list``.
        extra: the optional extra of TabGenBench that installs its requirements, such as ``sdv``.
    """

    name: str
    target: str
    summary: str = ""
    extra: str | None = None

    @property
    def module(self) -> str:
        """The module that contains the class."""
        return self.target.partition(":")[0]

    @property
    def install_hint(self) -> str:
        """The command that installs its extra, or an empty text if it needs none."""
        return f"pip install '{PROJECT}[{self.extra}]'" if self.extra else ""

    def load(self) -> type:
        """Import the class.

        Raises:
            PluginError: the import raises, the class is missing, or it has another name.
        """
        try:
            found = load_target(self.target)
        except ImportError as error:
            hint = f"; run: {self.install_hint}" if self.extra else ""
            raise PluginError(f"plugin {self.name!r}: cannot import {self.module}: {error}{hint}") from error
        except _NoSuchName as error:
            raise PluginError(f"plugin {self.name!r}: {error}; correct its target") from None
        except (Exception, SystemExit) as error:  # importing a plugin's module may raise anything
            raise PluginError(f"plugin {self.name!r}: cannot import {self.module}: {text_of(error)}") from error
        if not isinstance(found, type) or getattr(found, "name", None) != self.name:
            got = getattr(found, "name", None)
            raise PluginError(f"plugin {self.name!r}: {self.target} is named {got!r}, expected {self.name!r}")
        return found


class _NoSuchName(PluginError):
    """The module of a target lacks the name."""


def load_target(target: str) -> Any:
    """Import ``module:Class``; a nested class has a dotted name.

    Raises:
        PluginError: the module has no such name. Errors of the import itself are not caught.
    """
    module, _, name = target.partition(":")
    found: Any = import_module(module)
    for part in name.split("."):
        if not hasattr(found, part):
            raise _NoSuchName(f"module {module} has no {name!r}")
        found = getattr(found, part)
    return found
