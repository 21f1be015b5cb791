"""Scoring three tables that the harness did not write: training rows, test rows, synthetic rows."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tabgenbench.data.schema import Schema
from tabgenbench.data.table import Table
from tabgenbench.data.table_file import read_table_file
from tabgenbench.data.transform import Transform
from tabgenbench.errors import DataError, TabGenBenchError, Unsupported
from tabgenbench.interfaces.checks import score_draw
from tabgenbench.interfaces.evaluation import Evaluation
from tabgenbench.interfaces.metric import Metric, MetricContext
from tabgenbench.keys import seed_of
from tabgenbench.options import make_options
from tabgenbench.records import Status
from tabgenbench.registry.manager import Plugins
from tabgenbench.registry.suite import parse_choice

__all__ = ["ScoreRequest", "ScoreRow", "score_files"]


@dataclass(frozen=True, kw_only=True)
class ScoreRequest:
    """What to score: three files, their condition columns, their scale, the metrics (all where none is named)."""

    train: Path
    test: Path
    synthetic: Path
    conditions: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    log2p1: bool = False
    metrics: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class ScoreRow:
    """One score: its value, or why there is none."""

    metric: str
    score: str
    value: float | None
    direction: str
    status: Status
    reason: str = ""


def score_files(request: ScoreRequest, plugins: Plugins) -> list[ScoreRow]:
    """Read the three tables, bring them to the evaluation scale by training rows and compute every metric.

    Raises:
        DataError: a file cannot be used, or the three do not have the same features.
        ConfigError: a metric or an option is unknown.
    """
    names = request.metrics or tuple(plugins.entries("metrics"))
    metrics = [_metric(name, plugins) for name in names]
    train = _read(request.train, request)
    test, synthetic = (_aligned(_read(path, request), train, path) for path in (request.test, request.synthetic))
    transform = Transform.fit(train)
    evaluation = Evaluation(transform.apply(train), transform.apply(test), transform.apply(synthetic), transform)
    context = MetricContext(seed=seed_of(request.seed, "metric"))
    return [row for metric in metrics for row in _rows(metric, evaluation, context)]


def _metric(text: str, plugins: Plugins) -> Metric:
    choice = parse_choice(text)
    kind = plugins.find("metrics", choice.name).load_fitting("metrics")
    metric: Metric = kind(make_options(kind.Config, choice.options, where=f"metric {choice.name!r}"))
    return metric


def _read(path: Path, request: ScoreRequest) -> Table:
    schema = Schema(conditions=request.conditions)
    table = read_table_file(path, schema=schema, log2p1=request.log2p1, ignore=request.ignore, name=str(path))
    return table.validate()


def _aligned(table: Table, train: Table, path: Path) -> Table:
    """Return a table with its features in the order of the training rows' ones."""
    missing = sorted(set(train.features) - set(table.features))
    extra = sorted(set(table.features) - set(train.features))
    if missing or extra:
        which = f"no column {missing[0]!r}" if missing else f"a column {extra[0]!r} that --train has not"
        count = f"{len(missing)} missing, {len(extra)} more than in --train"
        raise DataError(f"{path}: has {which} ({count}); give all three the same feature columns")
    if table.features == train.features:
        return table
    position = {name: i for i, name in enumerate(table.features)}
    return train.like(table.dense()[:, [position[name] for name in train.features]], table.obs)


def _rows(metric: Metric, evaluation: Evaluation, context: MetricContext) -> Iterator[ScoreRow]:
    status: Status = "ok"
    reason, scores, undefined = "", {}, {}
    try:
        result = score_draw(metric, evaluation, context)
        scores, undefined = dict(result.scores), dict(result.undefined)
    except Unsupported as error:
        status, reason = "skipped", str(error)
    except TabGenBenchError as error:
        status, reason = "failed", str(error)
    except Exception as error:  # a plugin may raise anything; the other metrics still count
        status, reason = "failed", f"{type(error).__name__}: {error}: {traceback.format_exc(limit=-1).splitlines()[1]}"
    for spec in metric.scores:
        yield ScoreRow(
            metric=metric.name,
            score=spec.name,
            value=scores.get(spec.name),
            direction="best at 1" if spec.direction == "one" else spec.direction,
            status=status,
            reason=reason or undefined.get(spec.name, ""),
        )
