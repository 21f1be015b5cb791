"""The control without structure: every feature permuted over the training rows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tabgenbench import Card, FitContext, Generator, SampleContext, Table

__all__ = ["Shuffled"]

BLOCK = 256  # features permuted together: bounds the memory beside the result


class Shuffled(Generator):
    """Every feature's training values in an order of their own.

    Each feature keeps its distribution; what ties features to each other and to the condition is gone. It is the floor
    of every score of dependence. The condition is not looked at, so a rare or unseen one needs no rule. Where more rows
    are asked than training has, each value comes again only after all have come.
    """

    name = "shuffled"
    card = Card(summary="Each feature permuted independently over all training rows.")
    is_control = True

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Keep the training rows."""
        self._train = train

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Return rows whose features were permuted independently."""
        train, n = self._train.dense(), len(conditions)
        values = np.empty((n, train.shape[1]), dtype=np.float32)
        for first in range(0, train.shape[1], BLOCK):
            block = np.ascontiguousarray(train[:, first : first + BLOCK].T)  # permuting along rows of memory is fast
            for start in range(0, n, len(train)):
                rows = values[start : start + len(train), first : first + BLOCK]
                rows[:] = context.numpy.permuted(block, axis=1)[:, : len(rows)].T
        if n > len(train):
            context.note(f"{n} rows asked of {len(train)} training rows: each value is used equally often")
        return self._train.like(values, conditions)
