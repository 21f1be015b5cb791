"""TabGenBench: every generator of tables on one split, scored beside controls, on a board that anyone can rebuild.

The names below are what a plugin needs. They are imported when they are first used, so that a module which only
registers plugins costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tabgenbench.hookspecs import hookimpl
from tabgenbench.lazy import Lazy

if TYPE_CHECKING:
    from tabgenbench.conditions import ConditionCodes, nearest_known
    from tabgenbench.dataset import DatasetCard, DatasetSource
    from tabgenbench.errors import ConfigError, DataError, PluginError, TabGenBenchError, Unsupported
    from tabgenbench.evaluation import Evaluation
    from tabgenbench.generator import Card, FitContext, Generator, SampleContext
    from tabgenbench.metric import Metric, MetricContext, Result, ScoreSpec
    from tabgenbench.options import Options
    from tabgenbench.schema import Schema
    from tabgenbench.table import Source, Table, condition_labels
    from tabgenbench.transform import Transform

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
    "conditions": ("ConditionCodes", "nearest_known"),
    "dataset": ("DatasetCard", "DatasetSource"),
    "errors": ("ConfigError", "DataError", "PluginError", "TabGenBenchError", "Unsupported"),
    "evaluation": ("Evaluation",),
    "generator": ("Card", "FitContext", "Generator", "SampleContext"),
    "metric": ("Metric", "MetricContext", "Result", "ScoreSpec"),
    "options": ("Options",),
    "schema": ("Schema",),
    "table": ("Source", "Table", "condition_labels"),
    "transform": ("Transform",),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"tabgenbench.{_MODULE_OF[name]}"), name)
