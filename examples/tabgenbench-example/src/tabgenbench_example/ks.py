"""The mean Kolmogorov-Smirnov distance between the synthetic and the real distribution of each feature."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import Evaluation, Metric, MetricContext, Options, Result, ScoreSpec

__all__ = ["MeanKS", "ks_distances"]


class MeanKS(Metric):
    """Mean over features of the largest difference between the empirical distribution functions of both tables.

    It is 0 if every feature has exactly the distribution of the test rows, and 1 if the ranges of the two tables are
    disjoint in every feature. For real rows against real rows it is above 0 and decreases with the number of rows.
    Increasing transformations of a feature, such as a change of scale, do not affect it.
    """

    name = "example-ks"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="example-ks",
            direction="lower",
            low=0.0,
            high=1.0,
            description="mean over features of the Kolmogorov-Smirnov distance of synthetic and real test values",
            blind_to="How features belong together and to the conditions: independently permuted features score well",
            floor="condition-mean",
            citation="Kolmogorov (1933), Smirnov (1939)",
        ),
    )

    class Config(Options):
        """Options of `MeanKS`."""

        per_feature: bool = Field(False, description="keep the distance of every feature as an artifact")

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one draw; with option ``per_feature``, the artifact ``features`` contains all distances."""
        if evaluation.synthetic.n_rows == 0 or evaluation.test.n_rows == 0:
            return Result({}, undefined={"example-ks": "no rows to compare"})
        distances = ks_distances(evaluation.test.dense(), evaluation.synthetic.dense())
        artifacts: dict[str, pd.DataFrame] = {}
        if self.config.per_feature:
            artifacts["features"] = pd.DataFrame({"feature": evaluation.test.features, "distance": distances})
        return Result({"example-ks": float(distances.mean())}, artifacts=artifacts)


def ks_distances(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the two-sample Kolmogorov-Smirnov distance of every feature, shape (n_features,).

    Args:
        a: values, shape (n, n_features).
        b: values of the same features, shape (m, n_features).
    """
    distances = np.empty(a.shape[1])
    for j in range(a.shape[1]):
        left, right = np.sort(a[:, j]), np.sort(b[:, j])
        values = np.concatenate([left, right])
        below_left = np.searchsorted(left, values, side="right") / len(left)
        below_right = np.searchsorted(right, values, side="right") / len(right)
        distances[j] = np.abs(below_left - below_right).max()
    return distances
