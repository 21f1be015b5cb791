"""Names of plugins that are not imported yet, and the targets by which another process finds a class."""

from __future__ import annotations

import pickle
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from tabgenbench.errors import PluginError, text_of
from tabgenbench.extras import PROJECT

__all__ = ["Lazy", "Target", "load_target", "target_of"]

Target = str | bytes  # ``module:Class``, or a class of a session as `target_of` pickles it


@dataclass(frozen=True)
class Lazy:
    """A plugin by name, imported when it is used.

    Attributes:
        name: the name of the class that ``target`` points to.
        target: ``package.module:Class``.
        summary: one line for ``tabgenbench list``.
        extra: the optional extra of TabGenBench that installs what it needs, such as ``sdv``.
    """

    name: str
    target: str
    summary: str = ""
    extra: str | None = None

    @property
    def module(self) -> str:
        """The module that holds the class."""
        return self.target.partition(":")[0]

    @property
    def install_hint(self) -> str:
        """The command that installs what it needs beside TabGenBench, or nothing where it needs no extra."""
        return f"pip install '{PROJECT}[{self.extra}]'" if self.extra else ""

    def load(self) -> type:
        """Import the class.

        Raises:
            PluginError: the import fails, whatever it raises, the class is not there, or it has another name.
        """
        try:
            found = load_target(self.target)
        except ImportError as error:
            hint = f"; run: {self.install_hint}" if self.extra else ""
            raise PluginError(f"plugin {self.name!r}: cannot import {self.module}: {error}{hint}") from error
        except _NoSuchName as error:
            raise PluginError(f"plugin {self.name!r}: {error}; correct its target") from None
        except (Exception, SystemExit) as error:  # importing a stranger's module may raise anything
            raise PluginError(f"plugin {self.name!r}: cannot import {self.module}: {text_of(error)}") from error
        if not isinstance(found, type) or getattr(found, "name", None) != self.name:
            got = getattr(found, "name", None)
            raise PluginError(f"plugin {self.name!r}: {self.target} is named {got!r}, expected {self.name!r}")
        return found


class _NoSuchName(PluginError):
    """A module lacks the name that a target asks for."""


def target_of(kind: type) -> Target:
    """Return what `load_target` turns into the class, in this process or another.

    A class of a module goes by its name, ``module:Class``. A class of a notebook cell, of a script or of a function's
    body cannot be imported elsewhere: its code is pickled, with what it names of its session.

    Raises:
        PluginError: such a class refers to something that cannot be pickled.
    """
    from tabgenbench.keys import is_of_session  # imports NumPy, which `list` does without

    if not is_of_session(kind) and "<locals>" not in kind.__qualname__:
        return f"{kind.__module__}:{kind.__qualname__}"
    import cloudpickle

    module = sys.modules.get(kind.__module__)
    if module is not None:
        cloudpickle.register_pickle_by_value(module)
    try:
        return bytes(cloudpickle.dumps(kind))
    except Exception as error:  # whatever the class names may refuse in any way
        name = getattr(kind, "name", kind.__qualname__)
        raise PluginError(
            f"plugin {name!r}: its class cannot be sent to another process ({text_of(error)}); define the class in a "
            "module of its own, or make open files, locks and connections inside its methods"
        ) from error
    finally:
        if module is not None:
            cloudpickle.unregister_pickle_by_value(module)


def load_target(target: Target) -> Any:
    """Import what ``module:Class`` names, or read a pickled class; a class defined inside another has a dotted name.

    Raises:
        PluginError: the module has no such name. An error of the import itself is passed on as it is.
    """
    if isinstance(target, bytes):
        return pickle.loads(target)
    module, _, name = target.partition(":")
    found: Any = import_module(module)
    for part in name.split("."):
        if not hasattr(found, part):
            raise _NoSuchName(f"module {module} has no {name!r}")
        found = getattr(found, part)
    return found
