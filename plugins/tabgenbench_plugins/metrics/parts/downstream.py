"""Prediction of columns by models that are trained on real or on synthetic rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

import pandas as pd
from pydantic import Field

from tabgenbench import Evaluation, MetricContext, Options, ScoreSpec, Table
from tabgenbench_plugins.correlation import Undefined
from tabgenbench_plugins.metrics.parts.prediction import Rows, Task, find_tasks, training_rows
from tabgenbench_plugins.metrics.parts.predictors import ModelName, Predictor, class_scores, classification_scores, r2
from tabgenbench_plugins.metrics.parts.results import check_values
from tabgenbench_plugins.metrics.parts.thinning import thinned

__all__ = ["Downstream", "DownstreamOptions", "Origin", "Outcome", "mean_scores"]

Origin: TypeAlias = Literal["train", "synthetic", "both"]
T = TypeVar("T")


class DownstreamOptions(Options):
    """Options of metrics that train predictive models."""

    targets: tuple[str, ...] = Field(
        (), description="columns to predict; by default the conditions and the targets of the dataset"
    )
    max_rows: int = Field(
        10_000, ge=100, description="training, test and synthetic rows to use at most, each drawn at random"
    )


@dataclass(frozen=True)
class Outcome:
    """Scores of a model's predictions of the real test rows.

    Attributes:
        scores: value of each score of `classification_scores`, or of ``r2`` for a numeric target.
        classes: scores of each class, as in `class_scores`; None for a numeric target.
    """

    scores: dict[str, float]
    classes: pd.DataFrame | None = None


@dataclass(frozen=True, eq=False)
class Downstream:
    """Prediction models for one synthetic table, with their scores; all metrics share the models and the scores.

    Attributes:
        evaluation: the test rows and the synthetic rows, at most ``max_rows`` of each.
        train: the real training rows, at most ``max_rows``.
        tasks: one prediction task for each target (column to predict).
        notes: sentences on targets that cannot be predicted, and on rows that are not used.
        seed: seed of the models.
    """

    evaluation: Evaluation
    train: Table
    tasks: tuple[Task, ...]
    notes: tuple[str, ...]
    seed: int

    @classmethod
    def of(cls, evaluation: Evaluation, options: DownstreamOptions, context: MetricContext, metric: str) -> Downstream:
        """Return an object with the prediction tasks for the targets of one synthetic table.

        Raises:
            Unsupported: no column can be predicted.
            Undefined: there are no synthetic rows, or a value is not a finite number.
        """
        train, train_notes = training_rows(evaluation, options.max_rows, seed=context.seed)
        evaluation, notes = thinned(evaluation, options.max_rows, seed=context.seed)
        tasks, declined = find_tasks(evaluation, options.targets, metric)  # drawn test rows may lack a class
        if notes:
            error = 0.5 / evaluation.test.n_rows**0.5
            notes = (*notes, f"standard error of a share of test rows, such as an accuracy: at most {error:.2g}")
        if evaluation.test.n_features:
            for words, table in (
                ("training", train),
                ("real test", evaluation.test),
                ("synthetic", evaluation.synthetic),
            ):
                check_values(table.dense(), words)
        return cls(evaluation, train, tuple(tasks), (*declined, *train_notes, *notes), context.seed)

    def rows(self, task: Task, origin: Origin) -> Rows:
        """Return the rows for training a model of a task; ``origin`` selects real rows, synthetic rows or both."""
        if origin == "both":
            return self.rows(task, "train").together_with(self.rows(task, "synthetic"))
        return task.rows(self.train if origin == "train" else self.evaluation.synthetic)

    def model(self, task: Task, origin: Origin, name: ModelName) -> Predictor:
        """Return a model trained on the rows that `rows` returns.

        Raises:
            Undefined: the target is missing in all training rows of the model.
        """

        def train() -> Predictor:
            rows = self.rows(task, origin)
            if len(rows.y) == 0:
                raise Undefined(f"no {origin} row has a value of {task.target!r}")
            return Predictor(name, rows, is_numeric=task.is_numeric, seed=self.seed)

        return self._once("model", task, origin, name, train)

    def outcome(self, task: Task, origin: Origin, name: ModelName) -> Outcome:
        """Return the scores of a model's predictions for the real test rows."""
        return self._once("outcome", task, origin, name, lambda: self._outcome(task, self.model(task, origin, name)))

    def _once(self, what: str, task: Task, origin: Origin, name: ModelName, compute: Callable[[], T]) -> T:
        key = (what, task.target, origin, name, self.seed, self.train.n_rows)
        return self.evaluation.shared.once(key, compute, scope="split" if origin == "train" else "draw")

    def _outcome(self, task: Task, model: Predictor) -> Outcome:
        test = task.rows(self.evaluation.test)
        if task.is_numeric:
            return Outcome({"r2": r2(test.y, model.values(test.x))})
        classes = sorted({*test.y, *model.classes})
        p = model.probabilities(test.x, classes)
        return Outcome(classification_scores(test.y, classes, p), class_scores(test.y, classes, p))


def mean_scores(specs: Sequence[ScoreSpec], models: pd.DataFrame) -> tuple[dict[str, float], dict[str, str]]:
    """Return the mean of each score over targets and models, and a reason for each score without a value.

    Args:
        specs: the scores. Scores with ``r2`` in the name are for numeric targets, all others for categorical targets.
        models: one row for each target and model, with a column for each score; NaN if the score does not apply.
    """
    scores = {spec.name: float(models[spec.name].mean()) for spec in specs if spec.name in models}
    undefined = {
        spec.name: f"no {'numeric' if 'r2' in spec.name else 'categorical'} target is predicted"
        for spec in specs
        if spec.name not in scores
    }
    return scores, undefined
