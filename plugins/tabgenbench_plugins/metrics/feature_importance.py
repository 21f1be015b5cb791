"""Agreement of feature importances between forests trained on synthetic rows and on real rows."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from tabgenbench import Evaluation, Metric, MetricContext, Result, ScoreSpec
from tabgenbench_plugins.correlation import Floats, Undefined
from tabgenbench_plugins.metrics.parts.downstream import Downstream, DownstreamOptions, Origin
from tabgenbench_plugins.metrics.parts.prediction import Task
from tabgenbench_plugins.metrics.parts.results import undefined_result

__all__ = ["FeatureImportance"]

CITATION = "impurity importance of random forests: Breiman, Machine Learning 45, 2001"
FEWEST = 3  # number of predictors for a rank correlation


class FeatureImportance(Metric):
    """Agreement on the importance of predictors between a random forest of synthetic rows and one of training rows.

    The importance of a predictor is the decrease of impurity at the tree nodes that divide rows by this predictor,
    summed over nodes and averaged over trees. The importance of a categorical predictor is the sum over its indicator
    columns.

    - ``importance-correlation``: Spearman correlation of the importances over predictors
    - ``importance-overlap``: share of the 20 most important predictors that the two forests have in common. If there
      are fewer than 60 predictors, a third of the predictors is compared instead of 20.

    The forests and the columns that they predict (targets) are those of the metric ``tstr`` (train on synthetic, test
    on real). The scores are means over targets. If a target has only one value in the synthetic rows, its scores are 0.
    """

    name: ClassVar[str] = "feature-importance"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="importance-correlation",
            question="utility",
            direction="higher",
            low=-1.0,
            high=1.0,
            description="Spearman correlation of the importances of predictors in forests of synthetic and real rows",
            blind_to=(
                "Whether the predictions are good (see tstr). In a wide table most importances are small and their "
                "order is noise, so that even real rows stay below 1"
            ),
            floor="shuffled",
            detects=("label-swapper",),
            misses=("copier",),
            citation=CITATION,
        ),
        ScoreSpec(
            name="importance-overlap",
            question="utility",
            direction="higher",
            low=0.0,
            high=1.0,
            description="share of the most important predictors (option top) that both forests have in common",
            blind_to=(
                "The order among the most important predictors, and all others. Correlated predictors share their "
                "importance at random"
            ),
            floor="shuffled",
            misses=("copier",),
            citation=CITATION,
        ),
    )

    class Config(DownstreamOptions):
        """Options of `FeatureImportance`."""

        top: int = Field(
            20, ge=1, description="number of most important predictors; at most a third of all, and at least one"
        )

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table.

        The artifact (stored table) ``importances`` contains the importance of each predictor in each forest. In a
        forest, the importances of all predictors add up to 1.

        Raises:
            Unsupported: the table has no target that can be predicted.
        """
        try:
            downstream = Downstream.of(evaluation, self.config, context, self.name)
            tasks = [task for task in downstream.tasks if len(task.predictors) >= FEWEST]
            if not tasks:
                raise Undefined(f"no target has {FEWEST} predictors")
            tables = [_importances(downstream, task) for task in tasks]
        except Undefined as reason:
            return undefined_result(self.scores, reason)
        found = [_agreement(table, self.config.top) for table in tables]
        correlation, overlap = (float(value) for value in np.mean(found, axis=0))
        return Result(
            {"importance-correlation": correlation, "importance-overlap": overlap},
            artifacts={"importances": pd.concat(tables, ignore_index=True)},
            notes=downstream.notes,
        )


def _importances(downstream: Downstream, task: Task) -> pd.DataFrame:
    def of(origin: Origin) -> Floats:
        columns = task.predictor_of_column
        single = downstream.model(task, origin, "forest").importances(len(columns))
        return np.bincount(columns, weights=single, minlength=len(task.predictors)).astype(np.float64)

    values = {"synthetic": of("synthetic"), "real": of("train")}
    return pd.DataFrame({"target": task.target, "predictor": list(task.predictors), **values})


def _agreement(table: pd.DataFrame, top: int) -> tuple[float, float]:
    synthetic, real = table["synthetic"], table["real"]
    if synthetic.nunique() < 2 or real.nunique() < 2:
        return 0.0, 0.0
    top = max(1, min(top, len(table) // 3))
    common = set(synthetic.nlargest(top).index) & set(real.nlargest(top).index)
    return float(synthetic.corr(real, method="spearman")), len(common) / top
