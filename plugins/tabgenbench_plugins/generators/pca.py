"""Control `pca` (a baseline): principal components of the training rows as an embedding."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import Card, EmbeddingModel, FitContext, Options, Table
from tabgenbench_plugins.generators.parts.gene_components import GeneComponents

__all__ = ["PCA"]


class PCA(EmbeddingModel):
    """Embeds rows by the principal components of the training rows.

    Components are computed on the evaluation scale, on which metrics compare rows. For counts of cells, this scale is
    standardised log1p(counts per 10,000), and the column of library sizes is not used. This control does not remove
    differences between batches. A method that integrates batches should remove these differences.
    """

    name = "pca"
    is_control = True
    card = Card(summary="Principal components of the training rows as an embedding, without removal of batch effects.")

    class Config(Options):
        """Options of `PCA`."""

        components: int = Field(30, ge=1, description="number of principal components")

    config: Config

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Compute the components of the training rows."""
        self._components = GeneComponents.fit(train, self.config.components, seed=context.seed)

    def embed(self, table: Table) -> dict[str, NDArray[np.float32]]:
        """Return the principal components of each row, shape (n_rows, components)."""
        return {"latent": self._components.of(table)}
