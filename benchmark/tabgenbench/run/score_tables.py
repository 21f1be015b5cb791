"""Scores external tables from files or memory: training rows, test rows and synthetic rows."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tabgenbench.data.gaps import fill_gaps, medians_at_gaps
from tabgenbench.data.transform import Transform
from tabgenbench.engines.packages import missing_packages
from tabgenbench.errors import TabGenBenchError, Unsupported
from tabgenbench.interfaces.checks import score_draw
from tabgenbench.interfaces.evaluation import Evaluation
from tabgenbench.interfaces.metric import Metric, MetricContext, Result
from tabgenbench.options import make_options
from tabgenbench.records import Status
from tabgenbench.registry.keys import seed_of
from tabgenbench.registry.lazy import Lazy
from tabgenbench.registry.manager import Plugins
from tabgenbench.registry.suite import Choice, make_choices
from tabgenbench.run.read_scored import Data, ReadRequest, read_scored_tables

__all__ = ["Computed", "ScoreRequest", "ScoreRow", "chosen_metrics", "compute_metric", "make_metric", "score_tables"]


@dataclass(frozen=True, kw_only=True)
class ScoreRequest:
    """The tables to score, and the settings of the scoring.

    Attributes:
        train: training rows of the model; like ``test`` and ``synthetic``, a path, a `pandas.DataFrame` or an
            `anndata.AnnData`.
        test: real rows that the model was not trained on.
        synthetic: synthetic rows of the model.
        conditions: columns that are conditions, not features.
        ignore: columns to exclude.
        log2p1: whether to take log2(x + 1) before standardisation.
        metrics: the metrics, in a form that `tabgenbench.registry.suite.make_choices` accepts. If empty, all metrics
            whose packages are installed are used.
        seed: seed of the controls (for ranked tables) and of metrics that use random numbers.
        say: function that is called with each note on the tables and metrics, such as columns that are not scored.
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
    """One score: its value, or the reason why the value is missing."""

    metric: str
    score: str
    value: float | None
    direction: str
    status: Status
    reason: str = ""


def score_tables(request: ScoreRequest, plugins: Plugins) -> list[ScoreRow]:
    """Read training, test and synthetic tables, transform them to the evaluation scale, and compute every metric.

    `read_scored_tables` infers which columns are numeric and which are categorical.

    Raises:
        DataError: a table cannot be used, or the features of the tables differ.
        ConfigError: a metric or an option is unknown.
        PluginError: a metric's class cannot be used.
    """
    metrics = [make_metric(choice, plugins) for choice in chosen_metrics(request, plugins)]
    tables = read_scored_tables(
        ReadRequest(
            train=request.train,
            test=request.test,
            synthetic={"synthetic": request.synthetic},
            conditions=request.conditions,
            ignore=request.ignore,
            log2p1=request.log2p1,
            say=request.say,
        )
    )
    transform, medians = Transform.fit(tables.train), medians_at_gaps(tables.train)
    own = {"train": tables.train, "test": tables.test, "synthetic": tables.synthetic[0]}
    train, test, synthetic = (transform.apply(fill_gaps(table, medians)) for table in own.values())
    counts: Any = own if transform.library is not None else {}
    evaluation = Evaluation(train, test, synthetic, transform, counts=counts)
    context = MetricContext(seed=seed_of(request.seed, "metric"))
    return [row for metric in metrics for row in _rows(metric, evaluation, context)]


def chosen_metrics(request: ScoreRequest, plugins: Plugins) -> tuple[Choice, ...]:
    """Return the metrics of a request; by default, all registered metrics whose optional packages are installed."""
    return tuple(make_choices("metrics", request.metrics or _installed_metrics(plugins, request.say), plugins))


def _installed_metrics(plugins: Plugins, say: Callable[[str], None]) -> list[str]:
    names = []
    for name, entry in plugins.entries("metrics").items():
        target = entry.target
        if isinstance(target, Lazy) and target.extra and missing_packages(target.extra):
            say(f"note: {name} is not computed; to compute it, run: {target.install_hint}")
        else:
            names.append(name)
    return names


def make_metric(choice: Choice, plugins: Plugins) -> Metric:
    """Return an instance of a metric with the chosen options."""
    kind = plugins.find("metrics", choice.name).load_fitting("metrics")
    metric: Metric = kind(make_options(kind.Config, choice.options, where=f"metric {choice.name!r}"))
    return metric


@dataclass(frozen=True)
class Computed:
    """The result of a metric for one table, or the reason why there is no result."""

    status: Status
    reason: str = ""
    result: Result = field(default_factory=lambda: Result({}))


def compute_metric(metric: Metric, evaluation: Evaluation, context: MetricContext) -> Computed:
    """Return the scores of a metric or, if the metric raises an exception, a status and a reason."""
    try:
        return Computed("ok", result=score_draw(metric, evaluation, context))
    except Unsupported as error:
        return Computed("skipped", str(error))
    except TabGenBenchError as error:
        return Computed("failed", str(error))
    except Exception as error:  # a plugin may raise anything; the other metrics continue
        place = traceback.format_exc(limit=-1).splitlines()[1]
        return Computed("failed", f"{type(error).__name__}: {error}: {place}")


def _rows(metric: Metric, evaluation: Evaluation, context: MetricContext) -> Iterator[ScoreRow]:
    found = compute_metric(metric, evaluation, context)
    for spec in metric.scores:
        yield ScoreRow(
            metric=metric.name,
            score=spec.name,
            value=found.result.scores.get(spec.name),
            direction="best at 1" if spec.direction == "one" else spec.direction,
            status=found.status,
            reason=found.reason or found.result.undefined.get(spec.name, ""),
        )
