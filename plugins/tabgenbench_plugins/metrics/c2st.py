"""Classifier two-sample tests: whether a classifier can tell synthetic rows from real test rows."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import Evaluation, Metric, MetricContext, Options, Result, ScoreSpec
from tabgenbench_plugins.correlation import Floats, Undefined
from tabgenbench_plugins.metrics.parts.encoded import encoded
from tabgenbench_plugins.metrics.parts.results import collect, undefined_result
from tabgenbench_plugins.metrics.parts.row_groups import row_groups
from tabgenbench_plugins.metrics.parts.thinning import thinned

__all__ = ["ClassifierTest"]

CITATION = "Lopez-Paz & Oquab, ICLR 2017"
N_ITERATIONS = 300  # of the logistic regression


class ClassifierTest(Metric):
    """Cross-validated ROC AUC of a linear and a boosted classifier that separate synthetic rows from real test rows.

    - ``c2st-trees``: gradient-boosted trees (100 trees, 32 bins per column)
    - ``c2st-linear``: logistic regression on standardised columns (C = 1)

    The classifiers get the numeric features and indicators of categories and conditions, as in module `encoded`. The
    score is the mean AUC over 5 folds, but at least 0.5. Rows that are identical, including their conditions, are in
    the same fold, so that a classifier cannot recognise a row by its copy. If a group of identical rows has more rows
    than there are folds, its rows are distributed over all folds. Folds depend on the content of rows, not on their
    order.
    """

    name: ClassVar[str] = "c2st"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="c2st-trees",
            question="fidelity",
            direction="lower",
            low=0.5,
            high=1.0,
            headline=True,
            description="cross-validated ROC AUC of boosted trees that tell synthetic from real test rows",
            blind_to=(
                "Copies of training rows, and rare errors. Near 1, it does not tell a small error in many columns from "
                "a large one"
            ),
            floor="condition-gaussian",
            detects=("mean-shifter", "correlation-breaker", "rounder"),
            misses=("copier",),
            citation=CITATION,
        ),
        ScoreSpec(
            name="c2st-linear",
            question="fidelity",
            direction="lower",
            low=0.5,
            high=1.0,
            description="cross-validated ROC AUC of a logistic regression that tells synthetic from real test rows",
            blind_to=("Everything but means: rows of wrong variances or without any dependence between columns pass"),
            floor="condition-gaussian",
            detects=("mean-shifter",),
            misses=("copier", "correlation-breaker"),
            citation=CITATION,
        ),
    )

    class Config(Options):
        """Options of `ClassifierTest`."""

        n_folds: int = Field(5, ge=2, description="number of folds of the cross-validation")
        max_rows: int = Field(5_000, ge=100, description="test rows and synthetic rows to use at most, drawn at random")
        max_columns: int = Field(
            2_000, ge=1, description="columns to use at most, drawn at random, the same for every generator"
        )

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table; a note states the standard errors of the AUC over folds."""
        evaluation, notes = thinned(evaluation, self.config.max_rows, seed=context.seed)
        try:
            folds = self._folds(evaluation, context)
        except Undefined as reason:
            return undefined_result(self.scores, reason)
        n_columns, n_all = folds.values.shape[1], encoded(evaluation, "test", conditions=True).shape[1]
        if n_columns < n_all:
            notes = (*notes, f"uses {n_columns:,} of {n_all:,} columns, drawn at random (option max_columns)")
        areas: dict[str, Floats] = {
            "c2st-trees": np.array([_trees_area(*part, seed=context.seed) for part in folds.parts()]),
            "c2st-linear": np.array([_linear_area(*part) for part in folds.parts()]),
        }
        scores, undefined = collect({name: partial(_score, found) for name, found in areas.items()})
        errors = [
            f"{name} {found.std(ddof=1) / np.sqrt(len(found)):.2g}" for name, found in areas.items() if len(found) > 1
        ]
        if errors:
            notes = (*notes, f"standard errors over folds: {', '.join(errors)}")
        return Result(scores, undefined, notes=notes)

    def _folds(self, evaluation: Evaluation, context: MetricContext) -> _Folds:
        real, synthetic = (encoded(evaluation, side, conditions=True) for side in ("test", "synthetic"))
        columns = np.arange(real.shape[1])
        if len(columns) > self.config.max_columns:
            columns = np.sort(context.numpy.choice(columns, self.config.max_columns, replace=False))
        values = np.concatenate([real, synthetic])
        is_synthetic = np.arange(len(values)) >= len(real)
        groups = row_groups(values, seed=context.seed)
        order = np.lexsort((is_synthetic, groups))  # sorted by content: the given order has no effect
        values, is_synthetic, groups = values[order][:, columns], is_synthetic[order], groups[order]
        return _Folds(
            values, is_synthetic, _fold_of_rows(groups, is_synthetic, self.config.n_folds), self.config.n_folds
        )


@dataclass(frozen=True, eq=False)
class _Folds:
    values: NDArray[np.float32]
    is_synthetic: NDArray[np.bool_]
    fold: NDArray[np.int64]
    n_folds: int

    def parts(self) -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float32], NDArray[np.bool_]]]:
        """Yield training rows, training labels, held-out rows and held-out labels of each fold.

        A fold is skipped if its training rows or its held-out rows are all real or all synthetic.
        """
        for one in range(self.n_folds):
            inside = self.fold == one
            labels = self.is_synthetic[~inside], self.is_synthetic[inside]
            if all(0 < part.sum() < len(part) for part in labels):
                yield self.values[~inside], labels[0], self.values[inside], labels[1]


def _fold_of_rows(groups: NDArray[np.int64], is_synthetic: NDArray[np.bool_], n_folds: int) -> NDArray[np.int64]:
    """Return the cross-validation fold of each row; rows of a group are identical and follow each other.

    Groups of only real rows, groups of only synthetic rows, and mixed groups are treated separately. The groups of each
    kind are assigned to the folds in turn, larger groups first. Groups of more than ``n_folds`` rows are split, and
    their real and synthetic rows are assigned to the folds in turn.
    """
    sizes = np.bincount(groups)
    n_synthetic = np.bincount(groups[is_synthetic], minlength=len(sizes))
    kind = (n_synthetic > 0).astype(np.int64) + (n_synthetic == sizes)  # 0 real, 1 both, 2 synthetic
    order = np.argsort(-sizes, kind="stable")
    order = order[sizes[order] <= n_folds]
    of_group = np.empty(len(sizes), dtype=np.int64)
    of_group[order] = _dealt(kind[order], n_folds)
    fold = of_group[groups]
    single = sizes[groups] > n_folds
    fold[single] = _dealt(is_synthetic[single].astype(np.int64), n_folds)
    return fold


def _dealt(kinds: NDArray[np.int64], n_folds: int) -> NDArray[np.int64]:
    fold = np.empty(len(kinds), dtype=np.int64)
    for one in np.unique(kinds):
        chosen = np.flatnonzero(kinds == one)
        fold[chosen] = np.arange(len(chosen)) % n_folds
    return fold


def _score(areas: Floats) -> float:
    if len(areas) == 0:
        raise Undefined("there are too few different rows for folds with real and synthetic rows")
    return max(0.5, float(areas.mean()))


def _trees_area(x: Any, y: Any, asked: Any, labels: Any, *, seed: int) -> float:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    model = HistGradientBoostingClassifier(max_iter=100, max_bins=32, early_stopping=False, random_state=seed % 2**32)
    return float(roc_auc_score(labels, model.fit(x, y).decision_function(asked)))


def _linear_area(x: Any, y: Any, asked: Any, labels: Any) -> float:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=N_ITERATIONS))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # almost converged coefficients rank rows equally well
        return float(roc_auc_score(labels, model.fit(x, y).decision_function(asked)))
