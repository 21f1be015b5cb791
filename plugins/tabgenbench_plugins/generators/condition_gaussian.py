"""Control `condition-gaussian` (a baseline): independent Gaussian features and categories within each condition."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import Card, ConditionCodes, FitContext, Generator, Options, SampleContext, Table
from tabgenbench_plugins.generators.parts.by_condition import TrainingConditions

__all__ = ["ConditionGaussian"]


class ConditionGaussian(Generator):
    """Draws numeric features independently from normal distributions with the means and variances of the condition.

    A category is drawn by its frequency in the condition. Mean and variance of a numeric feature are computed without
    missing values.

    This control shows which scores a model can reach with correct means and variances but without correlations within
    conditions. Variances are unbiased (divided by n - 1 in each condition). A condition with fewer than ``min_rows``
    training rows keeps its own mean, even if it has a single row, but uses the variance pooled over all conditions. A
    condition without training rows is replaced by the most similar condition that has training rows.
    """

    name = "condition-gaussian"
    card = Card(summary="Independent Gaussian features with the condition's mean and variance.")
    is_control = True
    makes = ("numeric", "categorical")

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
        """Compute means, standard deviations and frequencies of categories in each condition."""
        values, present = train.dense(), train.present()
        self._template = train.take([])
        self._conditions = TrainingConditions.of(train)
        self._means = self._conditions.means(values, present)
        self._sd = self._standard_deviations(values, present)
        self._codes = ConditionCodes.fit(train.categories)
        codes = self._codes.encode(train.categories)
        self._frequencies = []  # one array for each categorical feature, shape (K, n_values)
        for j, n_values in enumerate(self._codes.n_categories):
            counts = self._conditions.category_counts(codes[:, j], n_values)
            self._frequencies.append(counts / counts.sum(axis=1, keepdims=True))
        if len(self._conditions.labels) == train.n_rows:
            context.note("no condition has two training rows, so no spread can be learned and rows are means")

    def _standard_deviations(
        self, values: NDArray[np.float32], present: NDArray[np.bool_] | None
    ) -> NDArray[np.float32]:
        groups = [self._conditions.rows(k) for k in range(len(self._means))]
        squares = np.zeros(self._means.shape)
        for k, rows in enumerate(groups):
            errors = (values[rows] - self._means[k]) ** 2
            squares[k] = (errors if present is None else errors * present[rows]).sum(axis=0, dtype=np.float64)
        counts = self._conditions.counts[:, None]  # of present values, shape (K, 1 or n_features)
        if present is not None:
            counts = np.stack([present[rows].sum(axis=0) for rows in groups])
        freedom = np.maximum(0, counts - 1)
        pooled = squares.sum(axis=0) / np.maximum(1, freedom.sum(axis=0))
        variance = np.where(self._has_own_variance(counts), squares / np.maximum(1, freedom), pooled)
        return np.sqrt(variance).astype(np.float32)

    def _has_own_variance(self, counts: NDArray[np.int64]) -> NDArray[np.bool_]:
        enough: NDArray[np.bool_] = counts >= self.config.min_rows
        return enough & (self.config.variance == "condition")

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Draw one random row for each row of ``conditions``."""
        asked = self._conditions.asked(conditions, context)
        if self.config.variance == "condition":
            rare = ~self._has_own_variance(self._conditions.counts)
            self._conditions.record_rare(asked, rare, rule="pooled variance", context=context)
        values = context.numpy.standard_normal((len(asked), self._template.n_features), dtype=np.float32)
        for k in np.unique(asked):
            rows = asked == k
            values[rows] = values[rows] * self._sd[k] + self._means[k]
        return self._template.like(values, conditions, self._drawn_categories(asked, context))

    def _drawn_categories(self, asked: NDArray[np.int64], context: SampleContext) -> pd.DataFrame | None:
        if not self._frequencies:
            return None
        codes = np.empty((len(asked), len(self._frequencies)), dtype=np.int64)
        for k in np.unique(asked):
            rows = np.flatnonzero(asked == k)
            for j, frequencies in enumerate(self._frequencies):
                codes[rows, j] = context.numpy.choice(frequencies.shape[1], size=len(rows), p=frequencies[k])
        return self._codes.decode(codes)
