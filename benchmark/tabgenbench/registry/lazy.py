"""Plugin classes that are imported at first use, and loading of a class in another process."""

from __future__ import annotations

import pickle
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from tabgenbench.engines.packages import PROJECT, missing_packages
from tabgenbench.errors import PluginError, text_of

__all__ = ["Lazy", "Target", "load_target", "target_of"]

Target = str | bytes  # ``module:Class``, or a class pickled by `target_of`


@dataclass(frozen=True)
class Lazy:
    """Description of a plugin class that is imported at first use.

    Attributes:
        name: value of the class attribute ``name``.
        target: ``package.module:Class``.
        summary: description in one line for ``tabgenbench list``.
        extra: optional extra of TabGenBench, such as ``sdv``, that installs the packages of the plugin.
    """

    name: str
    target: str
    summary: str = ""
    extra: str | None = None

    @property
    def module(self) -> str:
        """Name of the module that contains the class of the plugin."""
        return self.target.partition(":")[0]

    @property
    def install_hint(self) -> str:
        """The command that installs the optional extra; an empty text if the plugin has no extra."""
        return f"pip install '{PROJECT}[{self.extra}]'" if self.extra else ""

    @property
    def lacks(self) -> str:
        """A text with the missing packages and the command that installs them; empty if no package is missing."""
        missing = missing_packages(self.extra) if self.extra else ()
        are = "is" if len(missing) == 1 else "are"
        return f"needs {', '.join(missing)}, which {are} not installed; run: {self.install_hint}" if missing else ""

    def load(self, *, without_packages: bool = False) -> type:
        """Import and return the class.

        Args:
            without_packages: whether to import the class even if packages of the extra ``self.extra`` are missing.

        Raises:
            PluginError: a package of the plugin's extra is not installed, the import raises an exception, the class is
                missing, or its attribute ``name`` differs from this object's ``name``.
        """
        if not without_packages and self.lacks:
            raise PluginError(f"plugin {self.name!r}: {self.lacks}")
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
    """The module has no class of the given name."""


def target_of(kind: type) -> Target:
    """Return a description (target) with which `load_target` loads the class in another process.

    The target of a class in a module is ``module:Class``. A class in a notebook, a script or a function cannot be
    imported; the target is then the pickled class, with the objects that the class uses.

    Raises:
        PluginError: the class must be pickled, but refers to something that cannot be pickled.
    """
    from tabgenbench.registry.keys import is_of_session  # imports NumPy, which `list` does without

    if not is_of_session(kind) and "<locals>" not in kind.__qualname__:
        return f"{kind.__module__}:{kind.__qualname__}"
    import cloudpickle

    module = sys.modules.get(kind.__module__)
    if module is not None:
        cloudpickle.register_pickle_by_value(module)
    try:
        return bytes(cloudpickle.dumps(kind))
    except Exception as error:  # the objects that the class uses may raise anything
        name = getattr(kind, "name", kind.__qualname__)
        raise PluginError(
            f"plugin {name!r}: its class cannot be sent to another process ({text_of(error)}); define the class in "
            "its own module, or create open files, locks and connections inside its methods"
        ) from error
    finally:
        if module is not None:
            cloudpickle.unregister_pickle_by_value(module)


def load_target(target: Target) -> Any:
    """Return the class that a target describes.

    Raises:
        PluginError: the module has no class of this name.
        Exception: any exception that the import of the module raises.
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
