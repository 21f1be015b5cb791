"""Names of plugins that are not imported yet."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from tabgenbench.errors import PluginError

__all__ = ["Lazy"]


@dataclass(frozen=True)
class Lazy:
    """A plugin by name, imported when it is used.

    Attributes:
        name: the name of the class that ``target`` points to.
        target: ``package.module:Class``.
        summary: one line for ``tabgenbench list``.
        extra: the optional extra that installs what it needs, such as ``singlecell``.
    """

    name: str
    target: str
    summary: str = ""
    extra: str | None = None

    @property
    def module(self) -> str:
        """The module that holds the class."""
        return self.target.partition(":")[0]

    def load(self) -> type:
        """Import the class.

        Raises:
            PluginError: the import fails, the class is not there, or it has another name.
        """
        module, _, attribute = self.target.partition(":")
        try:
            found = getattr(import_module(module), attribute)
        except ImportError as error:
            hint = f"; run: pip install 'tabgenbench[{self.extra}]'" if self.extra else ""
            raise PluginError(f"plugin {self.name!r}: cannot import {module}: {error}{hint}") from error
        except AttributeError:
            raise PluginError(f"plugin {self.name!r}: module {module} has no {attribute!r}; mend its target") from None
        if not isinstance(found, type) or getattr(found, "name", None) != self.name:
            got = getattr(found, "name", None)
            raise PluginError(f"plugin {self.name!r}: {self.target} is named {got!r}, expected {self.name!r}")
        return found
