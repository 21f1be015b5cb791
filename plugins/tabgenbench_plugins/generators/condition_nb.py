"""Control `condition-nb` (a baseline): independent negative binomial counts of each gene within a condition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse

from tabgenbench import Card, FitContext, Generator, Options, SampleContext, Schema, Table, Unsupported
from tabgenbench_plugins.generators.parts.by_condition import TrainingConditions

__all__ = ["ConditionNB"]

BLOCK_VALUES = 1 << 21  # counts drawn together; bounds the memory of a large table
LEAST, MOST = 1e-6, 1e3  # limits of the dispersion; below the lower limit, counts are Poisson

Floats = NDArray[np.float64]


class ConditionNB(Generator):
    """Samples the count of each gene independently from the gene's negative binomial distribution in the condition.

    The count of gene g in a cell with library size L and condition k has mean L f_kg and variance L f_kg + a_kg (L
    f_kg)^2. The parameters f_kg and a_kg are estimated by moments: f_kg is the gene's share of all counts of the
    condition, and a_kg makes the expected sum of (count - L f_kg)^2 equal to the observed sum. An estimate of a_kg
    below `LEAST` is replaced by 0, which gives a Poisson distribution. Each sampled cell gets the library size of a
    random training cell of the condition.

    In conditions with fewer than ``min_rows`` training cells, a_kg is estimated from the cells of all conditions. A
    condition without training cells is replaced by the most similar condition that has training cells. Because this
    control samples genes independently, a model that learns dependences between genes should score better.
    """

    name = "condition-nb"
    card = Card(summary="Negative binomial counts of each gene within the condition, with library sizes of cells.")
    scale = "own"
    is_control = True

    class Config(Options):
        """Options of `ConditionNB`."""

        min_rows: int = Field(
            10, ge=2, description="fewest training cells for separate dispersions; with fewer, they are pooled"
        )

    config: Config

    @classmethod
    def supports(cls, schema: Schema, n_rows: int, n_features: int) -> None:
        """Raise `Unsupported` unless the table contains gene counts of biological cells."""
        if not schema.per_10k:
            raise Unsupported("condition-nb makes counts; the table is not one of counts with per_10k = true")

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Estimate the parameters of each gene and condition from sums over the non-zero counts."""
        self._template = train.take([])
        self._conditions = TrainingConditions.of(train)
        counts = sparse.csr_matrix(train.X)
        self._libraries = _sums(counts, axis=1)
        n_conditions = len(self._conditions.labels)
        self._shares, excess, scale = (np.zeros((n_conditions, train.n_features)) for _ in range(3))
        for k in range(n_conditions):
            rows = self._conditions.rows(k)
            self._shares[k], excess[k], scale[k] = _moments(counts[rows], self._libraries[rows])
        self._rare = self._conditions.counts < self.config.min_rows
        self._dispersion = _ratio(excess, scale)
        self._dispersion[self._rare] = _ratio(excess.sum(axis=0), scale.sum(axis=0))

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Sample counts for each requested condition, as a CSR matrix."""
        asked, rng = self._conditions.asked(conditions, context), context.numpy
        self._conditions.record_rare(asked, self._rare, rule="pooled dispersion", context=context)
        library = np.zeros(len(asked))
        for k in np.unique(asked):
            places = np.flatnonzero(asked == k)
            library[places] = rng.choice(self._libraries[self._conditions.rows(k)], size=len(places))
        step = max(1, BLOCK_VALUES // max(1, self._template.n_features))
        starts = range(0, len(asked), step)
        blocks = [self._draw(asked[at : at + step], library[at : at + step], rng) for at in starts]
        empty = sparse.csr_matrix((0, self._template.n_features), dtype=np.float32)
        return self._template.like(sparse.vstack([empty, *blocks], format="csr"), conditions)

    def _draw(self, asked: NDArray[np.int64], library: Floats, rng: np.random.Generator) -> Any:
        rate = self._shares[asked] * library[:, None]
        dispersion = self._dispersion[asked]
        varies = dispersion > 0
        spread = dispersion[varies]
        rate[varies] *= rng.gamma(1.0 / spread) * spread
        return sparse.csr_matrix(rng.poisson(rate), dtype=np.float32)


def _moments(counts: Any, library: Floats) -> tuple[Floats, Floats, Floats]:
    """Return each gene's share f of all counts, and two sums over cells. The ratio of the sums is the dispersion.

    The terms of the sums are (count - L f)^2 - L f and (L f)^2, where L is the library size.
    """
    total = _sums(counts, axis=0)
    share = total / max(library.sum(), 1.0)
    squares = _sums(counts.multiply(counts), axis=0)
    cross = np.asarray(counts.T @ library, dtype=np.float64)
    scale = share**2 * (library**2).sum()
    return share, squares - 2.0 * share * cross + scale - share * library.sum(), scale


def _ratio(excess: Floats, scale: Floats) -> Floats:
    """Return the dispersion of each gene; 0 if the counts of a gene vary no more than Poisson counts."""
    ratio = np.divide(excess, scale, out=np.zeros_like(excess), where=scale > 0)
    return np.where(ratio < LEAST, 0.0, np.minimum(ratio, MOST))


def _sums(values: Any, *, axis: int) -> Floats:
    return np.asarray(values.sum(axis=axis, dtype=np.float64), dtype=np.float64).reshape(-1)
