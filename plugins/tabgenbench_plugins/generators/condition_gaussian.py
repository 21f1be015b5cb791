"""Control `condition-gaussian`: independent Gaussian features around the mean of the condition."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import Card, FitContext, Generator, Options, SampleContext, Table
from tabgenbench_plugins.generators.parts.by_condition import TrainingConditions

__all__ = ["ConditionGaussian"]


class ConditionGaussian(Generator):
    """Draws every feature independently from a normal distribution with the mean and variance of the condition.

    Features are uncorrelated within a condition, so this control shows how well means and variances alone score.
    Variances are unbiased (divided by n - 1 in each condition). A condition with fewer than ``min_rows`` training rows
    keeps its own mean, even that of a single row, but uses the variance pooled over all conditions. A condition without
    training rows is replaced by the nearest known condition.
    """

    name = "condition-gaussian"
    card = Card(summary="Independent Gaussian features with the condition's mean and variance.")
    is_control = True

    class Config(Options):
        """Options of `ConditionGaussian`."""

        variance: Literal["condition", "pooled"] = Field(
            "condition", description="variance of each feature: separate for each condition, or pooled over all"
        )
        min_rows: int = Field(
            5,
            ge=2,
            description="fewest training rows for a separate variance; a condition with fewer uses the pooled one",
        )

    config: Config

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Compute mean and standard deviation of each condition."""
        values = train.dense()
        self._template = train.take([])
        self._conditions = TrainingConditions.of(train)
        self._means = self._conditions.means(values)
        self._sd = self._standard_deviations(values)
        if len(self._conditions.labels) == train.n_rows:
            context.note("no condition has two training rows, so no spread can be learned and rows are means")

    def _standard_deviations(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the standard deviation of each feature in each condition, shape (K, n_features)."""
        counts = self._conditions.counts
        squares = np.zeros((len(counts), values.shape[1]))
        for k in range(len(counts)):
            squares[k] = ((values[self._conditions.rows(k)] - self._means[k]) ** 2).sum(axis=0, dtype=np.float64)
        pooled = squares.sum(axis=0) / max(1, len(values) - len(counts))
        variance = squares / np.maximum(1, counts - 1)[:, None]
        variance[~self._has_own_variance] = pooled
        return np.sqrt(variance).astype(np.float32)

    @property
    def _has_own_variance(self) -> NDArray[np.bool_]:
        enough: NDArray[np.bool_] = self._conditions.counts >= self.config.min_rows
        return enough & (self.config.variance == "condition")

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Return one draw for the condition of each requested row."""
        asked = self._conditions.asked(conditions, context)
        if self.config.variance == "condition":
            rare = ~self._has_own_variance
            self._conditions.record_rare(asked, rare, rule="pooled variance", context=context)
        values = context.numpy.standard_normal((len(asked), self._template.n_features), dtype=np.float32)
        for k in np.unique(asked):
            rows = asked == k
            values[rows] = values[rows] * self._sd[k] + self._means[k]
        return self._template.like(values, conditions)
