"""TabGenBench: train generators of tables on shared splits, score their samples, and publish a board (leaderboard).

The names below are the public interface for plugins and notebooks. Each name is imported at its first use, because
modules that only register plugins should import quickly.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tabgenbench.registry.hookspecs import hookimpl
from tabgenbench.registry.lazy import Lazy

if TYPE_CHECKING:
    from tabgenbench.api import benchmark, export, score
    from tabgenbench.data.conditions import ConditionCodes, nearest_known
    from tabgenbench.data.h5ad import from_anndata, to_anndata
    from tabgenbench.data.layout import Column, Layout
    from tabgenbench.data.schema import DateFeature, Gap, Schema
    from tabgenbench.data.table import Source, Table, as_categorical, condition_labels
    from tabgenbench.data.transform import Transform
    from tabgenbench.engines.memory import machine_memory
    from tabgenbench.errors import ConfigError, DataError, PluginError, TabGenBenchError, Unsupported, did_you_mean
    from tabgenbench.interfaces import drawing
    from tabgenbench.interfaces.adapt import adapt
    from tabgenbench.interfaces.contract import Check, check_generator, check_metric, failures
    from tabgenbench.interfaces.dataset import (
        DatasetCard,
        DatasetSource,
        Fetchable,
        FetchProgress,
        FileStatus,
        describe_table,
        load_card,
    )
    from tabgenbench.interfaces.device_split import DeviceSplit, upload
    from tabgenbench.interfaces.embedder import Embedder, EmbeddingModel, LabelPredictor
    from tabgenbench.interfaces.evaluation import Evaluation, Shared
    from tabgenbench.interfaces.figures import ArtifactRow, Artifacts, MetricFigure
    from tabgenbench.interfaces.generator import Context, FitContext, Generator, Progress, SampleContext
    from tabgenbench.interfaces.metric import Metric, MetricContext, Requirement, Result
    from tabgenbench.interfaces.persistent import Persistent, load_arrays, save_arrays
    from tabgenbench.interfaces.report import Board, Report
    from tabgenbench.options import Options
    from tabgenbench.records import Card, CellRecord, Fallback, Problem, ScoreSpec
    from tabgenbench.registry.events import ObservedCell, ObservedRun
    from tabgenbench.registry.file_card import FileOptions
    from tabgenbench.registry.file_source import FileSource
    from tabgenbench.registry.manager import Plugins
    from tabgenbench.registry.memory_source import MemorySource
    from tabgenbench.store.store import Store

__all__ = [
    "ArtifactRow",
    "Artifacts",
    "Board",
    "Card",
    "CellRecord",
    "Check",
    "Column",
    "ConditionCodes",
    "ConfigError",
    "Context",
    "DataError",
    "DatasetCard",
    "DatasetSource",
    "DateFeature",
    "DeviceSplit",
    "Embedder",
    "EmbeddingModel",
    "Engine",
    "EngineOptions",
    "Evaluation",
    "Fallback",
    "FetchProgress",
    "Fetchable",
    "FileOptions",
    "FileSource",
    "FileStatus",
    "FitContext",
    "Gap",
    "Generator",
    "LabelPredictor",
    "Layout",
    "Lazy",
    "Limits",
    "Mark",
    "MemorySource",
    "Metric",
    "MetricContext",
    "MetricFigure",
    "ObservedCell",
    "ObservedRun",
    "Options",
    "Outcome",
    "Persistent",
    "PluginError",
    "Plugins",
    "Problem",
    "Progress",
    "Report",
    "Requirement",
    "Result",
    "SampleContext",
    "Schema",
    "ScoreSpec",
    "Send",
    "Shared",
    "Source",
    "Store",
    "TabGenBenchError",
    "Table",
    "Task",
    "Transform",
    "Unsupported",
    "adapt",
    "as_categorical",
    "benchmark",
    "check_generator",
    "check_metric",
    "condition_labels",
    "describe_table",
    "did_you_mean",
    "drawing",
    "export",
    "failures",
    "from_anndata",
    "hookimpl",
    "load_arrays",
    "load_card",
    "machine_memory",
    "nearest_known",
    "run_here",
    "save_arrays",
    "score",
    "to_anndata",
    "upload",
]

__version__ = "0.1.0"

_HOMES = {
    "api": ("benchmark", "export", "score"),
    "data.conditions": ("ConditionCodes", "nearest_known"),
    "data.h5ad": ("from_anndata", "to_anndata"),
    "data.layout": ("Column", "Layout"),
    "data.schema": ("DateFeature", "Gap", "Schema"),
    "data.table": ("Source", "Table", "as_categorical", "condition_labels"),
    "data.transform": ("Transform",),
    "engines.base": ("Engine", "EngineOptions", "Limits", "Mark", "Outcome", "Send", "Task"),
    "engines.inline": ("run_here",),
    "engines.memory": ("machine_memory",),
    "errors": ("ConfigError", "DataError", "PluginError", "TabGenBenchError", "Unsupported", "did_you_mean"),
    "interfaces.adapt": ("adapt",),
    "interfaces.contract": ("Check", "check_generator", "check_metric", "failures"),
    "interfaces.dataset": (
        "DatasetCard",
        "DatasetSource",
        "FetchProgress",
        "Fetchable",
        "FileStatus",
        "describe_table",
        "load_card",
    ),
    "interfaces.device_split": ("DeviceSplit", "upload"),
    "interfaces.embedder": ("Embedder", "EmbeddingModel", "LabelPredictor"),
    "interfaces.evaluation": ("Evaluation", "Shared"),
    "interfaces.figures": ("ArtifactRow", "Artifacts", "MetricFigure"),
    "interfaces.generator": ("Context", "FitContext", "Generator", "Progress", "SampleContext"),
    "interfaces.metric": ("Metric", "MetricContext", "Requirement", "Result"),
    "interfaces.persistent": ("Persistent", "load_arrays", "save_arrays"),
    "interfaces.report": ("Board", "Report"),
    "options": ("Options",),
    "records": ("Card", "CellRecord", "Fallback", "Problem", "ScoreSpec"),
    "registry.file_card": ("FileOptions",),
    "registry.file_source": ("FileSource",),
    "registry.events": ("ObservedCell", "ObservedRun"),
    "registry.manager": ("Plugins",),
    "registry.memory_source": ("MemorySource",),
    "store.store": ("Store",),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "drawing":  # a module: helpers for the figures of metrics
        return import_module("tabgenbench.interfaces.drawing")
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"tabgenbench.{_MODULE_OF[name]}"), name)
