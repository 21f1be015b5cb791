"""Principal components of standardised genes, for the embedding `pca`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tabgenbench import Table

__all__ = ["GeneComponents"]

LIBRARY = "log library size"


@dataclass(frozen=True, eq=False)
class GeneComponents:
    """Principal components: centre, shape (n_features,), and axes, shape (n_features, n_components)."""

    centre: NDArray[np.float32]
    axes: NDArray[np.float32]

    @classmethod
    def fit(cls, train: Table, n_components: int, *, seed: int) -> GeneComponents:
        """Return the principal components of the training rows."""
        from sklearn.decomposition import PCA

        values = _genes(train)
        n = min(n_components, len(values) - 1, values.shape[1])
        if n < 1:
            return cls(np.zeros(values.shape[1], dtype=np.float32), np.zeros((values.shape[1], 0), dtype=np.float32))
        found = PCA(n, svd_solver="randomized", random_state=seed % 2**32).fit(values)
        return cls(found.mean_.astype(np.float32), found.components_.T.astype(np.float32))

    def of(self, table: Table) -> NDArray[np.float32]:
        """Return the principal components of each row, shape (n_rows, n_components)."""
        return np.asarray((_genes(table) - self.centre) @ self.axes, dtype=np.float32)


def _genes(table: Table) -> NDArray[np.float32]:
    values = table.dense()
    return values[:, :-1] if table.schema.per_10k and table.features[-1] == LIBRARY else values
