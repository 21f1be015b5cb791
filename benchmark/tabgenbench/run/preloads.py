"""Chooses the modules that a process imports before it runs a plugin, by the imports in the plugin's source code."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from tabgenbench.engines.packages import PROJECT
from tabgenbench.errors import PluginError
from tabgenbench.registry.keys import sources_of, syntax_tree

if TYPE_CHECKING:
    from tabgenbench.registry.lazy import Target
    from tabgenbench.registry.manager import Plugins
    from tabgenbench.registry.suite import Suite

__all__ = [
    "FULL",
    "LIGHT",
    "PRELOADS",
    "SCIENCE",
    "TORCH",
    "UMAP",
    "first_preloads",
    "preload_for",
    "preload_of",
]

LIGHT, SCIENCE, TORCH, UMAP, FULL = "light", "science", "torch", "umap", "full"
_TABLES = ("tabgenbench.run.tasks", "tabgenbench.run.warm_up")
_SCIENCE = (
    "sklearn.covariance",
    "sklearn.decomposition",
    "sklearn.metrics",
    "sklearn.neighbors",
    "scipy.cluster.hierarchy",
)
_TORCH = ("torch", "tabgenbench.run.warm_torch")
PRELOADS = {  # tasks with unknown imports use the last entry
    LIGHT: _TABLES,
    SCIENCE: (*_SCIENCE, *_TABLES),
    TORCH: (*_TORCH, *_TABLES),
    UMAP: (*_SCIENCE, "umap", *_TABLES),
    FULL: (*_TORCH, *_SCIENCE, "anndata", *_TABLES),
}
_KNOWN = {"anndata", "h5py", "numpy", "pandas", "pydantic", "scipy", "sklearn", "tabgenbench", "torch", "umap"}
_HEAVY = {  # preload -> its packages whose import takes half a second or more
    LIGHT: set[str](),
    SCIENCE: {"sklearn", "scipy.cluster", "scipy.spatial"},
    TORCH: {"torch"},
    UMAP: {"sklearn", "scipy.cluster", "scipy.spatial", "umap"},
    FULL: {"anndata", "sklearn", "scipy.cluster", "scipy.spatial", "torch"},
}
_ON_USE = {  # names of the harness that import a heavy package on use
    **dict.fromkeys(("torch", "device_split", "upload", "DeviceSplit"), "torch"),
    **dict.fromkeys(("from_anndata", "to_anndata"), "anndata"),
}


def first_preloads(suite: Suite, plugins: Plugins) -> list[str]:
    """Return the names of the sets of modules (at most two) to import at the start of a run.

    Each set is imported in its own process. More than two simultaneous imports would delay the first trainings, so
    other sets are imported when they are needed.
    """
    entries = plugins.entries("generators")
    needed = {preload_of(entries[one.name].module) for one in suite.generators if one.name in entries}
    return [name for name in (LIGHT, TORCH, SCIENCE, FULL) if name in needed][:2]


def preload_for(*targets: Target) -> str:
    """Return the name of the set of modules that a process imports before it uses these classes."""
    return preload_of(*("__main__" if isinstance(one, bytes) else one.partition(":")[0] for one in targets))


@cache
def preload_of(*targets: Target) -> str:
    """Return the name of the smallest set of modules that contains all slow imports of the targets.

    The result is ``full`` if no set contains all of them, or if a target is pickled, has no readable source code or
    imports an unknown package.

    Args:
        targets: ``module:Class``, a module name, or a pickled class.
    """
    modules = [target.partition(":")[0] for target in targets if isinstance(target, str)]
    if len(modules) < len(targets):
        return FULL
    try:
        names = _imported_by(modules)
    except PluginError:
        return FULL
    own = {module.partition(".")[0] for module in modules}
    if not {name.partition(".")[0] for name in names} <= {*_KNOWN, *_plugin_packages(), *own, *sys.stdlib_module_names}:
        return FULL
    all_heavy = set[str]().union(*_HEAVY.values())
    heavy = {one for one in all_heavy if any(name == one or name.startswith(one + ".") for name in names)}
    return next((name for name, offered in _HEAVY.items() if heavy <= offered), FULL)


def _imported_by(modules: Iterable[str]) -> set[str]:
    found: set[str] = set()
    read: set[Path] = set()
    waiting = list(modules)
    while waiting:
        for path in sources_of(waiting.pop()):
            if path in read:
                continue
            read.add(path)
            names = set(_imports(path)) - found
            found |= names
            waiting += [name for name in names if name.partition(".")[0] in _plugin_packages() and _is_module(name)]
    return found


@cache
def _plugin_packages() -> frozenset[str]:
    return frozenset(point.module.partition(".")[0] for point in entry_points(group=PROJECT)) - {PROJECT}


def _is_module(name: str) -> bool:
    try:
        return bool(sources_of(name))
    except PluginError:  # a name inside a module
        return False


def _imports(path: Path) -> Iterator[str]:
    if path.suffix != ".py":
        raise PluginError(f"{path}: not Python source, so its imports are unknown")
    for node in ast.walk(syntax_tree(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield str(node.module)
            for alias in node.names:
                yield _ON_USE.get(alias.name, f"{node.module}.{alias.name}")
        elif isinstance(node, ast.Attribute) and node.attr in _ON_USE:
            yield _ON_USE[node.attr]
