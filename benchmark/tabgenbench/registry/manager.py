"""Loading of installed plugins, and look-up by name of the classes and suites that plugins register."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, cast

import pluggy

from tabgenbench.errors import ConfigError, PluginError, did_you_mean
from tabgenbench.interfaces.kinds import KINDS, Kind
from tabgenbench.registry import hookspecs
from tabgenbench.registry.lazy import Lazy

__all__ = ["KINDS", "Disabled", "Entry", "Kind", "Plugins", "SuiteEntry", "make_manager"]

SESSION = "this session"  # plugin name of classes passed to the Python functions


@dataclass(frozen=True)
class Entry:
    """A registered class (generator, metric, dataset source, engine or report), and the plugin that registered it."""

    name: str
    summary: str
    plugin: str
    target: type | Lazy

    @property
    def module(self) -> str:
        """Name of the module that contains the class of the plugin."""
        return self.target.module if isinstance(self.target, Lazy) else self.target.__module__

    def names(self, found: type) -> bool:
        """Return whether a class is the registered class, without importing the registered class."""
        if isinstance(self.target, Lazy):
            return self.target.target == f"{found.__module__}:{found.__qualname__}"
        return self.target is found

    @property
    def extra(self) -> str:
        """The optional extra that installs the packages of the class; empty if the class needs no extra."""
        return self.target.extra or "" if isinstance(self.target, Lazy) else ""

    @property
    def lacks(self) -> str:
        """A sentence with the missing packages and the command that installs them; empty if none is missing."""
        return self.target.lacks if isinstance(self.target, Lazy) else ""

    def load(self, *, without_packages: bool = False) -> Any:
        """Import the class if necessary, and return it; see `Lazy.load` for ``without_packages``."""
        return self.target.load(without_packages=without_packages) if isinstance(self.target, Lazy) else self.target

    def load_fitting(self, kind: Kind, *, without_packages: bool = False) -> Any:
        """Import the class, check that it fits its kind, and return it; see `Lazy.load` for ``without_packages``.

        Raises:
            PluginError: the class cannot be imported or cannot be used as a plugin of its kind.
        """
        from tabgenbench.interfaces.checks import misfit  # imports NumPy and pandas, which `list` does without

        found = self.load(without_packages=without_packages)
        reason = misfit(kind, found)
        if reason:
            raise PluginError(f"plugin {self.name!r}: {reason}")
        return found


@dataclass(frozen=True)
class SuiteEntry:
    """A registered suite: its file, and the plugin that registered it."""

    path: Path
    plugin: str


@dataclass(frozen=True)
class Disabled:
    """A plugin that is not used, and the reason (usually an error)."""

    plugin: str
    reason: str


@dataclass
class Plugins:
    """All installed plugins.

    Attributes:
        manager: the pluggy manager, which has only the enabled plugins.
        disabled: the disabled plugins, in the order in which they were disabled.
        versions: versions of the plugins' distributions, by plugin.
        commands: names of the commands that each plugin added in `add_commands`, by plugin.
    """

    manager: pluggy.PluginManager
    disabled: list[Disabled] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    commands: dict[str, list[str]] = field(default_factory=dict)
    _entries: dict[Kind, list[Entry]] = field(default_factory=dict)

    def registered(self, kind: Kind) -> list[Entry]:
        """Return all entries of a kind, sorted by name; several entries may have one name."""
        if kind not in self._entries:
            found = [
                Entry(target.name, _summary(target), plugin, target)
                for plugin, targets in self._ask(f"register_{kind}", _is_target, "classes with a name, or Lazy")
                for target in targets
            ]
            self._entries[kind] = sorted(found, key=lambda entry: entry.name)
        return self._entries[kind]

    def entries(self, kind: Kind) -> dict[str, Entry]:
        """Return a dictionary from name to entry for a kind, such as ``generators``, sorted by name.

        Raises:
            PluginError: two entries have the same name; the message names both plugins.
        """
        found: dict[str, Entry] = {}
        for entry in self.registered(kind):
            if entry.name in found:
                raise PluginError(
                    f"two {kind} are named {entry.name!r}: in {found[entry.name].plugin} and in {entry.plugin}; "
                    "uninstall or rename one of them"
                )
            found[entry.name] = entry
        return found

    def find(self, kind: Kind, name: str) -> Entry:
        """Return the entry with this name.

        Raises:
            ConfigError: no entry has this name; the message suggests a close name.
        """
        entries = self.entries(kind)
        if name not in entries:
            raise ConfigError(f"unknown {kind.removesuffix('s')} {name!r}{did_you_mean(name, entries)}")
        return entries[name]

    def add_class(self, kind: Kind, found: type) -> None:
        """Register a class, such as a class from a notebook, unless it is registered already.

        Raises:
            PluginError: the class cannot be used as a plugin of this kind.
        """
        from tabgenbench.interfaces.checks import misfit  # imports NumPy and pandas, which `list` does without

        reason = misfit(kind, found)
        if reason:
            raise PluginError(reason)
        registered = self.registered(kind)
        if not any(entry.names(found) for entry in registered):
            registered.append(Entry(found.name, _summary(found), SESSION, found))  # type: ignore[attr-defined]  # checked
            registered.sort(key=lambda entry: entry.name)

    def suites(self) -> dict[str, SuiteEntry]:
        """Return the registered suites by name. The name of a suite is the name of its file without suffix.

        If several suites have the same name, the suite that was registered first is used.
        """
        found: dict[str, SuiteEntry] = {}
        for suite in self.registered_suites():
            found.setdefault(suite.path.stem, suite)
        return dict(sorted(found.items()))

    def registered_suites(self) -> list[SuiteEntry]:
        """Return all registered suites, in the order of registration; several suites may have one name."""
        asked = self._ask("register_suites", _is_path, "paths of suite files")
        return [SuiteEntry(path, plugin) for plugin, paths in asked for path in paths]

    def notify(self, hook: str, **arguments: Any) -> None:
        """Call an observer hook, such as ``cell_finished``, in every plugin.

        A plugin whose hook raises an exception is disabled, and the next plugin is called.
        """
        for impl in list(reversed(getattr(self.manager.hook, hook).get_hookimpls())):
            self._call(impl, hook, arguments)

    def add_commands(self, cli: Any) -> None:
        """Call `register_commands` of every plugin."""
        for impl in list(reversed(self.manager.hook.register_commands.get_hookimpls())):
            before = dict(cli.commands)
            self._call(impl, "register_commands", {"cli": cli})
            added = (name for name, command in cli.commands.items() if before.get(name) is not command)
            self.commands[impl.plugin_name] = sorted(added)

    def _ask(self, hook: str, fits: Callable[[Any], bool], expected: str) -> Iterable[tuple[str, list[Any]]]:
        for impl in list(getattr(self.manager.hook, hook).get_hookimpls()):
            answer = self._call(impl, hook, {})
            if answer is None:
                continue
            if isinstance(answer, list | tuple) and all(fits(item) for item in answer):
                yield impl.plugin_name, list(answer)
            else:
                self.disable(impl.plugin, f"{hook} returned {answer!r}, expected a list of {expected}")

    def _call(self, impl: pluggy.HookImpl, hook: str, arguments: dict[str, Any]) -> Any:
        try:
            return impl.function(*(arguments[name] for name in impl.argnames))
        except (Exception, SystemExit) as error:  # an error of one plugin must not stop the others
            self.disable(impl.plugin, f"{hook} raised {type(error).__name__}: {error}")
            return None

    def disable(self, plugin: object, reason: str) -> None:
        """Unregister a plugin and record the reason."""
        name = self.manager.get_name(plugin) or repr(plugin)
        self.manager.unregister(plugin)
        self.disabled.append(Disabled(name, _one_line(reason)))


def make_manager(extra: Iterable[object] = (), *, points: Iterable[EntryPoint] | None = None) -> Plugins:
    """Load every installed plugin, and return the enabled and the disabled plugins.

    Args:
        extra: additional plugins: modules, objects, or classes that can be created without arguments.
        points: entry points to load, by default all of the group ``tabgenbench``.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    plugins = Plugins(manager)
    if points is None:
        points = entry_points(group=hookspecs.PROJECT)
    for point in sorted(points, key=_load_order):
        if point.dist is not None:
            plugins.versions[_point_name(point)] = point.dist.version
        _register_guarded(plugins, _point_name(point), point.load)
    for plugin in extra:
        _register_guarded(plugins, getattr(plugin, "__name__", type(plugin).__name__), partial(_identity, plugin))
    _check_hooks(plugins)
    return plugins


def _load_order(point: EntryPoint) -> tuple[bool, str]:
    own = point.dist is not None and point.dist.name == hookspecs.PROJECT
    return (not own, _point_name(point))


def _point_name(point: EntryPoint) -> str:
    return f"{point.dist.name if point.dist is not None else 'unknown'}:{point.name}"


def _register_guarded(plugins: Plugins, name: str, load: Callable[[], object]) -> None:
    plugin: object | None = None
    try:
        loaded = load()
        plugin = loaded() if isinstance(loaded, type) else loaded
        plugins.manager.register(plugin, name=name)
    except (Exception, SystemExit) as error:  # importing a plugin may raise anything
        if plugins.manager.get_plugin(name) is plugin is not None:  # partly registered: a hook signature is wrong
            plugins.manager.unregister(plugin)
        reason = f"does not load: {type(error).__name__}: {error}"
        plugins.disabled.append(Disabled(name, _one_line(reason)))


def _identity(plugin: object) -> object:
    return plugin


def _check_hooks(plugins: Plugins) -> None:
    while True:
        try:
            plugins.manager.check_pending()
        except pluggy.PluginValidationError as error:
            plugins.disable(error.plugin, str(error))
        else:
            return


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _is_target(item: Any) -> bool:
    return isinstance(item, Lazy) or (isinstance(item, type) and isinstance(getattr(item, "name", None), str))


def _is_path(item: Any) -> bool:
    return isinstance(item, Path)


def _summary(target: type | Lazy) -> str:
    if isinstance(target, Lazy):
        return target.summary
    text = getattr(getattr(target, "card", None), "summary", None) or getattr(target, "summary", None)
    text = text or (target.__doc__ or "").strip().partition("\n")[0]
    return cast(str, text)
