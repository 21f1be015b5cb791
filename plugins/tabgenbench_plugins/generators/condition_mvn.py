"""Control `condition-mvn`: Gaussian rows with the condition's mean and one covariance for all conditions."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import Card, FitContext, Generator, Options, SampleContext, Schema, Table
from tabgenbench_plugins.generators.parts.by_condition import TrainingConditions
from tabgenbench_plugins.generators.parts.covariance import ShrunkCovariance
from tabgenbench_plugins.generators.parts.latent import LatentCategories, impute

__all__ = ["ConditionMVN"]

POOLED = -1  # key of the covariance that is pooled over conditions


class ConditionMVN(Generator):
    """Samples rows from a Gaussian with the condition's mean and the Ledoit-Wolf covariance of the training residuals.

    A useful deep model should score better than this control, which models only linear dependence. The sums of squares
    and products of the residuals are divided by the degrees of freedom (number of rows minus number of conditions), so
    that sampled rows have the variance of the training rows. A condition without training rows is replaced by the most
    similar condition that has training rows.

    A categorical feature is represented by latent Gaussian scores (see `parts.latent`), which share one covariance with
    the numeric features. Thresholds, which are computed from the frequencies of the categories in each condition, turn
    latent scores into categories. Statistics of a numeric feature are computed without missing values.
    """

    name = "condition-mvn"
    card = Card(
        summary="Condition mean plus Gaussian noise with the Ledoit-Wolf covariance of residuals.",
        citation="Ledoit & Wolf, J. Multivariate Analysis 88(2), 2004",
        url="https://doi.org/10.1016/S0047-259X(03)00096-4",
    )
    is_control = True
    makes = ("numeric", "categorical")

    class Config(Options):
        """Options of `ConditionMVN`."""

        covariance: Literal["pooled", "condition"] = Field(
            "pooled", description="one covariance for all conditions, or one for each condition that has enough rows"
        )
        min_rows: int = Field(
            10,
            ge=2,
            description="fewest training rows for a separate covariance; a condition with fewer uses the pooled one",
        )

    config: Config

    def estimate_memory(self, schema: Schema, n_rows: int, n_features: int) -> int | None:
        """Return the estimated peak memory of `fit` in bytes."""
        smaller = min(n_rows, n_features)
        n_categories = len(schema.categorical_features)
        latent = 160 * n_rows * n_categories  # 5 scores a column: two bounds each, and the copies of a feature
        return 4 * (4 * n_rows * n_features + smaller * min(smaller, 1024)) + latent

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Compute the mean and the category thresholds of each condition, and the covariance of the residuals."""
        self._template = train.take([])
        self._conditions = TrainingConditions.of(train)
        self._means = self._conditions.means(train.dense(), train.present())
        self._latent = LatentCategories.fit(train, self._conditions)
        counts = self._conditions.counts
        own = (counts >= self.config.min_rows) & (self.config.covariance == "condition")
        self._rare = ~own
        self._covariances: dict[int, ShrunkCovariance] = {}
        for k in np.flatnonzero(own).tolist():
            rows = self._conditions.rows(k)
            self._covariances[k] = self._covariance(train, rows, len(rows) - 1, context)
        if own.all():
            return
        repeated = np.flatnonzero(counts[self._conditions.group] > 1)
        if len(repeated):
            self._covariances[POOLED] = self._covariance(train, repeated, int((counts - 1).sum()), context)
        else:
            context.note("no condition has two training rows, so no spread can be learned and rows are means")

    def _covariance(
        self, train: Table, rows: NDArray[np.int64], degrees_of_freedom: int, context: FitContext
    ) -> ShrunkCovariance:
        group = self._conditions.group[rows]
        residuals = train.dense()[rows] - self._means[group]
        if not self._latent.n_scores:
            return ShrunkCovariance.fit(residuals, degrees_of_freedom)
        bounds = self._latent.bounds(train.categories.iloc[rows], group)
        hidden = list(range(train.n_features, train.n_features + self._latent.n_scores))
        for gap in train.schema.numeric_gaps():  # a present value is known; a missing value has no bounds
            column, is_gap = train.features.index(gap.column), train.is_gap(gap.column)[rows]
            hidden.insert(0, column)
            ends = (np.where(is_gap, end, residuals[:, column]) for end in (-np.inf, np.inf))
            bounds = tuple(np.column_stack(pair) for pair in zip(ends, bounds, strict=True))
        scores = np.zeros((len(rows), self._latent.n_scores), dtype=np.float32)
        return impute(np.hstack([residuals, scores]), hidden, bounds, degrees_of_freedom, context.numpy)

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Draw one random row for each requested condition."""
        asked = self._conditions.asked(conditions, context)
        if self.config.covariance == "condition":
            self._conditions.record_rare(asked, self._rare, rule="pooled covariance", context=context)
        values: NDArray[np.float32] = self._means[asked]
        scores = np.zeros((len(asked), self._latent.n_scores), dtype=np.float32)
        shared, n_features = self._rare[asked], values.shape[1]
        for k, rows in [(POOLED, shared), *((k, asked == k) for k in np.unique(asked[~shared]))]:
            if k in self._covariances and rows.any():
                drawn = self._covariances[k].draw(int(rows.sum()), context.numpy)
                values[rows] += drawn[:, :n_features]
                scores[rows] = drawn[:, n_features:] / np.sqrt(self._covariances[k].variances()[n_features:])
        categories = self._latent.decode(scores, asked) if self._latent.n_scores else None
        return self._template.like(values, conditions, categories)
