"""Artifacts (CSV files) that metrics store beside their scores, and figures that metrics draw from the artifacts.

If the package of a metric is not installed, or drawing a figure raises an exception, the board omits the figure and
states the reason.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tabgenbench.errors import ConfigError, TabGenBenchError, text_of
from tabgenbench.interfaces.figures import ArtifactRow, Artifacts, MetricFigure
from tabgenbench.records import SuiteRecord, SuiteRow
from tabgenbench.store.store import Store
from tabgenbench_leaderboard.board.model import BoardRow, DatasetBoard

__all__ = [
    "MetricFigures",
    "StoredArtifacts",
    "collect_artifacts",
    "drawn_artifacts",
    "failure_sentence",
    "find_installed",
    "metric_figures",
]

Columns = dict[str, list[str]]
FindMetric = Callable[[str], Any]
"""Returns the class of a metric by its name, or raises an error that says why the metric is not available."""


@dataclass(frozen=True)
class Found:
    """Artifacts of one metric for one synthetic table, by name, and the options of the metric."""

    split: int
    draw: int
    config: Mapping[str, Any]
    tables: Mapping[str, Columns]


def find_installed(name: str) -> Any:
    """Return the class of an installed metric.

    Raises:
        ConfigError: no plugin registers a metric of this name.
        PluginError: the metric cannot be imported or used.
    """
    from tabgenbench.registry.manager import make_manager

    return make_manager().find("metrics", name).load_fitting("metrics")


@dataclass(frozen=True)
class StoredArtifacts:
    """Artifacts for figures, by dataset and metric, and then by the label of the generator."""

    found: dict[tuple[str, str], dict[str, Found]] = field(default_factory=dict)
    find_metric: FindMetric = find_installed


def collect_artifacts(store: Store, suite: SuiteRecord, *, find_metric: FindMetric = find_installed) -> StoredArtifacts:
    """Return, for each dataset, metric and generator, the artifacts of the first synthetic table that has artifacts.

    A corrupt artifact counts as missing, and `Store.quarantined` lists its file.
    """
    found: dict[tuple[str, str], dict[str, Found]] = {}
    for row in sorted(suite.rows, key=lambda row: (row.dataset, row.label, row.split, row.seed)):
        lacking = {
            key: metric for metric, key in row.scores.items() if row.shown not in found.get((row.dataset, metric), {})
        }
        for key, paths in _artifact_paths(store, row, lacking).items():
            artifacts = _read(store, row, key, paths)
            if artifacts is not None:
                found.setdefault((row.dataset, lacking[key]), {})[row.shown] = artifacts
    return StoredArtifacts(found, find_metric)


def drawn_artifacts(store: Store, suite: SuiteRecord) -> list[Path]:
    """Return the paths of the artifact files from which figures are drawn; `collect_artifacts` reads these files."""
    found = []
    seen: set[tuple[str, str, str]] = set()
    for row in sorted(suite.rows, key=lambda row: (row.dataset, row.label, row.split, row.seed)):
        places = {key: (row.dataset, metric, row.shown) for metric, key in row.scores.items()}
        for key, paths in _artifact_paths(store, row, places).items():
            if places[key] not in seen:
                seen.add(places[key])
                found += list(paths.values())
    return found


def _artifact_paths(store: Store, row: SuiteRow, keys: Collection[str]) -> dict[str, dict[str, Path]]:
    folder = f"{store.root}/cells/{row.key}/scores"
    try:
        names = sorted(os.listdir(folder)) if keys else []
    except OSError:
        return {}
    paths: dict[str, dict[str, Path]] = {}
    for name in names:
        key, _, rest = name.partition(".")
        if key in keys and rest.endswith(".csv"):
            paths.setdefault(key, {})[rest.removesuffix(".csv")] = Path(folder, name)
    return paths


def _read(store: Store, row: SuiteRow, key: str, paths: Mapping[str, Path]) -> Found | None:
    tables, draws = {}, []
    for name, path in paths.items():
        try:
            table, draw = _first_draw(path)
        except (KeyError, ValueError, TypeError, OSError, csv.Error) as error:
            store.quarantine(path, f"not an artifact of this program ({type(error).__name__}: {error})")
            return None
        tables[name] = table
        draws.append(draw)
    record = store.read_score(row.key, key)
    return Found(row.split, min(draws), record.config if record is not None else {}, tables)


def _first_draw(path: Path) -> tuple[Columns, int]:
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file, strict=True, restkey=""))
    if not lines or any("" in line or None in line.values() for line in lines):
        raise ValueError("no rows, or rows of different lengths")
    first = min(int(line["draw"]) for line in lines)
    kept = [line for line in lines if int(line["draw"]) == first]
    return {name: [line[name] for line in kept] for name in kept[0] if name != "draw"}, first


@dataclass(frozen=True)
class MetricFigures:
    """Figures, each with the name of its metric, and sentences on omitted figures and the reasons."""

    figures: tuple[tuple[str, MetricFigure], ...]
    left_out: tuple[str, ...]


def metric_figures(dataset: DatasetBoard, stored: StoredArtifacts) -> MetricFigures:
    """Return the figures that metrics draw for a dataset from their artifacts."""
    figures: list[tuple[str, MetricFigure]] = []
    left_out = []
    for metric in dict.fromkeys(column.metric for column in dataset.columns):
        found = stored.found.get((dataset.dataset, metric), {})
        rows = [_artifact_row(dataset, row, found[row.label]) for row in dataset.rows if row.label in found]
        if not rows:
            continue
        try:
            kind = stored.find_metric(metric.partition(":")[0])
            drawn = list(kind.figures(Artifacts(dataset.dataset, tuple(rows))))
        except ConfigError:
            left_out.append(f"Figures of `{metric}` are left out: no installed plugin has this metric.")
        except TabGenBenchError as error:
            left_out.append(f"Figures of `{metric}` are left out: {error}.")
        except Exception as error:  # a plugin may raise anything
            left_out.append(failure_sentence(metric, text_of(error)))
        else:
            figures += [(metric, figure) for figure in drawn]
    return MetricFigures(tuple(figures), tuple(left_out))


def failure_sentence(metric: str, error: str) -> str:
    """Return a sentence on why the figures of a metric could not be drawn."""
    return f"Figures of `{metric}` are left out: drawing raised {error}."


def _artifact_row(dataset: DatasetBoard, row: BoardRow, found: Found) -> ArtifactRow:
    import pandas as pd  # a slow import that only boards with artifacts need

    scores: dict[str, float] = {}
    for column, score in zip(dataset.columns, row.scores, strict=True):
        if found.split in score.by_split:
            scores.setdefault(column.spec.name, score.by_split[found.split])
    return ArtifactRow(
        label=row.label,
        is_control=row.is_control,
        split=found.split,
        draw=found.draw,
        config=found.config,
        scores=scores,
        tables={name: pd.DataFrame(columns, dtype=str) for name, columns in found.tables.items()},
    )
