"""The control of real rows: training rows of the condition, handed out again."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pydantic import Field

from tabgenbench import Card, FitContext, Generator, Options, SampleContext, Table
from tabgenbench_plugins.generators.parts.by_condition import TrainingConditions, permuted_rows

__all__ = ["RealResample"]


class RealResample(Generator):
    """Training rows of the condition asked for, as they are.

    Its scores are what real rows reach against real rows; its rows are no new rows, which only membership and
    nearest-record scores show. A condition with fewer training rows than asked repeats them; one without any gets the
    rows of the nearest known condition.
    """

    name = "real-resample"
    card = Card(summary="Training rows of the condition, without replacement while they last.")
    is_control = True

    class Config(Options):
        """Options of `RealResample`."""

        replace: bool = Field(
            False,
            description="draw each row independently; false uses every training row of the condition once before any "
            "of them comes again",
        )

    config: Config

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Keep the training rows."""
        self._train = train
        self._conditions = TrainingConditions.of(train)

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Return a training row of each row's condition."""
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
        return self._train.like(self._train.X[chosen], conditions)
