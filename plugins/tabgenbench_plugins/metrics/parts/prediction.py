"""Prediction tasks; a task is the prediction of one column (the target) from other columns (the predictors)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench import Evaluation, Table, Unsupported, as_categorical
from tabgenbench_plugins.metrics.parts.categories import generated_columns
from tabgenbench_plugins.metrics.parts.encoded import encode, known_categories

__all__ = ["Rows", "Task", "find_tasks", "training_rows"]

MAX_CLASSES = 50  # with more, boosted trees take long, and each class has few test rows


@dataclass(frozen=True, eq=False)
class Rows:
    """Predictors and target of the rows of one table, for one prediction task.

    Attributes:
        x: predictors, shape (n_rows, n_columns).
        y: the target, float64 or text, shape (n_rows,).
    """

    x: NDArray[np.float32]
    y: NDArray[Any]

    def together_with(self, other: Rows) -> Rows:
        """Return these rows, followed by the rows of ``other``."""
        return Rows(np.concatenate([self.x, other.x]), np.concatenate([self.y, other.y]))


@dataclass(frozen=True, eq=False)
class Task:
    """One target (predicted column) and its predictors.

    Attributes:
        numeric: positions of the numeric predictors in ``features``.
        categories: for each categorical predictor, the categories in the training and test rows.
        features: names of all numeric features.
    """

    target: str
    is_numeric: bool
    numeric: tuple[int, ...]
    categories: dict[str, tuple[str, ...]]
    features: tuple[str, ...]

    @property
    def predictors(self) -> tuple[str, ...]:
        """Names of the numeric predictors, followed by the names of the categorical predictors."""
        return (*(self.features[j] for j in self.numeric), *self.categories)

    @cached_property
    def predictor_of_column(self) -> NDArray[np.int64]:
        """For each column of `Rows.x`, the position of its predictor in `predictors`; a category has its own column."""
        widths = [1] * len(self.numeric) + [len(known) + 1 for known in self.categories.values()]
        return np.repeat(np.arange(len(widths)), widths)

    def rows(self, table: Table) -> Rows:
        """Return predictors and target of the rows whose target is not missing."""
        table = table if not (gap := table.is_gap(self.target)).any() else table.take(np.flatnonzero(~gap))
        n_columns = table.n_features
        x = encode(table, self.categories)
        if len(self.numeric) < n_columns:
            x = np.delete(x, sorted(set(range(n_columns)) - set(self.numeric)), axis=1)
        return Rows(x, self._answers(table))

    def _answers(self, table: Table) -> NDArray[Any]:
        if self.is_numeric:
            return table.dense()[:, self.features.index(self.target)].astype(np.float64)
        return np.asarray(as_categorical(table.obs[self.target]).astype(object))


def find_tasks(evaluation: Evaluation, targets: Sequence[str], metric: str) -> tuple[list[Task], tuple[str, ...]]:
    """Return the prediction tasks of a table, and a note for each target that cannot be predicted.

    If ``targets`` is empty, the conditions and the target columns of the schema are predicted. A condition is predicted
    from all features, but not from other conditions. Other conditions come from real rows, so their relation to the
    predicted condition says nothing about the generator. A feature is predicted from all other features and all
    conditions.

    Raises:
        Unsupported: there is no target, or no target can be predicted.
    """
    schema = evaluation.test.schema
    names = list(dict.fromkeys(targets or (*schema.conditions, *schema.targets)))
    if not names:
        raise Unsupported(
            f"metric {metric!r} predicts conditions and targets, and this table has neither; name a column by "
            f"{metric}:targets=[COLUMN] or in the card of the dataset"
        )
    tasks, declined = [], []
    for name in names:
        task = _task(evaluation, name)
        reason = task if isinstance(task, str) else _obstacle(evaluation, task)
        if reason:
            declined.append(f"target {name!r} is not predicted: {reason}")
        elif isinstance(task, Task):
            tasks.append(task)
    if not tasks:
        raise Unsupported(f"metric {metric!r}: {'; '.join(declined)}")
    return tasks, tuple(declined)


def _task(evaluation: Evaluation, target: str) -> Task | str:
    table = evaluation.test
    schema, is_condition = table.schema, target in table.schema.conditions
    if target not in (*table.features, *generated_columns(table), *schema.conditions):
        return "it is neither a condition nor a generated column"
    known = known_categories(evaluation, conditions=True)
    shown_by = {gap.shown_by for gap in schema.gaps if gap.column == target}
    left_out = {target, *shown_by, *(schema.conditions if is_condition else ())}
    numeric = tuple(j for j, name in enumerate(table.features) if name != target)
    categories = {name: values for name, values in known.items() if name not in left_out}
    if not numeric and not categories:
        return "there is no other column to predict it from"
    return Task(target, target in table.features, numeric, categories, table.features)


def _obstacle(evaluation: Evaluation, task: Task) -> str:
    for words, table in (("training", evaluation.train), ("test", evaluation.test)):
        present = ~table.is_gap(task.target)
        if task.is_numeric:
            values = table.dense()[present, task.features.index(task.target)]
        else:
            values = pd.factorize(table.obs[task.target][present].astype(object))[0]
        n_values = len(np.unique(values))
        if n_values < 2:
            return f"it has {'no value' if n_values == 0 else 'one value only'} in the {words} rows"
        if not task.is_numeric and n_values > MAX_CLASSES:
            return f"it has {n_values} categories, more than {MAX_CLASSES}"
    return ""


def training_rows(evaluation: Evaluation, max_rows: int, *, seed: int) -> tuple[Table, tuple[str, ...]]:
    """Return at most ``max_rows`` real training rows, drawn at random, and a note if rows are omitted."""
    train = evaluation.train
    if train.n_rows <= max_rows:
        return train, ()
    chosen = np.sort(np.random.default_rng([seed, train.n_rows]).choice(train.n_rows, max_rows, replace=False))
    taken = evaluation.shared.once(("training rows", max_rows, seed), lambda: train.take(chosen), scope="split")
    return taken, (f"trains on {max_rows:,} of {train.n_rows:,} training rows, drawn at random (option max_rows)",)
