"""Control `condition-mvn`: Gaussian rows with the mean of the condition and the covariance of the residuals."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import Card, FitContext, Generator, Options, SampleContext, Schema, Table
from tabgenbench_plugins.generators.parts.by_condition import TrainingConditions
from tabgenbench_plugins.generators.parts.covariance import ShrunkCovariance

__all__ = ["ConditionMVN"]

POOLED = -1  # key of the covariance that is pooled over conditions


class ConditionMVN(Generator):
    """The condition's mean plus Gaussian noise with the Ledoit-Wolf covariance of the residuals within conditions.

    This is a linear model without training, and a deep model should score better. Subtracting the means removes one
    degree of freedom for each condition. The covariance is divided by the remaining ones, so that draws have the spread
    of the data. A condition with one training row uses that row as its mean and adds nothing to the covariance. A
    condition without training rows is replaced by the nearest known condition.
    """

    name = "condition-mvn"
    card = Card(
        summary="Condition mean plus Gaussian noise with the Ledoit-Wolf covariance of residuals.",
        citation="Ledoit & Wolf, J. Multivariate Analysis 88(2), 2004",
        url="https://doi.org/10.1016/S0047-259X(03)00096-4",
    )
    is_control = True

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
        """Return the memory needed in bytes: rows, residuals, the factor, a copy of it, and the product."""
        smaller = min(n_rows, n_features)
        return 4 * (4 * n_rows * n_features + smaller * min(smaller, 1024))

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Compute the means and factor the covariance of the residuals."""
        values = train.dense()
        self._template = train.take([])
        self._conditions = TrainingConditions.of(train)
        self._means = self._conditions.means(values)
        counts = self._conditions.counts
        own = (counts >= self.config.min_rows) & (self.config.covariance == "condition")
        self._rare = ~own
        self._covariances: dict[int, ShrunkCovariance] = {}
        for k in np.flatnonzero(own).tolist():
            rows = self._conditions.rows(k)
            self._covariances[k] = ShrunkCovariance.fit(values[rows] - self._means[k], len(rows) - 1)
        if own.all():
            return
        repeated = counts[self._conditions.group] > 1
        if repeated.any():
            residuals = values[repeated] - self._means[self._conditions.group[repeated]]
            freedom = int((counts - 1).sum())
            self._covariances[POOLED] = ShrunkCovariance.fit(residuals, freedom)
        else:
            context.note("no condition has two training rows, so no spread can be learned and rows are means")

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Return one draw for the condition of each requested row."""
        asked = self._conditions.asked(conditions, context)
        if self.config.covariance == "condition":
            self._conditions.record_rare(asked, self._rare, rule="pooled covariance", context=context)
        values: NDArray[np.float32] = self._means[asked]
        shared = self._rare[asked]
        for k, rows in [(POOLED, shared), *((k, asked == k) for k in np.unique(asked[~shared]))]:
            if k in self._covariances and rows.any():
                values[rows] += self._covariances[k].draw(int(rows.sum()), context.numpy)
        return self._template.like(values, conditions)
