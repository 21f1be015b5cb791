"""Which engine a run uses, with how many cells at a time and how many threads each."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tabgenbench.engines.base import Engine, EngineOptions
from tabgenbench.errors import ConfigError, did_you_mean
from tabgenbench.registry.manager import Plugins
from tabgenbench.run.preloads import PRELOADS, preloads_of

if TYPE_CHECKING:
    from tabgenbench.registry.suite import Suite
    from tabgenbench.run.state import RunOptions

__all__ = ["EngineChoice", "choose_engine"]


@dataclass(frozen=True)
class EngineChoice:
    """The engine of a run, with its options.

    Attributes:
        kind: its class.
        options: its options, all decided.
        timing: whether times are to be comparable.
        retry_failed: whether failed cells are tried again.
    """

    kind: type[Engine]
    options: EngineOptions
    timing: bool = False
    retry_failed: bool = False

    @property
    def run_options(self) -> RunOptions:
        """What the runner needs to know."""
        from tabgenbench.run.state import RunOptions  # imports NumPy and pandas: after the engine is warming up

        return RunOptions(
            device=self.options.device,
            workers=self.options.n_workers,
            threads=self.options.n_threads,
            timeout=self.options.timeout,
            memory=self.options.memory,
            timing=self.timing,
            retry_failed=self.retry_failed,
        )

    def warm(self, suite: Suite, plugins: Plugins) -> None:
        """Begin what takes a while and the suite's cells need, without waiting for it."""
        for preload in preloads_of(suite, plugins):
            self.kind.warm(self.options, preload)

    def make(self, store: Path | None) -> Engine:
        """Return the engine, ready for tasks; with None in place of the store's folder, it does not touch a store."""
        if store is None:
            return self.kind(self.options)
        from tabgenbench.store.folder import StoreFolder

        return self.kind(replace(self.options, probe=StoreFolder(store).new_path()))


def choose_engine(options: Mapping[str, Any], plugins: Plugins) -> EngineChoice:
    """Return the engine that the options of ``tabgenbench run`` ask for.

    Raises:
        ConfigError: there is no such engine, or options do not go together.
        DeviceError: the device does not exist.
        PluginError: the engine's class cannot be imported, or is not an engine.
    """
    if options["timing"] and (options["workers"] or 1) > 1:
        raise ConfigError(
            f"--workers: got {options['workers']} with --timing, which runs one cell at a time; leave it out"
        )
    name, engines = options["executor"], plugins.entries("engines")
    if name not in engines:
        raise ConfigError(f"--executor: unknown engine {name!r}{did_you_mean(name, engines)}")
    kind: type[Engine] = engines[name].load()
    if not issubclass(kind, Engine) or inspect.isabstract(kind):
        kind = engines[name].load_fitting("engines")  # says what is wrong; imports NumPy and pandas
    asked = EngineOptions(
        device=options["device"],
        workers=1 if options["timing"] else options["workers"],
        threads=options["threads"],
        timeout=options["timeout"],
        memory=None if options["memory"] is None else int(options["memory"] * 2**30),
        slots_per_gpu=options["slots_per_gpu"],
        address=options["address"],
        preloads=PRELOADS,
    )
    return EngineChoice(kind, kind.settle(asked), options["timing"], options["retry_failed"])
