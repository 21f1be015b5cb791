"""Check of every installed plugin. A report lists what a plugin registers and which of these items cannot be used.

Each class is imported in a separate process, because an import may hang or crash.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from tabgenbench.engines.base import Engine, Limits, Outcome, Send, Task
from tabgenbench.engines.packages import missing_packages
from tabgenbench.errors import TabGenBenchError
from tabgenbench.interfaces.checks import misfit
from tabgenbench.interfaces.kinds import KINDS, Kind
from tabgenbench.registry.lazy import Lazy
from tabgenbench.registry.manager import Entry, Plugins, SuiteEntry

__all__ = ["Item", "PluginReport", "examine_plugins"]

State = Literal["ok", "disabled", "cannot import", "not installed", "does not fit", "name taken"]
SECONDS = 120.0  # limit of one import; a compiled library with a cold file cache takes half a minute
OBSERVERS = ("run_started", "cell_started", "cell_progress", "cell_finished", "run_finished")


@dataclass
class Item:
    """A generator, metric, dataset, engine, report or suite of a plugin; ``reason`` is empty if nothing is wrong."""

    kind: str
    name: str
    state: State = "ok"
    reason: str = ""


@dataclass
class PluginReport:
    """Result of checking one plugin (one entry point of a Python distribution).

    Attributes:
        plugin: ``distribution:entry-point``.
        version: version of the distribution, if there is one.
        state: ``disabled`` or ``ok``.
        reason: why the plugin is disabled, or empty.
        items: the generators, metrics, datasets, engines, reports and suites that the plugin registers.
        commands: names of the commands that the plugin adds.
        observers: names of the observer hooks that the plugin implements.
    """

    plugin: str
    version: str = ""
    state: State = "ok"
    reason: str = ""
    items: list[Item] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    observers: list[str] = field(default_factory=list)

    @property
    def distribution(self) -> str:
        """Name of the distribution that contains the plugin, or empty."""
        return self.plugin.rpartition(":")[0]

    @property
    def problems(self) -> list[Item]:
        """Items with an error, without items that only lack an optional package."""
        own = [Item("plugin", self.plugin, self.state, self.reason)] if self.state != "ok" else []
        return own + [item for item in self.items if item.state not in ("ok", "not installed")]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a dictionary for JSON."""
        return {**asdict(self), "distribution": self.distribution}


def examine_plugins(plugins: Plugins, engine: Engine) -> list[PluginReport]:
    """Import every class that a plugin registers, and return a report for each plugin.

    Args:
        plugins: the loaded plugins. A plugin whose hook raises an exception is disabled in this object.
        engine: engine that runs the imports.

    Returns:
        One report for each entry point. TabGenBench's own entry points come first, disabled plugins last.
    """
    entries = [(kind, entry) for kind in KINDS for entry in plugins.registered(kind)]
    suites = plugins.registered_suites()
    reports = {name: _report(plugins, name) for name, _ in plugins.manager.list_name_plugin()}
    for kind, entry, item in _import_all(entries, engine):
        if entry.plugin in reports:  # else a later hook of the plugin failed, which disabled the plugin
            _tell_if_taken(item, entry, plugins.registered(kind))
            reports[entry.plugin].items.append(item)
    for suite in suites:
        if suite.plugin in reports:
            reports[suite.plugin].items.append(_suite_item(suite, plugins))
    for one in plugins.disabled:
        reports[one.plugin] = PluginReport(
            one.plugin, plugins.versions.get(one.plugin, ""), state="disabled", reason=one.reason
        )
    return list(reports.values())


def _report(plugins: Plugins, name: str) -> PluginReport:
    callers = plugins.manager.get_hookcallers(plugins.manager.get_plugin(name)) or []
    hooks = {caller.name for caller in callers}
    return PluginReport(
        name,
        plugins.versions.get(name, ""),
        commands=plugins.commands.get(name, []),
        observers=[hook for hook in OBSERVERS if hook in hooks],
    )


def _import_all(entries: list[tuple[Kind, Entry]], engine: Engine) -> list[tuple[Kind, Entry, Item]]:
    with tempfile.TemporaryDirectory(prefix="tabgenbench-doctor-") as folder:
        waiting: dict[int, Future[Outcome]] = {}
        for number, (kind, entry) in enumerate(entries):
            if isinstance(entry.target, Lazy):
                log = Path(folder) / f"{number}.log"
                limits = Limits(threads=1, timeout=SECONDS)
                task = Task(function=_import, payload=(kind, entry.target), limits=limits, log=log)
                waiting[number] = engine.submit(task, _ignore)
        outcomes = {number: future.result() for number, future in waiting.items()}
    return [(kind, entry, _item(kind, entry, outcomes.get(number))) for number, (kind, entry) in enumerate(entries)]


def _item(kind: Kind, entry: Entry, outcome: Outcome | None) -> Item:
    item = Item(kind.removesuffix("s"), entry.name)
    missing = missing_packages(entry.target.extra) if isinstance(entry.target, Lazy) and entry.target.extra else ()
    if missing and isinstance(entry.target, Lazy):
        item.state, item.reason = "not installed", f"needs {', '.join(missing)}: {entry.target.install_hint}"
    elif outcome is None or outcome.status == "ok":
        item.reason = misfit(kind, entry.target) if isinstance(entry.target, type) else str(outcome and outcome.value)
        item.state = "does not fit" if item.reason else "ok"
    else:
        item.state, item.reason = "cannot import", _how(entry, outcome)
    return item


def _how(entry: Entry, outcome: Outcome) -> str:
    if outcome.status == "timeout":
        return f"importing {entry.module} did not finish within {SECONDS:g} s"
    if outcome.status == "failed":
        return " ".join(outcome.reason.split())
    return " ".join(f"importing {entry.module}: {outcome.reason}".split())


def _import(payload: tuple[Kind, Lazy], send: Send) -> str:
    kind, lazy = payload
    return misfit(kind, lazy.load())


def _tell_if_taken(item: Item, entry: Entry, registered: list[Entry]) -> None:
    others = [one.plugin for one in registered if one.name == entry.name and one is not entry]
    if others:
        item.state = "name taken"
        item.reason = f"also registered by {', '.join(others)}; uninstall or rename one of them"


def _suite_item(suite: SuiteEntry, plugins: Plugins) -> Item:
    from tabgenbench.registry.suite import find_suite

    item = Item("suite", suite.path.stem)
    first = plugins.suites()[suite.path.stem]
    if first.path != suite.path:
        item.state, item.reason = "name taken", f"{suite.path} is not used: {first.plugin} has a suite of this name"
        return item
    try:
        find_suite(suite.path.stem, plugins)
    except (TabGenBenchError, OSError) as error:
        item.state, item.reason = "does not fit", " ".join(str(error).split())
    return item


def _ignore(message: object) -> None:
    """Ignore a message."""
