"""Distances between real and synthetic distributions of single columns, numeric and categorical."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import Artifacts, Evaluation, Metric, MetricContext, MetricFigure, Options, Result, ScoreSpec
from tabgenbench_plugins.correlation import Undefined
from tabgenbench_plugins.metrics.parts.categories import generated_columns, joint_codes, total_variation
from tabgenbench_plugins.metrics.parts.pooled import SIDES, finite_values, present_cells
from tabgenbench_plugins.metrics.parts.results import collect, undefined_result

__all__ = ["Columns", "distribution_distances"]

NUMERIC, CATEGORICAL = "numeric", "categorical"
BLIND_TO = "Dependence between columns and on conditions: independently permuted columns score as well as real rows"


class Columns(Metric):
    """Distance between the real and the synthetic distribution of a column, averaged over columns.

    - ``ks-distance``: Kolmogorov-Smirnov distance of a numeric feature, the largest difference between the real and
      the synthetic distribution function
    - ``wasserstein``: Wasserstein-1 distance of a numeric feature on the evaluation scale, the area between the real
      and the synthetic distribution function
    - ``category-distance``: total variation distance of a categorical feature, half the sum of the absolute
      differences between the shares of its categories

    Numeric features are compared without missing values. A numeric feature without values in the real test rows is
    excluded. A numeric feature without values in the synthetic rows is compared as if all its synthetic values were the
    median of the training rows. A missing value of a categorical feature counts as a category.
    """

    name: ClassVar[str] = "columns"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="ks-distance",
            question="fidelity",
            direction="lower",
            low=0.0,
            high=1.0,
            headline=True,
            description="mean over numeric features of the Kolmogorov-Smirnov distance of synthetic and real test rows",
            blind_to=f"{BLIND_TO}. Also how far apart values are: a small shift of a narrow peak counts as 1",
            floor="condition-mean",
            detects=("mean-shifter", "rounder"),
            misses=("copier", "correlation-breaker", "label-swapper"),
        ),
        ScoreSpec(
            name="wasserstein",
            question="fidelity",
            direction="lower",
            low=0.0,
            unit="train sd",
            description="mean over numeric features of the Wasserstein-1 distance of synthetic and real test rows",
            blind_to=f"{BLIND_TO}. Heavy tails dominate it",
            floor="condition-mean",
            detects=("mean-shifter", "rounder"),
            misses=("copier", "correlation-breaker", "label-swapper"),
        ),
        ScoreSpec(
            name="category-distance",
            question="fidelity",
            direction="lower",
            low=0.0,
            high=1.0,
            headline=True,
            description=(
                "mean over categorical features of the total variation distance of synthetic and real test rows"
            ),
            blind_to=f"{BLIND_TO}. Rare categories: losing one that has a share of 1 % costs .01",
            floor="condition-mean",
            detects=("category-collapser",),
            misses=("copier", "correlation-breaker", "label-swapper"),
        ),
    )

    class Config(Options):
        """Options of `Columns`."""

        figure_columns: int = Field(
            1000, ge=1, description="largest number of columns of a table whose distances are stored for a figure"
        )

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table.

        The artifact (stored table) ``columns`` contains, for each column, the distances and the numbers of real and
        synthetic values that are not missing.
        """
        try:
            found, notes = _distances(evaluation)
        except Undefined as reason:
            return undefined_result(self.scores, reason)
        numeric, categorical = (found[found["kind"] == kind] for kind in (NUMERIC, CATEGORICAL))
        no_numeric = "the table has no numeric feature with a value in the real test rows"
        scores, undefined = collect(
            {
                "ks-distance": lambda: _mean(numeric["distance"], no_numeric),
                "wasserstein": lambda: _mean(numeric["wasserstein"], no_numeric),
                "category-distance": lambda: _mean(categorical["distance"], "the table has no categorical feature"),
            }
        )
        stored = len(found) <= self.config.figure_columns
        artifact = found.round({"distance": 6, "wasserstein": 6})
        return Result(scores, undefined, {"columns": artifact} if stored else {}, notes)

    @classmethod
    def figures(cls, artifacts: Artifacts) -> Iterable[MetricFigure]:
        """Return a heat map of the distances, by column and generator."""
        # Imported by name, so that changes of the drawing code do not change the cache key of the scores.
        module = import_module(f"{__package__}.parts.columns_figure")
        figures: Iterable[MetricFigure] = module.columns_figures(artifacts)
        return figures


def distribution_distances(a: NDArray[np.floating], b: NDArray[np.floating]) -> tuple[float, float]:
    """Return the Kolmogorov-Smirnov distance and the Wasserstein-1 distance of two samples that are not empty."""
    a, b = np.sort(a), np.sort(b)
    pooled = np.sort(np.concatenate([a, b]), kind="stable")  # merges the two sorted halves
    difference = np.searchsorted(a, pooled, side="right") / len(a)
    difference -= np.searchsorted(b, pooled, side="right") / len(b)
    np.abs(difference, out=difference)
    steps = np.diff(pooled.astype(np.float64))
    return float(difference.max()), float(difference[:-1] @ steps)


def _distances(evaluation: Evaluation) -> tuple[pd.DataFrame, tuple[str, ...]]:
    test, synthetic = evaluation.test, evaluation.synthetic
    for side, words in SIDES.items():
        if evaluation.side(side).n_rows == 0:
            raise Undefined(f"there are no {words} rows")
    rows: list[tuple[str, str, float, float, int, int]] = []
    empty = 0
    if test.n_features:
        real_values, made_values = (finite_values(evaluation, side) for side in SIDES)
        real_present, made_present = (present_cells(evaluation, side) for side in SIDES)
        for j, name in enumerate(test.features):
            real = _present(real_values[:, j], real_present, j)
            made = _present(made_values[:, j], made_present, j)
            if not len(real):
                empty += 1
                continue
            compared = made if len(made) else made_values[:1, j]  # missing entries are training medians
            rows.append((name, NUMERIC, *distribution_distances(real, compared), len(real), len(made)))
    for name in generated_columns(test):
        a, b = joint_codes(test.obs[name], synthetic.obs[name])
        rows.append((name, CATEGORICAL, total_variation(a, b), np.nan, len(a), len(b)))
    names = ["column", "kind", "distance", "wasserstein", "test_values", "synthetic_values"]
    notes = (f"{empty} numeric features have no value in the real test rows and are excluded",) if empty else ()
    return pd.DataFrame(rows, columns=names), notes


def _present(values: NDArray[np.float32], present: NDArray[np.bool_] | None, column: int) -> NDArray[np.float32]:
    return values if present is None else values[present[:, column]]


def _mean(values: pd.Series, reason: str) -> float:
    if values.empty:
        raise Undefined(reason)
    return float(values.mean())
