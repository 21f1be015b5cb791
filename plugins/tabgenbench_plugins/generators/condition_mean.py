"""Control `condition-mean`: the mean training row of the condition, without noise."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tabgenbench import Card, FitContext, Generator, SampleContext, Table
from tabgenbench_plugins.generators.parts.by_condition import TrainingConditions

__all__ = ["ConditionMean"]


class ConditionMean(Generator):
    """Returns the mean of the condition's training rows, the same row each time.

    This control shows how well the differences between conditions alone score: gamma and log fold changes look good,
    and every score of spread is bad. A condition with one training row returns that row. A condition without training
    rows returns the mean of the nearest known condition.
    """

    name = "condition-mean"
    card = Card(summary="The mean row of the condition, without noise.")
    is_control = True

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Compute the mean of each condition."""
        self._template = train.take([])
        self._conditions = TrainingConditions.of(train)
        self._means = self._conditions.means(train.dense())

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Return the mean of the condition of each requested row."""
        asked = self._conditions.asked(conditions, context)
        single = [self._conditions.labels[k] for k in np.unique(asked) if self._conditions.counts[k] == 1]
        if single:
            context.note(f"the mean is that of a single training row: {'; '.join(single)}")
        return self._template.like(self._means[asked], conditions)
