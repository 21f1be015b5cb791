"""Function `adapt`, which turns a model with ``fit(DataFrame)`` and ``sample(n)`` into a generator."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from tabgenbench.data.conditions import nearest_known
from tabgenbench.data.schema import Schema
from tabgenbench.data.table import Table, condition_labels
from tabgenbench.errors import PluginError
from tabgenbench.interfaces.generator import Context, FitContext, Generator, SampleContext
from tabgenbench.options import Options
from tabgenbench.records import Card

__all__ = ["adapt"]

Kinds = tuple[Literal["numeric", "categorical"], ...]
MIN_ROWS = 100  # minimum number of rows requested from the model in one round


def adapt(
    make: Callable[..., Any],
    *,
    name: str,
    card: Card | str,
    makes: Kinds = ("numeric", "categorical"),
    libraries: tuple[str, ...] = (),
    options: type[Options] = Options,
    rounds: int = 20,
) -> type[Generator]:
    """Return a generator class for a model with ``fit(DataFrame)`` and ``sample(n)``.

    The model gets one frame: condition columns and categorical features as text, then numeric features in the units of
    the dataset. Whole numbers are int64; other numbers are float64. A date is the number of days, hours, minutes or
    seconds since the origin that the schema states for the column. A missing value of a numeric column is NaN, so a
    column of whole numbers with missing values is float64. A missing value of a categorical column is a separate
    category, usually ``missing``. ``sample(n)`` must return a frame of about n rows with the columns that ``fit`` got,
    in any order.

    The model does not get the requested conditions. The generator calls ``sample`` up to ``rounds`` times and uses the
    rows that have a requested condition. If a condition still has too few rows, the generator uses other sampled rows:
    first unused rows, and among these the rows that share the most values with the condition. A requested condition
    without training rows is first replaced by the condition with training rows that shares the most values with it.
    The rows of replaced conditions and the other sampled rows are recorded as fallbacks.

    Before ``fit`` and ``sample``, the generator seeds the global random generators of ``random``, ``numpy.random`` and,
    if it is loaded or in ``libraries``, ``torch``; afterwards it restores their states. Do not set a seed in the model,
    because the model would then return the same rows in every call.

    Args:
        make: class or function that returns the model. It gets the options as keyword arguments.
        name: name of the generator on the command line.
        card: description of the generator, or only its summary (one sentence).
        makes: kinds of columns that the model generates.
        libraries: modules that the model imports; they are imported before time is measured.
        options: options of the model, a subclass of `Options`.
        rounds: maximum number of calls of ``sample`` for one table.

    Returns:
        A generator class that belongs to the calling module. The name of the class is ``name`` in CamelCase
        (``GaussianMixture`` for ``gaussian-mixture``). Assign the class to a variable with this name, because other
        processes import the class by name.
    """
    caller = sys._getframe(1).f_globals.get("__name__", __name__)  # the class belongs to the module that adapts
    body = {
        "__module__": caller,
        "__qualname__": "".join(part.capitalize() for part in name.replace("_", "-").split("-")),
        "__doc__": f"`{name}`, adapted by `tabgenbench.adapt`.",
        "name": name,
        "card": Card(summary=card) if isinstance(card, str) else card,
        "makes": makes,
        "libraries": libraries,
        "Config": options,
        "make": staticmethod(make),
        "rounds": rounds,
    }
    return type(str(body["__qualname__"]), (_Adapted,), body)


class _Adapted(Generator):
    scale = "own"
    make: ClassVar[Callable[..., Any]]
    rounds: ClassVar[int]

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        self._template, self._known = train.take([]), train.conditions
        options = {key: getattr(self.config, key) for key in type(self.config).model_fields}
        with _seeded(context, self.libraries):
            self._model = type(self).make(**options)
            self._model.fit(_to_frame(train))

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        used, labels = conditions.astype(str), condition_labels(conditions)
        if conditions.shape[1]:
            used, replaced = nearest_known(conditions, self._known)
            for label, nearest in replaced.items():
                rows = int((labels == label).sum())
                context.fallback(label, rows=rows, rule=f"nearest known condition: {nearest}")
        with _seeded(context, self.libraries):
            made, chosen = self._matched(used, context)
        return self._to_table(made.iloc[chosen].reset_index(drop=True), conditions)

    def _matched(self, used: pd.DataFrame, context: SampleContext) -> tuple[pd.DataFrame, list[int]]:
        asked = condition_labels(used).to_numpy(dtype=str)
        open_rows = {str(label): list(np.flatnonzero(asked == label)[::-1]) for label in np.unique(asked)}
        chosen, is_used = np.full(len(asked), -1), np.zeros(0, dtype=bool)
        frames: list[pd.DataFrame] = []
        for _ in range(self.rounds):
            if not open_rows:
                break
            made = self._rows(max(MIN_ROWS, len(asked)))
            # Some models sort their rows, for example by mixture component: shuffle them, because the first are used.
            frames.append(made.iloc[context.numpy.permutation(len(made))])
            start, labels = len(is_used), condition_labels(frames[-1][list(used.columns)].astype(str))
            is_used = np.concatenate([is_used, np.zeros(len(labels), dtype=bool)])
            for i, label in enumerate(labels.to_numpy(dtype=str)):
                if open_rows.get(label):
                    chosen[open_rows[label].pop()], is_used[start + i] = start + i, True
            open_rows = {label: places for label, places in open_rows.items() if places}
        made = pd.concat(frames, ignore_index=True) if frames else _to_frame(self._template)
        if open_rows and made.empty:
            raise PluginError(
                f"plugin {self.name!r}: the model sampled no row; return a frame of n rows from sample(n)"
            )
        for label, places in open_rows.items():
            self._fill(label, places, (made, chosen, is_used), used)
            rule = f"sampled rows of similar conditions, as {self.rounds} rounds made too few of this one"
            context.fallback(label, rows=len(places), rule=rule)
        return made, chosen.tolist()

    @staticmethod
    def _fill(
        label: str,
        places: list[int],
        sampled: tuple[pd.DataFrame, np.ndarray[Any, Any], np.ndarray[Any, Any]],
        used: pd.DataFrame,
    ) -> None:
        made, chosen, is_used = sampled
        columns = list(used.columns)
        shared = (made[columns].astype(str) == used.iloc[places[0]]).sum(axis=1).to_numpy()
        order = np.lexsort((-shared, is_used))
        for place, row in zip(places, np.resize(order, len(places)), strict=True):
            chosen[place], is_used[row] = row, True

    def _rows(self, n: int) -> pd.DataFrame:
        made = self._model.sample(n)
        where = f"plugin {self.name!r}: the model's sample({n})"
        if not isinstance(made, pd.DataFrame):
            raise PluginError(f"{where} returned {type(made).__name__}, expected a DataFrame; wrap its sample method")
        columns = list(_to_frame(self._template).columns)
        missing = [column for column in columns if column not in made]
        if missing:
            raise PluginError(
                f"{where} returned no column {missing[0]!r}, expected the columns of the frame it was fit on"
            )
        return made[columns].reset_index(drop=True)

    def _to_table(self, made: pd.DataFrame, conditions: pd.DataFrame) -> Table:
        template, schema = self._template, self._template.schema
        values = np.empty((len(made), template.n_features), dtype=np.float32)
        for j, name in enumerate(template.features):
            try:
                values[:, j] = pd.to_numeric(made[name])
            except (TypeError, ValueError) as error:
                where = f"plugin {self.name!r}: the model's sample"
                raise PluginError(
                    f"{where} has column {name!r} of {made[name].dtype}, expected numbers ({error})"
                ) from None
        companions, gaps = _companions(schema), {gap.column: gap for gap in schema.gaps}
        categories = {n: made[n].astype(object) for n in schema.categorical_features if n not in companions}
        for name in set(categories) & set(gaps):
            categories[name] = categories[name].where(made[name].notna(), gaps[name].value)
        for gap in schema.numeric_gaps():
            j = template.features.index(gap.column)
            is_gap = np.isnan(values[:, j])
            values[is_gap, j] = 0.0
            other = next((v for v in template.obs[gap.shown_by].cat.categories if v != gap.value), gap.value)
            categories[gap.shown_by] = pd.Series(np.where(is_gap, gap.value, other), dtype=object)
        return template.like(values, conditions, pd.DataFrame(categories) if categories else None)


def _companions(schema: Schema) -> set[str]:
    return {gap.shown_by for gap in schema.numeric_gaps()}


def _to_frame(table: Table) -> pd.DataFrame:
    schema, values = table.schema, table.dense()
    names = [*schema.conditions, *(n for n in schema.categorical_features if n not in _companions(schema))]
    columns: dict[str, Any] = {name: table.obs[name].astype(str).astype(object).to_numpy() for name in names}
    for j, name in enumerate(table.features):
        column, is_gap = values[:, j].astype(np.float64), table.is_gap(name)
        column[is_gap] = np.nan
        whole = name in schema.whole_numbers and not is_gap.any()
        columns[name] = np.rint(column).astype(np.int64) if whole else column
    return pd.DataFrame(columns)


@contextmanager
def _seeded(context: Context, libraries: tuple[str, ...]) -> Iterator[None]:
    states: Any = random.getstate(), np.random.get_state()
    with_torch = "torch" in sys.modules or "torch" in libraries
    random.seed(context.seed)
    np.random.seed(context.seed % 2**32)
    try:
        if not with_torch:
            yield
            return
        import torch

        devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(context.seed % 2**63)
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
