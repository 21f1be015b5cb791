"""TabGenBench: every generator of tables on one split, scored beside controls, on a board that anyone can rebuild.

The names below are what a plugin needs. They are imported when they are first used, so that a module which only
registers plugins costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tabgenbench.registry.hookspecs import hookimpl
from tabgenbench.registry.lazy import Lazy

if TYPE_CHECKING:
    from tabgenbench.data.conditions import ConditionCodes, nearest_known
    from tabgenbench.data.schema import Schema
    from tabgenbench.data.table import Source, Table, condition_labels
    from tabgenbench.data.transform import Transform
    from tabgenbench.errors import ConfigError, DataError, PluginError, TabGenBenchError, Unsupported
    from tabgenbench.interfaces.dataset import DatasetCard, DatasetSource
    from tabgenbench.interfaces.evaluation import Evaluation
    from tabgenbench.interfaces.generator import Card, FitContext, Generator, SampleContext
    from tabgenbench.interfaces.metric import Metric, MetricContext, Result, ScoreSpec
    from tabgenbench.options import Options

__all__ = [
    "Card",
    "ConditionCodes",
    "ConfigError",
    "DataError",
    "DatasetCard",
    "DatasetSource",
    "Evaluation",
    "FitContext",
    "Generator",
    "Lazy",
    "Metric",
    "MetricContext",
    "Options",
    "PluginError",
    "Result",
    "SampleContext",
    "Schema",
    "ScoreSpec",
    "Source",
    "TabGenBenchError",
    "Table",
    "Transform",
    "Unsupported",
    "condition_labels",
    "hookimpl",
    "nearest_known",
]

__version__ = "0.1.0"

_HOMES = {
    "data.conditions": ("ConditionCodes", "nearest_known"),
    "interfaces.dataset": ("DatasetCard", "DatasetSource"),
    "errors": ("ConfigError", "DataError", "PluginError", "TabGenBenchError", "Unsupported"),
    "interfaces.evaluation": ("Evaluation",),
    "interfaces.generator": ("Card", "FitContext", "Generator", "SampleContext"),
    "interfaces.metric": ("Metric", "MetricContext", "Result", "ScoreSpec"),
    "options": ("Options",),
    "data.schema": ("Schema",),
    "data.table": ("Source", "Table", "condition_labels"),
    "data.transform": ("Transform",),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"tabgenbench.{_MODULE_OF[name]}"), name)
