"""Prediction of the conditions of synthetic rows by a classifier trained on real rows."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import Evaluation, Metric, MetricContext, Options, Requirement, Result, ScoreSpec, Unsupported
from tabgenbench_plugins.correlation import Undefined
from tabgenbench_plugins.metrics.parts.encoded import encoded, encoding_notes
from tabgenbench_plugins.metrics.parts.part_errors import Rows, part_errors, smaller_limit, take_rows
from tabgenbench_plugins.metrics.parts.results import undefined_result
from tabgenbench_plugins.metrics.parts.row_groups import row_groups
from tabgenbench_plugins.metrics.parts.thinning import thinned
from tabgenbench_plugins.metrics.parts.within import condition_rows

__all__ = ["ConditionPrediction"]

CHANCE = 0.5
N_ITERATIONS = 300  # of the logistic regression


class ConditionPrediction(Metric):
    """How well a classifier trained on real test rows predicts the conditions of synthetic rows.

    The classifier is scikit-learn's logistic regression (C = 1) on standardised columns: numeric features, and
    indicators of categories (see module `encoded`). The classifier does not see the training rows of the generator, so
    copies of training rows have no advantage. The ROC AUC of a condition measures how well its predicted probability
    separates the synthetic rows of this condition from all other synthetic rows. The score is the mean AUC over
    conditions. The AUC of a condition counts as 0.5 if none or all of the synthetic rows have this condition.
    Conditions with few real test rows are used to train the classifier, but excluded from the mean.
    """

    name: ClassVar[str] = "condition-prediction"
    requires: ClassVar[tuple[Requirement, ...]] = ("conditions",)
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="condition-auc",
            question="structure",
            direction="higher",
            low=0.0,
            high=1.0,
            headline=True,
            description="ROC AUC of a classifier, fitted on test rows, that predicts the condition of synthetic rows",
            blind_to=(
                "Variation and dependence inside a condition. Rows without noise may exceed real rows: compare with "
                "real-resample, not with 1"
            ),
            floor="shuffled",
            detects=("label-swapper",),
            misses=("copier", "mean-shifter", "rounder"),
            citation="train on real, test on synthetic: Esteban et al., arXiv:1706.02633, 2017",
        ),
    )

    class Config(Options):
        """Options of `ConditionPrediction`."""

        max_rows: int = Field(5_000, ge=100, description="test rows and synthetic rows to use at most, drawn at random")
        min_rows: int = Field(5, ge=2, description="minimum number of real test rows of a scored condition")

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table; save the AUC of each scored condition as artifact ``conditions``.

        Raises:
            Unsupported: the dataset has no condition column.
        """
        if not evaluation.test.schema.conditions:
            raise Unsupported("the dataset has no condition column, and this metric predicts conditions")
        full = evaluation
        evaluation, notes = thinned(full, self.config.max_rows, seed=context.seed)
        try:
            table = self._by_condition(evaluation, context.seed, self.config.min_rows)
        except Undefined as reason:
            return undefined_result(self.scores, reason)
        lacking = table.loc[table["synthetic_rows"] == 0, "condition"]
        if len(lacking):
            notes = (*notes, f"counts {CHANCE} because there are no synthetic rows: {'; '.join(lacking)}")
        fewest = smaller_limit(self.config.min_rows, full, evaluation)

        def score_part(test: Rows, synthetic: Rows) -> dict[str, float]:
            part = take_rows(evaluation, test, synthetic)
            try:
                table = self._by_condition(part, context.seed, fewest)
            except Undefined:
                return {}
            return {"condition-auc": float(table["auc"].mean())}

        errors = part_errors(score_part, ["condition-auc"], full, evaluation, seed=context.seed)
        notes = (*notes, *errors, *encoding_notes(evaluation))
        return Result({"condition-auc": float(table["auc"].mean())}, artifacts={"conditions": table}, notes=notes)

    def _by_condition(self, evaluation: Evaluation, seed: int, min_rows: int) -> pd.DataFrame:
        real = condition_rows(evaluation.test.conditions)
        scored = [name for name, rows in real.items() if len(rows) >= min_rows]
        if len(real) < 2:
            raise Undefined("all real test rows have the same condition")
        if not scored:
            raise Undefined(f"no condition has {min_rows} real test rows")
        model = evaluation.shared.once(
            ("condition classifier", seed), lambda: _fitted(evaluation, real, seed), scope="split"
        )
        probability = model.predict_proba(encoded(evaluation, "synthetic"))
        synthetic = condition_rows(evaluation.synthetic.conditions)
        place = list(model.classes_)
        found = []
        for name in scored:
            rows = synthetic.get(name, np.empty(0, dtype=np.intp))
            area = _area(probability[:, place.index(name)], rows)
            found.append((name, area, len(real[name]), len(rows)))
        return pd.DataFrame(found, columns=["condition", "auc", "test_rows", "synthetic_rows"])


def _fitted(evaluation: Evaluation, real: dict[str, NDArray[np.intp]], seed: int) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    values = encoded(evaluation, "test")
    labels = np.empty(len(values), dtype=object)
    for name, rows in real.items():
        labels[rows] = name
    order = np.lexsort((labels.astype(str), row_groups(values, seed=seed)))
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=N_ITERATIONS))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # almost converged coefficients rank rows equally well
        return model.fit(values[order], labels[order])


def _area(probability: NDArray[np.floating], rows: NDArray[np.intp]) -> float:
    from sklearn.metrics import roc_auc_score

    if len(rows) in (0, len(probability)):
        return CHANCE
    inside = np.zeros(len(probability), dtype=bool)
    inside[rows] = True
    return float(roc_auc_score(inside, probability))
