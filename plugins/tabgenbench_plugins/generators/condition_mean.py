"""The control without noise: the mean training row of the condition."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tabgenbench import Card, FitContext, Generator, SampleContext, Table
from tabgenbench_plugins.generators.parts.by_condition import TrainingConditions

__all__ = ["ConditionMean"]


class ConditionMean(Generator):
    """The mean of the condition's training rows, the same row each time.

    It shows what a score owes to differences between conditions alone: gamma and log-fold-changes look good, everything
    about spread fails. A condition with one training row gets that row; one without any gets the nearest known
    condition's mean.
    """

    name = "condition-mean"
    card = Card(summary="The mean row of the condition, without noise.")
    is_control = True

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Take the mean of each condition."""
        self._template = train.take([])
        self._conditions = TrainingConditions.of(train)
        self._means = self._conditions.means(train.dense())

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Return the mean of each row's condition."""
        asked = self._conditions.asked(conditions, context)
        single = [self._conditions.labels[k] for k in np.unique(asked) if self._conditions.counts[k] == 1]
        if single:
            context.note(f"the mean is that of a single training row: {'; '.join(single)}")
        return self._template.like(self._means[asked], conditions)
