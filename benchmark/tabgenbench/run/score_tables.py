"""Scoring of external tables, from files or memory: training rows, test rows and synthetic rows."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pandas as pd

from tabgenbench.data.findings import notes_on_ids
from tabgenbench.data.memory import adata_as_read, frame_as_read, is_adata
from tabgenbench.data.schema import Schema
from tabgenbench.data.table import Source, Table
from tabgenbench.data.table_file import read_table_file, table_from_adata, table_from_frame, without
from tabgenbench.data.transform import Transform
from tabgenbench.errors import DataError, TabGenBenchError, Unsupported
from tabgenbench.interfaces.checks import score_draw
from tabgenbench.interfaces.evaluation import Evaluation
from tabgenbench.interfaces.metric import Metric, MetricContext
from tabgenbench.options import make_options
from tabgenbench.records import Status
from tabgenbench.registry.keys import seed_of
from tabgenbench.registry.manager import Plugins
from tabgenbench.registry.suite import Choice, make_choices

__all__ = ["ScoreRequest", "ScoreRow", "score_tables"]

Data: TypeAlias = Any  # a path, a pandas.DataFrame or an anndata.AnnData, which have no type stubs


@dataclass(frozen=True, kw_only=True)
class ScoreRequest:
    """Tables to score, and how.

    Attributes:
        train: training rows of the model: a path, a `pandas.DataFrame` or an `anndata.AnnData`.
        test: held-out real rows.
        synthetic: synthetic rows of the model.
        conditions: columns that are conditions, not features.
        ignore: columns to exclude.
        log2p1: whether to take log2(x + 1) before standardisation.
        metrics: metrics for `tabgenbench.registry.suite.make_choices`; all metrics if empty.
        seed: seed of random metrics.
        say: called with a line of text about what was assumed of the tables.
    """

    train: Data
    test: Data
    synthetic: Data
    conditions: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    log2p1: bool = False
    metrics: Any = ()
    seed: int = 0
    say: Callable[[str], None] = lambda _: None


@dataclass(frozen=True, kw_only=True)
class ScoreRow:
    """One score: its value, or the reason why it is missing."""

    metric: str
    score: str
    value: float | None
    direction: str
    status: Status
    reason: str = ""


def score_tables(request: ScoreRequest, plugins: Plugins) -> list[ScoreRow]:
    """Read the three tables, transform them to the evaluation scale of the training rows, and compute every metric.

    Raises:
        DataError: a table cannot be used, or the features of the tables differ.
        ConfigError: a metric or an option is unknown.
        PluginError: a metric's class cannot be used.
    """
    choices = make_choices("metrics", request.metrics or list(plugins.entries("metrics")), plugins)
    metrics = [_metric(choice, plugins) for choice in choices]
    train = _read("train", request)
    others = [_read("test", request), _read("synthetic", request)]
    for note in dict.fromkeys(table.source.note for table in (train, *others) if table.source.note):
        request.say(f"note: {note}")
    test, synthetic = (_aligned(table, train) for table in others)
    transform = Transform.fit(train)
    evaluation = Evaluation(transform.apply(train), transform.apply(test), transform.apply(synthetic), transform)
    context = MetricContext(seed=seed_of(request.seed, "metric"))
    return [row for metric in metrics for row in _rows(metric, evaluation, context)]


def _metric(choice: Choice, plugins: Plugins) -> Metric:
    kind = plugins.find("metrics", choice.name).load_fitting("metrics")
    metric: Metric = kind(make_options(kind.Config, choice.options, where=f"metric {choice.name!r}"))
    return metric


def _read(side: Literal["train", "test", "synthetic"], request: ScoreRequest) -> Table:
    data, ignore = getattr(request, side), request.ignore
    schema, log2p1 = Schema(conditions=request.conditions), request.log2p1
    if isinstance(data, str | Path):
        path = Path(data).expanduser()
        return read_table_file(path, schema=schema, log2p1=log2p1, ignore=ignore, name=str(path))
    if isinstance(data, pd.DataFrame):
        frame = without(frame_as_read(data, side, text=request.conditions), ignore, side)
        source = Source(side, note="; ".join(notes_on_ids(frame)))
        return table_from_frame(frame, side, schema=schema, log2p1=log2p1, source=source)
    if is_adata(data):
        adata = adata_as_read(data, side, ignore=ignore)
        return table_from_adata(adata, side, schema=schema, log2p1=log2p1, source=Source(side))
    got = f"{type(data).__module__}.{type(data).__qualname__}"
    raise DataError(f"{side}: got {got}, expected a pandas.DataFrame, an anndata.AnnData or a path; convert it first")


def _aligned(table: Table, train: Table) -> Table:
    """Return a table with its features in the order of the training rows."""
    for column in set(train.schema.conditions) - set(table.schema.conditions):
        raise DataError(f"{table.source.name}: no condition {column!r}, which the training rows have; use equal names")
    missing = sorted(set(train.features) - set(table.features))
    extra = sorted(set(table.features) - set(train.features))
    if missing or extra:
        which = f"no column {missing[0]!r}" if missing else f"a column {extra[0]!r} that is not in the training rows"
        count = f"{len(missing)} missing, {len(extra)} not in the training rows"
        raise DataError(f"{table.source.name}: has {which} ({count}); use the same feature columns in all three")
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
    except Exception as error:  # a plugin may raise anything; the other metrics continue
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
