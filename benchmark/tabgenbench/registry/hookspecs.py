"""The hooks of TabGenBench. A plugin marks the functions that implement hooks with ``tabgenbench.hookimpl``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

from tabgenbench.registry.lazy import Lazy

if TYPE_CHECKING:
    import click

    from tabgenbench.engines.base import Engine
    from tabgenbench.interfaces.dataset import DatasetSource
    from tabgenbench.interfaces.generator import Generator, Progress
    from tabgenbench.interfaces.metric import Metric
    from tabgenbench.interfaces.report import Report
    from tabgenbench.records import CellRecord
    from tabgenbench.registry.events import ObservedCell, ObservedRun

PROJECT = "tabgenbench"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_generators() -> list[type[Generator] | Lazy]:  # type: ignore[empty-body]
    """Return generators, as classes or as `Lazy` objects, which import the class at first use."""


@hookspec
def register_metrics() -> list[type[Metric] | Lazy]:  # type: ignore[empty-body]
    """Return metrics, as classes or as `Lazy` objects, which import the class at first use."""


@hookspec
def register_datasets() -> list[type[DatasetSource] | Lazy]:  # type: ignore[empty-body]
    """Return dataset sources, as classes or as `Lazy` objects, which import the class at first use."""


@hookspec
def register_reports() -> list[type[Report] | Lazy]:  # type: ignore[empty-body]
    """Return reports, as classes or as `Lazy` objects; a report turns results into a board."""


@hookspec
def register_engines() -> list[type[Engine] | Lazy]:  # type: ignore[empty-body]
    """Return engines, as classes or as `Lazy` objects; an engine runs the trainings, and ``--executor`` selects one."""


@hookspec
def register_suites() -> list[Path]:  # type: ignore[empty-body]
    """Return paths of suite files (TOML)."""


@hookspec
def register_commands(cli: click.Group) -> None:
    """Add commands to the command line."""


@hookspec
def run_started(run: ObservedRun) -> None:
    """Observe that a run begins."""


@hookspec
def cell_started(cell: ObservedCell) -> None:
    """Observe the start of one training (a cell), or of its scoring if the generator is already trained."""


@hookspec
def cell_progress(cell: ObservedCell, progress: Progress) -> None:
    """Observe the progress that a generator reports during its training."""


@hookspec
def cell_finished(record: CellRecord) -> None:
    """Observe the end of one training and its scoring, after success or failure."""


@hookspec
def run_finished(run: ObservedRun) -> None:
    """Observe that a run has ended."""
