"""Control `smote`: interpolates between a training row and a near neighbour in the same condition."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import Card, FitContext, Generator, Options, SampleContext, Table
from tabgenbench_plugins.generators.parts.by_condition import TrainingConditions, permuted_rows

__all__ = ["SMOTE"]


class SMOTE(Generator):
    """Interpolates between a training row and one of the row's k nearest neighbours in the same condition.

    The numeric features of a row are x = a + u (b - a), with a training row a, a neighbour b, and u uniform between 0
    and 1. A category is the most frequent category among the neighbours of a, as in SMOTE-NC; in a tie, the category of
    the nearest neighbour is chosen. Distances are Euclidean: numeric differences are in standard deviations of the
    training rows, and different categories have distance 1. A feature that is missing in a is missing in x. A feature
    that is missing only in b has the same value in x and a.

    If a condition has a single training row, this row is returned. A condition without training rows is replaced by the
    most similar training condition.
    """

    name = "smote"
    card = Card(
        summary="Interpolation between a training row and one of its nearest neighbours of the same condition.",
        citation="Chawla et al., SMOTE: synthetic minority over-sampling technique, JAIR 16, 2002",
        url="https://doi.org/10.1613/jair.953",
    )
    is_control = True
    makes = ("numeric", "categorical")

    class Config(Options):
        """Options of `SMOTE`."""

        n_neighbors: int = Field(5, ge=1, description="number of neighbours of the same condition to choose from")

    config: Config

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Find the nearest neighbours of every training row among the training rows of the same condition."""
        self._train = train
        self._conditions = TrainingConditions.of(train)
        self._codes = np.empty((train.n_rows, train.categories.shape[1]), dtype=np.int64)
        self._categories: list[NDArray[np.object_]] = []
        for j, name in enumerate(train.categories):
            codes, values = pd.factorize(train.categories[name].astype(str), sort=True)
            self._codes[:, j] = codes
            self._categories.append(np.asarray(values, dtype=object))
        self._neighbours = np.empty((train.n_rows, self.config.n_neighbors), dtype=np.int64)
        for k in range(len(self._conditions.labels)):
            rows = self._conditions.rows(k)
            self._neighbours[rows] = rows[self._nearest(rows)]

    def _nearest(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return indices into ``rows``: the neighbours of each row, nearest first, shape (n_rows, n_neighbors).

        If a row has fewer than n_neighbors neighbours, its neighbours are repeated in turn.
        """
        from sklearn.neighbors import NearestNeighbors

        n_rows, k = len(rows), self.config.n_neighbors
        if n_rows == 1:
            return np.zeros((1, k), dtype=np.int64)
        points = [self._train.dense()[rows]]
        for j, values in enumerate(self._categories):
            indicators = self._codes[rows, j, None] == np.arange(len(values))
            points.append(indicators.astype(np.float32) / np.float32(np.sqrt(2)))
        n_others = min(k, n_rows - 1)
        found = NearestNeighbors(n_neighbors=n_others).fit(np.hstack(points)).kneighbors(return_distance=False)
        return np.asarray(found[:, np.arange(k) % n_others], dtype=np.int64)

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Return interpolated rows; each training row of a condition starts once before any starts again."""
        rng = context.numpy
        base = np.empty(len(conditions), dtype=np.int64)
        for k, places in self._conditions.each_asked(conditions, context):
            base[places] = permuted_rows(self._conditions.rows(k), len(places), rng)
        other = self._neighbours[base, rng.integers(0, self.config.n_neighbors, len(base))]
        step = rng.random((len(base), 1), dtype=np.float32)
        values = self._train.dense()[base]
        difference = self._train.dense()[other] - values
        if (present := self._train.present()) is not None:
            difference[~(present[base] & present[other])] = 0.0
        return self._train.like(values + step * difference, conditions, self._decoded(base))

    def _decoded(self, base: NDArray[np.int64]) -> pd.DataFrame | None:
        if not self._categories:
            return None
        marks = {gap.shown_by for gap in self._train.schema.numeric_gaps()}
        columns = {}
        for j, name in enumerate(self._train.categories):
            codes = self._codes[base, j]
            if name not in marks:
                votes = self._codes[self._neighbours[base], j]
                counts = (votes[:, :, None] == votes[:, None, :]).sum(axis=2)
                codes = votes[np.arange(len(base)), np.argmax(counts, axis=1)]  # the first is the nearest
            columns[name] = self._categories[j][codes]
        return pd.DataFrame(columns)
