"""Generator `condition-mean`: every row of a condition is the mean of the condition's training rows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tabgenbench import Card, ConditionCodes, FitContext, Generator, SampleContext, Table
from tabgenbench_plugins.generators.parts.by_condition import TrainingConditions

__all__ = ["ConditionMean"]


class ConditionMean(Generator):
    """Returns, for each requested row, the mean of the training rows of its condition.

    A categorical feature gets its most frequent category in the condition. Among equally frequent categories, the first
    by name is used. The mean of a numeric feature is computed without missing values. For a condition without training
    rows, the most similar condition with training rows is used.

    This control shows which scores a model can reach with correct condition means but without variation within
    conditions. Gamma (agreement of correlations) and the scores of log fold changes are good. All scores of variance
    are bad.
    """

    name = "condition-mean"
    card = Card(summary="The mean row of the condition, without noise.")
    is_control = True
    makes = ("numeric", "categorical")

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Compute the mean of each condition."""
        self._template = train.take([])
        self._conditions = TrainingConditions.of(train)
        self._means = self._conditions.means(train.dense(), train.present())
        self._codes = ConditionCodes.fit(train.categories)
        codes = self._codes.encode(train.categories)
        self._modes = np.zeros((len(self._means), codes.shape[1]), dtype=np.int64)
        for j, n_values in enumerate(self._codes.n_categories):
            self._modes[:, j] = self._conditions.category_counts(codes[:, j], n_values).argmax(axis=1)

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Return, for each requested row, the mean of the training rows of its condition."""
        asked = self._conditions.asked(conditions, context)
        single = [self._conditions.labels[k] for k in np.unique(asked) if self._conditions.counts[k] == 1]
        if single:
            context.note(f"the mean is that of a single training row: {'; '.join(single)}")
        categories = self._codes.decode(self._modes[asked]) if self._codes.columns else None
        return self._template.like(self._means[asked], conditions, categories)
