"""Train on synthetic, test on real: scores of predictive models trained on synthetic rows or on real rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pandas as pd
from pydantic import Field

from tabgenbench import Evaluation, Metric, MetricContext, Result, ScoreSpec
from tabgenbench_plugins.correlation import Undefined
from tabgenbench_plugins.metrics.parts.downstream import Downstream, DownstreamOptions, Origin, mean_scores
from tabgenbench_plugins.metrics.parts.predictors import ModelName
from tabgenbench_plugins.metrics.parts.results import undefined_result

__all__ = ["TrainSyntheticTestReal"]

CITATION = "Esteban, Hyland & Rätsch, arXiv 1706.02633, 2017"
WHAT = {
    "f1": ("higher", 0.0, 1.0, "mean over classes of the F1 score of predicted classes"),
    "balanced-accuracy": ("higher", 0.0, 1.0, "mean over classes of the share of rows whose class is predicted"),
    "auc": ("higher", 0.0, 1.0, "mean over classes of the area under the ROC curve, one class against the others"),
    "brier": (
        "lower",
        0.0,
        2.0,
        "Brier score: mean squared error of predicted class probabilities, summed over classes",
    ),
    "r2": ("higher", None, 1.0, "share of the variance of a numeric target that is predicted"),
}
ORIGINS: dict[str, Origin] = {"tstr": "synthetic", "trtr": "train"}
BLIND_TO = (
    "Copies of training rows, columns that no model needs for the target, the diversity of rows within a class, and "
    "targets that nobody named"
)


def _spec(name: str, **more: Any) -> ScoreSpec:
    direction, low, high, words = WHAT[name]
    return ScoreSpec(
        name=f"tstr-{name}",
        question="utility",
        direction=direction,
        low=low,
        high=high,
        description=f"{words}, in real test rows, by models that are trained on synthetic rows",
        blind_to=BLIND_TO,
        floor="shuffled",
        citation=CITATION,
        **more,
    )


def _real_spec(name: str) -> ScoreSpec:
    direction, low, high, words = WHAT[name]
    return ScoreSpec(
        name=f"trtr-{name}",
        direction=direction,
        low=low,
        high=high,
        description=f"{words}, in real test rows, by models that are trained on all real training rows",
        blind_to="The synthetic rows, which it does not use: it is the value to compare the tstr score with",
        ranked=False,
        ceiling="",
    )


class TrainSyntheticTestReal(Metric):
    """Compares predictive models trained on synthetic rows and on real rows by their scores on real test rows.

    The predicted columns are the conditions and the columns that the schema declares as targets. Three models (option
    ``models``) predict each column:

    - ``linear``: logistic regression (C = 1) or ridge regression (alpha = 1) on standardised columns
    - ``forest``: random forest of 100 trees
    - ``boosting``: gradient boosting with histograms, 100 iterations. If the predictors have more than 200 columns,
      they are replaced by their first 50 principal components, fitted to the rows that the model is trained on.

    A score is the mean over predicted columns and models. The best model is not selected, because the selection would
    use the test rows. A model trained on synthetic rows never predicts a class that does not occur in these rows.
    """

    name: ClassVar[str] = "tstr"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        _spec("f1", headline=True, detects=("label-swapper", "mode-dropper"), misses=("copier",)),
        _spec("balanced-accuracy", detects=("label-swapper", "mode-dropper"), misses=("copier",)),
        _spec("auc", detects=("label-swapper",), misses=("copier",)),
        _spec("brier", detects=("label-swapper",), misses=("copier",)),
        _spec("r2", headline=True, detects=("correlation-breaker",), misses=("copier",)),
        *(_real_spec(name) for name in WHAT),
    )

    class Config(DownstreamOptions):
        """Options of `TrainSyntheticTestReal`."""

        models: tuple[ModelName, ...] = Field(
            ("linear", "forest", "boosting"), min_length=1, description="models whose scores are averaged"
        )

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table.

        The artifact (stored table) ``models`` contains the scores of each model for each predicted column. The artifact
        ``classes`` contains the scores of each class, averaged over the models.

        Raises:
            Unsupported: the table has no column that can be predicted.
        """
        try:
            downstream = Downstream.of(evaluation, self.config, context, self.name)
            models = pd.DataFrame(self._outcomes(downstream))
        except Undefined as reason:
            return undefined_result(self.scores, reason)
        scores, undefined = mean_scores(self.scores, models)
        artifacts = {"models": models}
        if classes := self._classes(downstream):
            artifacts["classes"] = pd.concat(classes, ignore_index=True)
        return Result(scores, undefined, artifacts=artifacts, notes=downstream.notes)

    def _outcomes(self, downstream: Downstream) -> Iterator[dict[str, Any]]:
        for task in downstream.tasks:
            for model in self.config.models:
                row: dict[str, Any] = {"target": task.target, "model": model}
                for prefix, origin in ORIGINS.items():
                    scores = downstream.outcome(task, origin, model).scores
                    row.update({f"{prefix}-{name}": value for name, value in scores.items()})
                yield row

    def _classes(self, downstream: Downstream) -> list[pd.DataFrame]:
        tables = []
        for task in downstream.tasks:
            if task.is_numeric:
                continue
            sides = []
            for prefix, origin in ORIGINS.items():
                found = pd.concat([downstream.outcome(task, origin, model).classes for model in self.config.models])
                n_train = pd.Series(downstream.rows(task, origin).y).value_counts().rename("n_train")
                means = found.drop(columns="n_test").groupby("class").mean().join(n_train)
                sides.append(means.add_prefix(f"{prefix}-"))
            n_test = pd.Series(task.rows(downstream.evaluation.test).y).value_counts().rename("n_test")
            table = sides[0].join(sides[1:], how="outer").join(n_test).fillna(0.0).sort_index()
            table = table.rename_axis("class").reset_index()
            table.insert(0, "target", task.target)
            tables.append(table)
        return tables
