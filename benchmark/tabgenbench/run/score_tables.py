"""Scoring of external tables, from files or memory: training rows, test rows and synthetic rows."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from tabgenbench.data.column_names import match_roles
from tabgenbench.data.findings import notes_on_ids
from tabgenbench.data.frame_file import read_frame, suffix_of
from tabgenbench.data.gaps import fill_gaps, medians_at_gaps
from tabgenbench.data.memory import adata_as_read, frame_as_read, is_adata
from tabgenbench.data.schema import Schema
from tabgenbench.data.table import Source, Table
from tabgenbench.data.table_file import read_table_file, table_from_adata, table_from_frame, without
from tabgenbench.data.transform import Transform
from tabgenbench.engines.packages import missing_packages
from tabgenbench.errors import DataError, TabGenBenchError, Unsupported
from tabgenbench.interfaces.checks import score_draw
from tabgenbench.interfaces.evaluation import Evaluation, Side
from tabgenbench.interfaces.metric import Metric, MetricContext
from tabgenbench.options import make_options
from tabgenbench.records import Status
from tabgenbench.registry.file_card import FileCard
from tabgenbench.registry.keys import seed_of
from tabgenbench.registry.lazy import Lazy
from tabgenbench.registry.manager import Plugins
from tabgenbench.registry.roles import find_roles, with_gaps
from tabgenbench.registry.suite import Choice, make_choices

__all__ = ["ScoreRequest", "ScoreRow", "score_tables"]

SIDES: tuple[Side, ...] = ("train", "test", "synthetic")

Data: TypeAlias = Any  # a path, a pandas.DataFrame or an anndata.AnnData, which have no type stubs


@dataclass(frozen=True, kw_only=True)
class ScoreRequest:
    """The tables to score, and the settings of the scoring.

    Attributes:
        train: training rows of the model, as a path, a `pandas.DataFrame` or an `anndata.AnnData`.
        test: real rows that the model was not trained on, in one of the same forms.
        synthetic: synthetic rows of the model, in one of the same forms.
        conditions: columns that are conditions, not features.
        ignore: columns to exclude.
        log2p1: whether to take log2(x + 1) before standardisation.
        metrics: metrics in a form that `tabgenbench.registry.suite.make_choices` accepts; if empty, all metrics whose
            packages are installed.
        seed: seed of random metrics.
        say: called with lines of text about assumptions on the tables.
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
    """One score, with its value or the reason why the value is missing."""

    metric: str
    score: str
    value: float | None
    direction: str
    status: Status
    reason: str = ""


def score_tables(request: ScoreRequest, plugins: Plugins) -> list[ScoreRow]:
    """Read the three tables, transform them to the evaluation scale of the training rows, and compute every metric.

    The kinds of columns are inferred from the real rows. Synthetic rows with a category that no training row has are
    counted.

    Raises:
        DataError: a table cannot be used, or the features of the tables differ.
        ConfigError: a metric or an option is unknown.
        PluginError: a metric's class cannot be used.
    """
    choices = make_choices("metrics", request.metrics or _installed_metrics(plugins, request.say), plugins)
    metrics = [_metric(choice, plugins) for choice in choices]
    tables = _read_all(request)
    transform, medians = Transform.fit(tables["train"]), medians_at_gaps(tables["train"])
    train, test, synthetic = (transform.apply(fill_gaps(tables[side], medians)) for side in SIDES)
    counts = tables if transform.library is not None else {}
    evaluation = Evaluation(train, test, synthetic, transform, counts=counts)
    context = MetricContext(seed=seed_of(request.seed, "metric"))
    return [row for metric in metrics for row in _rows(metric, evaluation, context)]


def _installed_metrics(plugins: Plugins, say: Callable[[str], None]) -> list[str]:
    """Return the metrics whose optional packages are installed.

    Announce how to install the packages of the other metrics.
    """
    names = []
    for name, entry in plugins.entries("metrics").items():
        target = entry.target
        if isinstance(target, Lazy) and target.extra and missing_packages(target.extra):
            say(f"note: {name} is not computed; to compute it, run: {target.install_hint}")
        else:
            names.append(name)
    return names


def _metric(choice: Choice, plugins: Plugins) -> Metric:
    kind = plugins.find("metrics", choice.name).load_fitting("metrics")
    metric: Metric = kind(make_options(kind.Config, choice.options, where=f"metric {choice.name!r}"))
    return metric


def _read_all(request: ScoreRequest) -> dict[Side, Table]:
    """Return the three tables with equal columns; announce the assumptions on the tables."""
    frames = {side: _frame(side, request) for side in SIDES}
    if all(frame is not None for frame in frames.values()):
        return _typed_alike({side: frame for side, frame in frames.items() if frame is not None}, request)
    train = _read("train", request)
    return {"train": train, **{side: _aligned(_read(side, request), train) for side in SIDES[1:]}}


def _frame(side: Side, request: ScoreRequest) -> pd.DataFrame | None:
    """Return a table as a frame of numbers and text, or None for an AnnData object or an h5ad file."""
    data, where = getattr(request, side), _where(side, request)
    if isinstance(data, str | Path):
        path = Path(data).expanduser()
        if suffix_of(path) == ".h5ad":
            return None
        return without(read_frame(path, text=request.conditions), request.ignore, where)
    if isinstance(data, pd.DataFrame):
        return without(frame_as_read(data, side, text=request.conditions), request.ignore, where)
    return None


def _where(side: Side, request: ScoreRequest) -> str:
    data = getattr(request, side)
    return str(Path(data).expanduser()) if isinstance(data, str | Path) else side


def _typed_alike(frames: dict[Side, pd.DataFrame], request: ScoreRequest) -> dict[Side, Table]:
    """Return the tables with columns of the kinds found in the real rows; missing values may occur in any table."""
    real = _stacked([frames["train"], frames["test"]])
    where = f"{_where('train', request)} and {_where('test', request)}"
    card = match_roles(FileCard(conditions=request.conditions, log2p1=request.log2p1), list(real.columns), where=where)
    found = find_roles(real, card, "real rows", where=where)
    columns = [name for name in found.frame.columns if name != found.schema.group]
    left_out = {column.name for column in found.layout.columns} - set(columns)
    for side, frame in frames.items():
        _check_columns(frame, columns, left_out, _where(side, request))
    kept = {side: frame.loc[:, columns] for side, frame in frames.items()}
    gaps = with_gaps(
        _stacked(list(kept.values())), found.schema.model_copy(update={"gaps": (), "group": None}), "score"
    )
    features = tuple(dict.fromkeys((*found.schema.categorical_features, *gaps.categorical_features)))
    schema = gaps.model_copy(update={"categorical_features": features})
    tables = {
        side: table_from_frame(
            frame, _where(side, request), schema=schema, log2p1=request.log2p1, source=Source(_where(side, request))
        )
        for side, frame in kept.items()
    }
    notes = [note for frame in frames.values() for note in notes_on_ids(frame)]
    if left_out:
        notes.append(f"not scored: {', '.join(sorted(left_out))} (one value, an identifier, a donor or free text)")
    for note in dict.fromkeys([*notes, *_unknown(tables["train"], tables["synthetic"])]):
        request.say(f"note: {note}")
    return tables


def _stacked(frames: list[pd.DataFrame]) -> pd.DataFrame:
    stacked = pd.concat(frames)
    stacked.attrs.clear()
    return stacked


def _check_columns(frame: pd.DataFrame, columns: list[str], left_out: set[str], where: str) -> None:
    missing = sorted(set(columns) - set(frame.columns))
    extra = sorted(set(frame.columns) - set(columns) - left_out)
    if missing or extra:
        which = f"no column {missing[0]!r}" if missing else f"a column {extra[0]!r} that is not in the training rows"
        count = f"{len(missing)} missing, {len(extra)} not in the training rows"
        raise DataError(f"{where}: has {which} ({count}); use the same columns in all three, or ignore them")


def _unknown(train: Table, synthetic: Table) -> list[str]:
    """Return a note that counts synthetic rows with a category that no training row has."""
    rows, examples = np.zeros(synthetic.n_rows, dtype=bool), []
    for name in synthetic.schema.categorical_features:
        unknown = ~synthetic.obs[name].isin(train.obs[name].unique()).to_numpy()
        if unknown.any():
            examples.append(f"{name}={synthetic.obs[name].iloc[int(unknown.argmax())]!r}")
            rows |= unknown
    if not examples:
        return []
    listed = ", ".join(examples[:5])
    return [f"{rows.sum():,} of {len(rows):,} synthetic rows have a category that no training row has: {listed}"]


def _read(side: Side, request: ScoreRequest) -> Table:
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
