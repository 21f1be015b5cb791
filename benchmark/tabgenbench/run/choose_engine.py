"""Selection of the engine, which runs trainings and metrics as tasks, and of its options."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tabgenbench.engines.base import Engine, EngineOptions
from tabgenbench.errors import ConfigError, did_you_mean
from tabgenbench.registry.manager import Plugins
from tabgenbench.run.preloads import PRELOADS, first_preloads

if TYPE_CHECKING:
    from tabgenbench.registry.suite import Suite
    from tabgenbench.run.state import RunOptions

__all__ = ["EngineChoice", "choose_engine"]


@dataclass(frozen=True)
class EngineChoice:
    """The class and the options of an engine, and options of the run.

    Attributes:
        kind: class of the engine.
        options: options of the engine; `Engine.settle` has inserted the defaults.
        timing: whether trainings run one at a time, so that measured times can be compared.
        retry_failed: whether failed trainings and metrics are repeated.
        keep_models: whether trained models are kept. If None, models of at most `MODEL_BYTES` are kept.
    """

    kind: type[Engine]
    options: EngineOptions
    timing: bool = False
    retry_failed: bool = False
    keep_models: bool | None = None

    @property
    def run_options(self) -> RunOptions:
        """The options of the run."""
        from tabgenbench.run.state import (  # imports NumPy and pandas; the engine warms up meanwhile
            MODEL_BYTES,
            RunOptions,
        )

        return RunOptions(
            device=self.options.device,
            workers=self.options.n_workers,
            threads=self.options.n_threads,
            timeout=self.options.timeout,
            memory=self.options.memory,
            timing=self.timing,
            retry_failed=self.retry_failed,
            model_bytes={None: MODEL_BYTES, True: None, False: 0}[self.keep_models],
        )

    def warm(self, suite: Suite, plugins: Plugins) -> None:
        """Start to import the modules that a suite needs; do not wait for the imports."""
        for preload in first_preloads(suite, plugins):
            self.kind.warm(self.options, preload)

    def make(self, store: Path | None) -> Engine:
        """Return an engine that is ready for tasks; if ``store`` is None, the tasks must not use a store."""
        if store is None:
            return self.kind(self.options)
        from tabgenbench.store.folder import StoreFolder

        return self.kind(replace(self.options, probe=StoreFolder(store).new_path()))


def choose_engine(options: Mapping[str, Any], plugins: Plugins) -> EngineChoice:
    """Return the engine selected by the options of ``tabgenbench run``.

    Raises:
        ConfigError: the engine does not exist, options conflict, or a limit is not a number above 0.
        DeviceError: the device does not exist.
        PluginError: the class of the engine cannot be imported or is not an engine.
    """
    if options["timing"] and (options["workers"] or 1) > 1:
        raise ConfigError(
            f"--workers: got {options['workers']} with --timing, which runs one cell at a time; omit --workers"
        )
    name, engines = options["executor"], plugins.entries("engines")
    if name not in engines:
        raise ConfigError(f"--executor: unknown engine {name!r}{did_you_mean(name, engines)}")
    kind: type[Engine] = engines[name].load()
    if not issubclass(kind, Engine) or inspect.isabstract(kind):
        kind = engines[name].load_fitting("engines")  # raises an explanation; imports NumPy and pandas
    memory = _limit(options, "memory", "GiB")
    asked = EngineOptions(
        device=options["device"],
        workers=1 if options["timing"] else options["workers"],
        threads=options["threads"],
        timeout=_limit(options, "timeout", "seconds"),
        memory=None if memory is None else math.ceil(memory * 2**30),
        slots_per_gpu=options["slots_per_gpu"],
        address=options["address"],
        preloads=PRELOADS,
    )
    return EngineChoice(kind, kind.settle(asked), options["timing"], options["retry_failed"], options["keep_models"])


def _limit(options: Mapping[str, Any], name: str, unit: str) -> float | None:
    value = options[name]
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < math.inf:
        raise ConfigError(f"--{name}: got {value!r}, expected a number of {unit} above 0")
    return float(value)
