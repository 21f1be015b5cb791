"""Metric of how well a model, or a classifier on its embedding, predicts types and conditions of test cells."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import Evaluation, Metric, MetricContext, Requirement, Result, ScoreSpec, Unsupported
from tabgenbench_plugins.cell_columns import CellOptions, cell_columns
from tabgenbench_plugins.correlation import Undefined
from tabgenbench_plugins.metrics.parts.embedded_cells import Labels, embedded, labels_of

__all__ = ["LabelPrediction"]

ROLES = ("type", "condition", "combination")
TALK = "tasks of inVAE, Aliee et al. 2023, arXiv 2307.00558"


def _spec(role: str, description: str) -> ScoreSpec:
    return ScoreSpec(
        name=f"{role}-f1",
        question="prediction",
        direction="higher",
        low=0.0,
        high=1.0,
        description=f"macro-averaged F1 of the predicted {description}",
        blind_to="Cells of labels that no training cell has, which do not count; the test donors are unseen only if "
        "the split is grouped by donor",
        floor="random",
        ceiling="",
        citation=TALK,
        headline=role == "type",
    )


class LabelPrediction(Metric):
    """Macro-averaged F1 of predicted cell types, conditions and combinations of type and condition.

    The score of types excludes test cells whose type no training cell has. Likewise, the other scores exclude unknown
    conditions or unknown combinations. If a model does not predict the type or the condition, a logistic regression
    predicts it from the embedding, and a note says so. The regression is trained on the training cells and uses the
    standardised dimensions of the first block of the embedding.
    """

    name: ClassVar[str] = "label-prediction"
    requires: ClassVar[tuple[Requirement, ...]] = ("conditions",)
    reads_synthetic: ClassVar[bool] = False
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        _spec("type", "cell type"),
        _spec("condition", "condition"),
        _spec("combination", "combination of cell type and condition; both must be right"),
    )

    class Config(CellOptions):
        """Options of `LabelPrediction`."""

        max_rows: int = Field(20_000, ge=100, description="embedded training cells to use at most, at random")

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score the predictions of one model.

        Raises:
            Unsupported: the model has neither predictions nor an embedding of training cells and test cells.
            ConfigError: an option names a column that is not a condition column.
        """
        given = evaluation.predictions or {}
        if not given and not (evaluation.embedding and evaluation.train_embedding):
            raise Unsupported("needs predictions, or an embedding of training cells and test cells; the model has none")
        columns = [name for name in cell_columns(evaluation.test.schema.conditions, self.config) if name]
        predicted: dict[str, Labels] = {}
        probed = []
        for column in columns:
            if column in given:
                predicted[column] = np.asarray(given[column]).astype(str).astype(object)
            elif evaluation.embedding and evaluation.train_embedding:
                predicted[column] = self._probe(evaluation, column, context.numpy)
                probed.append(column)
        scores: dict[str, float] = {}
        undefined: dict[str, str] = {}
        for role, used in zip(ROLES, (columns[:1], columns[1:], columns), strict=True):
            try:
                if len(columns) < 2 and role != "type":
                    raise Undefined("the dataset has no second condition column")
                scores[f"{role}-f1"] = _macro_f1(evaluation, used, predicted)
            except Undefined as reason:
                undefined[f"{role}-f1"] = str(reason)
        notes = (f"{', '.join(probed)}: predicted by a logistic regression on the embedding",) if probed else ()
        return Result(scores, undefined, notes=notes)

    def _probe(self, evaluation: Evaluation, column: str, rng: np.random.Generator) -> Labels:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        known, asked = (embedded(blocks).first for blocks in (evaluation.train_embedding, evaluation.embedding))
        labels = labels_of(evaluation.train, column)
        rows = rng.choice(len(labels), min(len(labels), self.config.max_rows), replace=False)
        if len(np.unique(labels[rows].astype(str))) < 2:
            return np.full(len(asked), labels[0], dtype=object)
        probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(known[rows], labels[rows])
        return np.asarray(probe.predict(asked), dtype=object)


def _macro_f1(evaluation: Evaluation, columns: list[str], predicted: dict[str, Labels]) -> float:
    from sklearn.metrics import f1_score

    lacking = [name for name in columns if name not in predicted]
    if lacking:
        raise Undefined(f"the model does not predict {', '.join(lacking)}")
    truth = _joined([labels_of(evaluation.test, name) for name in columns])
    known = set(_joined([labels_of(evaluation.train, name) for name in columns]))
    rows = np.array([label in known for label in truth], dtype=bool)
    if not rows.any():
        raise Undefined("no test cell has a label of the training cells")
    guess = _joined([predicted[name] for name in columns])
    labels = sorted(set(truth[rows]))
    return float(f1_score(truth[rows], guess[rows], labels=labels, average="macro", zero_division=0))


def _joined(columns: list[Labels]) -> NDArray[Any]:
    return np.array(["\t".join(row) for row in zip(*columns, strict=True)], dtype=object)
