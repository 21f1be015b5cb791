"""Generator `real-resample`: unchanged training rows of the requested condition."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pydantic import Field

from tabgenbench import Card, FitContext, Generator, Options, SampleContext, Table
from tabgenbench_plugins.generators.parts.by_condition import TrainingConditions, permuted_rows

__all__ = ["RealResample"]


class RealResample(Generator):
    """Returns training rows of the requested condition, unchanged.

    This control shows the scores of real rows. Only privacy scores (membership inference and nearest records) detect
    that the rows are copies. If more rows of a condition are requested than were in training, the training rows are
    repeated. A condition without training rows gets the rows of the most similar training condition.
    """

    name = "real-resample"
    card = Card(summary="Training rows of the condition, without replacement while they last.")
    is_control = True
    makes = ("numeric", "categorical")

    class Config(Options):
        """Options of `RealResample`."""

        replace: bool = Field(
            False,
            description="draw rows with replacement; false uses every training row of the condition once before any "
            "is used again",
        )

    config: Config

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Keep the training rows."""
        self._train = train
        self._conditions = TrainingConditions.of(train)

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Return a training row of the requested condition for each requested row."""
        chosen = np.empty(len(conditions), dtype=np.int64)
        repeated = []
        for k, places in self._conditions.each_asked(conditions, context):
            rows = self._conditions.rows(k)
            if self.config.replace:
                chosen[places] = context.numpy.choice(rows, size=len(places))
            else:
                chosen[places] = permuted_rows(rows, len(places), context.numpy)
                if len(places) > len(rows):
                    repeated.append(f"{self._conditions.labels[k]} ({len(rows)} for {len(places)})")
        if repeated:
            context.note(f"fewer training rows than asked, each used equally often: {'; '.join(repeated)}")
        categories = self._train.categories.iloc[chosen]
        return self._train.like(self._train.X[chosen], conditions, categories if categories.shape[1] else None)
