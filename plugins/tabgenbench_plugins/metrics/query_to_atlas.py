"""Metric `query-to-atlas`: accuracy of the types of test cells, predicted from the nearest training cells."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from tabgenbench import Evaluation, Metric, MetricContext, Requirement, Result, ScoreSpec, Unsupported
from tabgenbench_plugins.cell_columns import CellOptions, cell_columns
from tabgenbench_plugins.correlation import Undefined
from tabgenbench_plugins.metrics.parts.atlas_mapping import choose_threshold, map_cells
from tabgenbench_plugins.metrics.parts.embedded_cells import embedded, labels_of
from tabgenbench_plugins.metrics.parts.results import collect, undefined_result

__all__ = ["QueryToAtlas"]

ATLAS = "k nearest neighbours in a reference as in Lotfollahi et al., Nature Biotechnology 40, 2022"
UNKNOWN = "\tunknown"  # no label contains a tab
ATLAS_DOI = f"{ATLAS}, doi 10.1038/s41587-021-01001-7; the threshold is ours"


def _spec(name: str, description: str, blind_to: str, *, headline: bool = False) -> ScoreSpec:
    return ScoreSpec(
        name=f"atlas-{name}",
        question="prediction" if headline else "",
        direction="higher",
        low=0.0,
        high=1.0,
        description=description,
        blind_to=blind_to,
        floor="random",
        ceiling="",
        citation=ATLAS_DOI,
        ranked=headline,
        headline=headline,
    )


class QueryToAtlas(Metric):
    """Predicts the type of each test cell from its nearest embedded training cells, or `unknown` for a distant cell.

    The mean distance of a test cell to its nearest training cells is divided by the median of the same mean distance
    over training cells of the predicted type. The test cell is distant if the quotient exceeds a threshold, which the
    module `atlas_mapping` chooses with training cells alone. The correct prediction is the type of the test cell, or
    `unknown` if no training cell has this type.
    """

    name: ClassVar[str] = "query-to-atlas"
    requires: ClassVar[tuple[Requirement, ...]] = ("conditions", "embedding")
    reads_synthetic: ClassVar[bool] = False
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        _spec(
            "accuracy",
            "share of test cells of known types that get their type; unknown counts as wrong",
            "Types that no training cell has",
            headline=True,
        ),
        _spec(
            "rejection",
            "share of test cells of types without training cells that are called unknown",
            "Known types: rejecting every cell has the best value",
        ),
        _spec("known-accepted", "share of test cells of known types that are not called unknown", "Wrong types"),
        _spec(
            "accuracy-without-unknown",
            "share of test cells of known types that get their type if no cell is called unknown",
            "Types that no training cell has",
        ),
        _spec(
            "unknown-f1",
            "F1 of the answer unknown for test cells of types without training cells",
            "Known types; it depends on the share of unknown cells among the test cells",
        ),
        _spec(
            "known-f1",
            "macro-averaged F1 of known types, where unknown is a wrong answer and other cells that get a type are "
            "false positives",
            "Types that no training cell has, except for their false positives",
        ),
    )

    class Config(CellOptions):
        """Options of `QueryToAtlas`."""

        n_neighbours: int = Field(15, ge=1, description="nearest training cells that vote")
        max_rows: int = Field(20_000, ge=100, description="training cells to use at most, drawn at random")

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Predict the type of each test cell from the embedding of one model, and score the predictions.

        Raises:
            Unsupported: the model does not embed training cells and test cells.
            ConfigError: an option names a column that is not a condition column.
        """
        if not evaluation.train_embedding or not evaluation.embedding:
            raise Unsupported("needs an embedding of training cells and test cells; the model has none")
        column, rng, k = (
            cell_columns(evaluation.test.schema.conditions, self.config)[0],
            context.numpy,
            self.config.n_neighbours,
        )
        known, truth = labels_of(evaluation.train, column), labels_of(evaluation.test, column)
        rows = rng.choice(len(known), min(len(known), self.config.max_rows), replace=False)
        reference, query = (embedded(blocks).first for blocks in (evaluation.train_embedding, evaluation.embedding))
        reference, types = reference[rows], known[rows]
        try:
            threshold = choose_threshold(reference, types, k=k, rng=rng)
        except Undefined as reason:
            return undefined_result(self.scores, reason)
        mapped = map_cells(reference, types, query, k=k)
        is_known, is_right = np.isin(truth.astype(str), known.astype(str)), mapped.types == truth
        is_accepted = mapped.strangeness <= threshold
        truth_or_unknown = np.where(is_known, truth, UNKNOWN)
        answers = np.where(is_accepted, mapped.types, UNKNOWN)
        scores, undefined = collect(
            {
                "atlas-accuracy": lambda: _share(is_right & is_accepted, is_known, "a known type"),
                "atlas-rejection": lambda: _share(~is_accepted, ~is_known, "a type without training cells"),
                "atlas-known-accepted": lambda: _share(is_accepted, is_known, "a known type"),
                "atlas-accuracy-without-unknown": lambda: _share(is_right, is_known, "a known type"),
                "atlas-unknown-f1": lambda: _f1(truth_or_unknown, answers, [UNKNOWN]),
                "atlas-known-f1": lambda: _f1(truth_or_unknown, answers, sorted(set(truth[is_known]))),
            }
        )
        unseen = ", ".join(sorted(set(truth[~is_known]))) or "none"
        return Result(scores, undefined, notes=(f"threshold {threshold:.3g}; types without training cells: {unseen}",))


def _f1(truth: np.ndarray, answers: np.ndarray, labels: list[str]) -> float:
    from sklearn.metrics import f1_score

    if not np.isin(truth, labels).any():
        raise Undefined(f"no test cell has {'a type without training cells' if UNKNOWN in labels else 'a known type'}")
    return float(f1_score(truth, answers, labels=labels, average="macro", zero_division=0))


def _share(chosen: np.ndarray, among: np.ndarray, words: str) -> float:
    if not among.any():
        raise Undefined(f"no test cell has {words}")
    return float(chosen[among].mean())
