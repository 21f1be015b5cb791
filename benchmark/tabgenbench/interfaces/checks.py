"""Checks of plugin classes and of the values that plugins return."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import replace
from numbers import Real
from typing import Any, get_args

import numpy as np
import pandas as pd

from tabgenbench.data.schema import Schema
from tabgenbench.data.table import Table, stored_values
from tabgenbench.engines.base import Engine
from tabgenbench.errors import PluginError, Unsupported, did_you_mean, text_of
from tabgenbench.interfaces.dataset import DatasetSource
from tabgenbench.interfaces.embedder import Embedder, LabelPredictor
from tabgenbench.interfaces.evaluation import Evaluation
from tabgenbench.interfaces.generator import Generator
from tabgenbench.interfaces.kinds import Kind
from tabgenbench.interfaces.metric import Metric, MetricContext, Result
from tabgenbench.interfaces.report import Report
from tabgenbench.options import Options
from tabgenbench.records import Card, Question, ScoreSpec

__all__ = [
    "check_draws",
    "check_estimate",
    "check_makes",
    "check_requirements",
    "check_result",
    "check_sample",
    "misfit",
    "score_draw",
]

LIKE = "train.like(values, conditions, categories)"
ARTIFACT_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # part of a file name
BASES: dict[Kind, type] = {
    "generators": Generator,
    "metrics": Metric,
    "datasets": DatasetSource,
    "engines": Engine,
    "reports": Report,
}


def misfit(kind: Kind, found: type) -> str:
    """Return why a class cannot be a plugin of this kind (such as a metric), or '' if the class is valid."""
    base, where = BASES[kind], f"{found.__module__}:{found.__qualname__}"
    if not issubclass(found, base):
        return f"{where} is not a {base.__name__}; derive it from tabgenbench.{base.__name__}"
    if inspect.isabstract(found):
        lacking = [name for name in dir(found) if getattr(getattr(found, name), "__isabstractmethod__", False)]
        return f"{where} lacks {', '.join(lacking)}; define every abstract member of {base.__name__}"
    reason = _wrong(found, "name", lambda name: isinstance(name, str) and bool(name), 'a text; write name = "..."')
    if hasattr(base, "Config"):
        fits = lambda one: isinstance(one, type) and issubclass(one, Options)  # noqa: E731
        reason = reason or _wrong(found, "Config", fits, "a class derived from tabgenbench.Options")
    reason = reason or OWN[kind](found)
    return f"{where}: {reason}" if reason else ""


def _generator_misfit(found: type) -> str:
    return (
        _wrong(found, "card", lambda card: isinstance(card, Card), 'a tabgenbench.Card; write card = Card("...")')
        or _unrecordable("card", found.card)  # type: ignore[attr-defined]  # checked above
        or _wrong(found, "is_control", lambda value: isinstance(value, bool), "True or False")
        or _wrong(found, "planted_for", _may_be_planted_for(found), "a question; only controls are planted failures")
        or _wrong(found, "scale", lambda scale: scale in ("standardized", "own"), '"standardized" or "own"')
        or _wrong(found, "trained_on", _may_train_on(found), '"train"; controls alone may be trained on "reference"')
        or _wrong(found, "samples", lambda value: isinstance(value, bool), "True or False")
        or _wrong(found, "makes", _are_kinds, 'a tuple of "numeric" and "categorical"; write makes = ("numeric",)')
        or _wrong(found, "libraries", _are_texts, 'a tuple of names of modules; write libraries = ("torch",)')
    )


def _may_train_on(found: type) -> Callable[[Any], bool]:
    is_control: bool = found.is_control  # type: ignore[attr-defined]  # checked by the caller
    return lambda rows: rows == "train" or (rows == "reference" and is_control)


def _may_be_planted_for(found: type) -> Callable[[Any], bool]:
    is_control: bool = found.is_control  # type: ignore[attr-defined]  # checked by the caller
    return lambda question: question in get_args(Question) and (is_control or not question)


def _are_texts(values: Any) -> bool:
    return isinstance(values, tuple) and all(isinstance(value, str) for value in values)


def _are_kinds(values: Any) -> bool:
    return isinstance(values, tuple) and bool(values) and set(values) <= {"numeric", "categorical"}


def _metric_misfit(found: type) -> str:
    expected = "a tuple of tabgenbench.ScoreSpec, at least one; write scores = (ScoreSpec(...),)"
    reason = _wrong(found, "scores", _are_specs, expected)
    reason = reason or _wrong(found, "reads_synthetic", lambda value: isinstance(value, bool), "True or False")
    for number, spec in enumerate([] if reason else found.scores):  # type: ignore[attr-defined]  # see above
        reason = reason or _unrecordable(f"scores[{number}]", spec)
    return reason


def _engine_misfit(found: type) -> str:
    return _wrong(found, "summary", lambda text: isinstance(text, str), 'a text; write summary = "..."') or _wrong(
        found, "in_caller", lambda value: isinstance(value, bool), "True or False"
    )


def _no_misfit(_: type) -> str:
    return ""


OWN: dict[Kind, Callable[[type], str]] = {
    "generators": _generator_misfit,
    "metrics": _metric_misfit,
    "datasets": _no_misfit,
    "engines": _engine_misfit,
    "reports": _no_misfit,
}


def _wrong(found: type, name: str, fits: Callable[[Any], bool], expected: str) -> str:
    if not hasattr(found, name):
        return f"has no {name}, expected {expected}"
    value = getattr(found, name)
    return "" if fits(value) else f"{name} is {_short(value)}, expected {expected}"


def _unrecordable(name: str, value: Card | ScoreSpec) -> str:
    for extra in value.model_extra or {}:
        return f"{name} has an unknown field {extra!r}{did_you_mean(extra, type(value).model_fields)}"
    try:
        value.model_dump_json()
    except Exception as error:  # a plugin's values may be anything
        return f"{name} cannot be recorded ({text_of(error)}); use texts and numbers"
    return ""


def _are_specs(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and all(isinstance(one, ScoreSpec) for one in value)


def _short(value: Any) -> str:
    try:
        text = " ".join(repr(value).split())
    except Exception:  # the __repr__ of a plugin's object may raise
        text = f"of type {type(value).__name__}"
    return text if len(text) <= 80 else text[:77] + "..."


def check_estimate(estimate: Any, *, plugin: str) -> int | None:
    """Check and return the result of `Generator.estimate_memory`.

    Args:
        estimate: the value returned by the plugin.
        plugin: name of the plugin, for the message.

    Raises:
        PluginError: the value is neither None nor a number of bytes.
    """
    if estimate is None:
        return None
    is_number = isinstance(estimate, Real) and not isinstance(estimate, bool)
    if not is_number or not 0 <= estimate < float("inf"):
        got = _short(estimate)
        raise PluginError(f"plugin {plugin!r}: estimate_memory() returned {got}, expected bytes or None")
    return int(estimate)


def check_makes(kind: type[Generator], schema: Schema) -> None:
    """Raise `Unsupported` if a table has columns of a kind that a generator cannot generate."""
    if schema.categorical_features and "categorical" not in kind.makes:
        names = ", ".join(map(repr, schema.categorical_features[:3])) + ", ..." * (len(schema.categorical_features) > 3)
        raise Unsupported(f"makes numeric features only, the table has categorical features ({names})")


def check_draws(kind: type[Generator], draws: int) -> None:
    """Raise `Unsupported` if a generator cannot be used in a suite with ``draws`` synthetic tables per training."""
    if draws and not kind.samples:
        raise Unsupported(f"only embeds rows, and the suite has draws = {draws}; run it in a suite with draws = 0")
    if not draws and not issubclass(kind, (Embedder, LabelPredictor)):
        raise Unsupported("has no method embed or predict, and the suite has draws = 0; run it in a suite with draws")


def check_sample(synthetic: Any, conditions: pd.DataFrame, *, like: Table, plugin: str) -> Table:
    """Check that the result of `Generator.sample` is valid and has the requested conditions, and return it.

    Args:
        synthetic: the value returned by the plugin.
        conditions: the requested conditions, shape (n_rows, n_conditions).
        like: the training rows of the generator. The sample must have the same features, categories and scale.
        plugin: name of the plugin, for the message.

    Returns:
        The sampled rows. Where a value of a numeric feature is marked as missing, ``X`` contains the number that
        replaces missing values of this feature in ``like``.

    Raises:
        PluginError: the value is not a table, a number is not finite, a category occurs in no training row, or the
            number of rows, a feature, the scale, the dtype or a condition is wrong.
    """
    where = f"plugin {plugin!r}: sample()"
    if not isinstance(synthetic, Table):
        raise PluginError(f"{where} returned {type(synthetic).__name__}, expected a Table; use train.like()")
    if len(synthetic.obs) != len(conditions):
        raise PluginError(f"{where} returned {len(synthetic.obs)} rows for {len(conditions)} conditions")
    if synthetic.features != like.features:
        raise PluginError(f"{where} returned other features than the training rows have; use {LIKE}")
    if synthetic.scale != like.scale:
        raise PluginError(f"{where} returned scale {synthetic.scale!r}, expected {like.scale!r}, which it declares")
    if synthetic.X.shape != (len(conditions), like.n_features):
        expected = (len(conditions), like.n_features)
        raise PluginError(f"{where} returned values of shape {synthetic.X.shape}, expected {expected}")
    if synthetic.X.dtype != np.float32:
        raise PluginError(f"{where} returned values of type {synthetic.X.dtype}, expected float32; use train.like()")
    values = synthetic.X
    if not np.isfinite(stored_values(values)).all():
        values = synthetic.dense()
        row, column = (int(i[0]) for i in np.nonzero(~np.isfinite(values)))
        place = f"row {row}, feature {like.features[column]!r}"
        raise PluginError(f"{where} returned {values[row, column]} in {place}, expected finite numbers")
    for column in conditions.columns:
        if column not in synthetic.obs:
            raise PluginError(f"{where} returned no column {column!r}, expected the requested conditions")
        other = synthetic.obs[column].astype(str).to_numpy() != conditions[column].astype(str).to_numpy()
        if other.any():
            row = int(other.argmax())
            got, asked = synthetic.obs[column].iloc[row], conditions[column].iloc[row]
            raise PluginError(f"{where} returned {column}={got!r} in row {row}, expected {asked!r}")
    categories = _checked_categories(synthetic, like, where)
    return replace(like.like(_filled(values, categories, like), conditions.copy(), categories), scale=synthetic.scale)


def _checked_categories(synthetic: Table, like: Table, where: str) -> pd.DataFrame | None:
    checked: dict[str, pd.Categorical] = {}
    for name in like.schema.categorical_features:
        if name not in synthetic.obs:
            raise PluginError(f"{where} returned no column {name!r}, expected every categorical feature; use {LIKE}")
        of_training = like.obs[name].cat.remove_unused_categories().cat
        column = synthetic.obs[name].astype(object)
        codes = of_training.categories.get_indexer(column)
        if (codes < 0).any():
            row = int((codes < 0).argmax())
            known = ", ".join(map(repr, of_training.categories[:5])) + ", ..." * (len(of_training.categories) > 5)
            raise PluginError(f"{where} returned {name}={column.iloc[row]!r} in row {row}, expected one of {known}")
        checked[name] = pd.Categorical.from_codes(codes, categories=of_training.categories)
    return pd.DataFrame(checked, index=synthetic.obs.index) if checked else None


def _filled(values: Any, categories: pd.DataFrame | None, like: Table) -> Any:
    gaps = like.schema.numeric_gaps()
    if categories is None or not gaps:
        return values
    values = np.array(values)
    for gap in gaps:
        column, of_training = like.features.index(gap.column), like.is_gap(gap.column)
        if of_training.any():  # else no sampled row may have a gap
            fill = like.X[int(of_training.argmax()), column]
            values[(categories[gap.shown_by] == gap.value).to_numpy(), column] = fill
    return values


def score_draw(metric: Metric, evaluation: Evaluation, context: MetricContext) -> Result:
    """Compute one metric on one synthetic table and check the returned scores.

    Raises:
        Unsupported: the metric does not support the table, or needs data that are missing.
        PluginError: the metric returned an invalid result.
    """
    check_requirements(metric, evaluation)
    result = metric.compute(evaluation, context)
    check_result(metric, result)
    return result


def check_result(metric: Metric, result: Result) -> None:
    """Raise `PluginError` if a score is undeclared, invalid or missing without a reason, or an artifact is invalid."""
    where = f"metric {metric.name!r}"
    declared = {spec.name: spec for spec in metric.scores}
    returned = {*result.scores, *result.undefined}
    if returned != set(declared):
        raise PluginError(f"{where}: returned scores {sorted(returned)}, expected the declared {sorted(declared)}")
    for name, frame in result.artifacts.items():
        if not (isinstance(name, str) and ARTIFACT_NAME.fullmatch(name)):
            expected = "1 to 64 letters, digits, '-' or '_' of ASCII"
            raise PluginError(f"{where}: artifact {str(name)[:64]!r} cannot name a file, expected {expected}")
        if not isinstance(frame, pd.DataFrame):
            raise PluginError(f"{where}: artifact {name!r} is of type {type(frame).__name__}, expected a DataFrame")
    for name, value in result.scores.items():
        spec = declared[name]
        if not isinstance(value, Real):
            raise PluginError(f"{where}: score {name!r} is {value!r}, expected a finite number")
        slack = 1e-6  # rounding may exceed the end of a closed range
        low = -np.inf if spec.low is None else spec.low - slack
        high = np.inf if spec.high is None else spec.high + slack
        if not (np.isfinite(value) and low <= value <= high):
            bounds = "" if spec.low is None and spec.high is None else f" from {spec.low} to {spec.high}"
            expected = f"a finite number{bounds}, or undefined with a reason"
            raise PluginError(f"{where}: score {name!r} is {value}, expected {expected}")


def check_requirements(metric: Metric | type[Metric], evaluation: Evaluation) -> None:
    """Raise `Unsupported` if the metric needs missing data: conditions, an embedding, synthetic rows and so on."""
    schema = evaluation.test.schema
    present = {
        "conditions": bool(schema.conditions),
        "batch": schema.batch is not None,
        "group": schema.group is not None,
        "embedding": evaluation.embedding is not None,
        "predictions": evaluation.predictions is not None,
    }
    for need in metric.requires:
        if not present[need]:
            owner = "model" if need in ("embedding", "predictions") else "dataset"
            raise Unsupported(f"metric {metric.name!r} needs {need}, which this {owner} does not have")
    if metric.reads_synthetic and evaluation.synthetic.n_rows == 0:
        raise Unsupported(f"metric {metric.name!r} needs synthetic rows, which a suite with draws = 0 does not have")
