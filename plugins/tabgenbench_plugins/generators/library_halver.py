"""Planted failure `library-halver`: biological cells with about half of their counts."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from tabgenbench import Card, SampleContext, Schema, Table, Unsupported
from tabgenbench_plugins.generators.real_resample import RealResample

__all__ = ["LibraryHalver"]


class LibraryHalver(RealResample):
    """Returns training rows of the requested condition, and keeps each counted molecule with probability 0.5.

    The expected share of each gene in the counts of a row does not change. Library sizes are halved and zeros become
    more frequent, which the metric `count-realism` must detect.
    """

    name = "library-halver"
    scale = "own"
    card = Card(summary="Planted failure of counts: training cells with half of their molecules.")

    @classmethod
    def supports(cls, schema: Schema, n_rows: int, n_features: int) -> None:
        """Raise `Unsupported` unless the table contains counts of biological cells."""
        if not schema.per_10k:
            raise Unsupported(
                "library-halver halves counts of cells; the table is not one of counts with per_10k = true"
            )

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Return training rows after the random removal of molecules, as a table with a CSR matrix."""
        drawn = super().sample(conditions, context)
        counts = sparse.csr_matrix(drawn.X)
        rng = np.random.default_rng([context.seed, 1])
        kept = rng.binomial(np.rint(counts.data).astype(np.int64), 0.5).astype(np.float32)
        thinned = sparse.csr_matrix((kept, counts.indices, counts.indptr), shape=counts.shape)
        thinned.eliminate_zeros()
        return drawn.like(thinned, conditions)
