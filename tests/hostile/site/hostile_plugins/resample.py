"""Base class of the hostile generators, with valid behaviour."""

from __future__ import annotations

import pandas as pd

from tabgenbench import Card, FitContext, Generator, SampleContext, Table


class Resample(Generator):
    """Random training rows."""

    card = Card("for tests of the runner")

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        self.train = train

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        rows = context.numpy.integers(0, self.train.n_rows, len(conditions))
        return self.train.like(self.train.dense()[rows], conditions)
