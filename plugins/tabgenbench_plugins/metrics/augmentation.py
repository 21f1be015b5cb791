"""Metric `augmentation`: whether added synthetic rows improve a predictive model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pandas as pd
from pydantic import Field

from tabgenbench import Evaluation, Metric, MetricContext, Result, ScoreSpec
from tabgenbench_plugins.correlation import Undefined
from tabgenbench_plugins.metrics.parts.downstream import Downstream, DownstreamOptions, mean_scores
from tabgenbench_plugins.metrics.parts.predictors import ModelName
from tabgenbench_plugins.metrics.parts.results import undefined_result

__all__ = ["Augmentation"]

CITATION = "Bong & Oh, JBE 28(3), 2023, doi 10.5909/JBE.2023.28.3.275"
WHAT = {"f1": "macro-F1", "auc": "ROC AUC", "r2": "R2"}


def _gain(name: str, **more: Any) -> ScoreSpec:
    return ScoreSpec(
        name=f"augmentation-{name}-gain",
        question="utility",
        direction="higher",
        low=None if name == "r2" else -1.0,
        high=None if name == "r2" else 1.0,
        description=(
            f"{WHAT[name]} in real test rows of models trained on real and synthetic rows together, minus that of "
            "models trained on the real rows alone"
        ),
        blind_to=(
            "Why it helps: more rows weaken the regularisation of a model, so compare it with bootstrapped rows "
            "(real-resample:replace=true) and smote. Near the best possible value nothing can be gained"
        ),
        floor="shuffled",
        ceiling="",
        misses=("copier",),
        citation=CITATION,
        **more,
    )


def _level(side: str, name: str) -> ScoreSpec:
    rows = "real and synthetic rows together" if side == "augmented" else "the real training rows alone"
    return ScoreSpec(
        name=f"{side}-{name}",
        direction="higher",
        low=None if name == "r2" else 0.0,
        high=1.0,
        description=f"{WHAT[name]} in real test rows of models trained on {rows}",
        blind_to="What the synthetic rows add: the gain",
        ranked=False,
        ceiling="",
    )


class Augmentation(Metric):
    """Gain in the scores of predictive models trained on real and synthetic rows, compared with the real rows alone.

    The generator and the predictive models use the same real training rows. The models are tested on real test rows.
    Targets, models and scores are the same as in the metric ``tstr`` (train on synthetic, test on real), but boosted
    trees are left out. A leaf of a boosted tree needs at least 20 rows, so any additional rows could improve boosted
    trees on a small table.
    """

    name: ClassVar[str] = "augmentation"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        _gain("f1", headline=True),
        _gain("auc"),
        _gain("r2", headline=True),
        *(_level(side, name) for side in ("augmented", "real") for name in ("f1", "r2")),
    )

    class Config(DownstreamOptions):
        """Options of `Augmentation`."""

        models: tuple[ModelName, ...] = Field(
            ("linear", "forest"), min_length=1, description="models whose scores are averaged"
        )

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table.

        The artifact (stored table) ``models`` contains the scores of each predictive model for each target.

        Raises:
            Unsupported: the table has no target that can be predicted.
        """
        try:
            downstream = Downstream.of(evaluation, self.config, context, self.name)
            models = pd.DataFrame(self._outcomes(downstream))
        except Undefined as reason:
            return undefined_result(self.scores, reason)
        scores, undefined = mean_scores(self.scores, models)
        n_real, n_synthetic = downstream.train.n_rows, downstream.evaluation.synthetic.n_rows
        notes = (
            *downstream.notes,
            f"{n_real:,} real rows alone against {n_real:,} real and {n_synthetic:,} synthetic rows",
        )
        return Result(scores, undefined, artifacts={"models": models}, notes=notes)

    def _outcomes(self, downstream: Downstream) -> Iterator[dict[str, Any]]:
        for task in downstream.tasks:
            for model in self.config.models:
                real = downstream.outcome(task, "train", model).scores
                augmented = downstream.outcome(task, "both", model).scores
                row: dict[str, Any] = {"target": task.target, "model": model}
                for name in WHAT.keys() & real.keys():
                    row[f"real-{name}"], row[f"augmented-{name}"] = real[name], augmented[name]
                    row[f"augmentation-{name}-gain"] = augmented[name] - real[name]
                yield row
