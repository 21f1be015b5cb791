"""Base class of planted failures: controls that return training rows with one known fault, to test metrics."""

from __future__ import annotations

import zlib

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench import FitContext, Generator, SampleContext, Table
from tabgenbench_plugins.generators.parts.by_condition import TrainingConditions, permuted_rows

__all__ = ["Planted"]


class Planted(Generator):
    """Returns training rows of the requested condition with one fault.

    Apart from the fault, this class works like the generator `real-resample`, which returns unchanged training rows. A
    row is used again only after all other rows of its condition. A subclass overrides one or more methods to add its
    fault. The random numbers depend on the name of the failure, so different failures return different rows.
    """

    is_control = True
    makes = ("numeric", "categorical")

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Store the training rows, and choose the random parts of the fault."""
        self._train = train
        self._conditions = TrainingConditions.of(train)
        self._salt = zlib.crc32("\n".join([self.name, *map(str, train.obs.index)]).encode())
        self.choose_fault(train, np.random.default_rng([context.seed, self._salt]))

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Return, for each requested row, a training row with the fault."""
        rng = np.random.default_rng([context.seed, self._salt])
        asked = self.choose_conditions(self._conditions.asked(conditions, context), rng)
        chosen = np.empty(len(asked), dtype=np.int64)
        for k in np.unique(asked):
            places = np.flatnonzero(asked == k)
            chosen[places] = permuted_rows(self.rows_of(int(k)), len(places), rng)
        values, categories = self._train.dense()[chosen], self._train.categories.iloc[chosen]
        values, categories = self.change_rows(values, categories, asked, rng)
        return self._train.like(values, conditions, categories if categories.shape[1] else None)

    def choose_fault(self, train: Table, rng: np.random.Generator) -> None:
        """Choose the random parts of the fault, such as the columns to change; `fit` calls this method."""

    def choose_conditions(self, asked: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Return, for each requested condition in ``asked``, the training condition from which a row is taken."""
        return asked

    def rows_of(self, condition: int) -> NDArray[np.int64]:
        """Return the positions of the training rows, at least one, that may be sampled for a condition."""
        return self._conditions.rows(condition)

    def change_rows(
        self, values: NDArray[np.float32], categories: pd.DataFrame, asked: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], pd.DataFrame]:
        """Return the numeric and categorical features of training rows after the fault is added.

        Args:
            values: a copy of the numeric features, shape (n_asked, n_features).
            categories: the categorical features, shape (n_asked, n_categorical_features).
            asked: the training condition of each row, shape (n_asked,).
            rng: source of random choices.
        """
        return values, categories
