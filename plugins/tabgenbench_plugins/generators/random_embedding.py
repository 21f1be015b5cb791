"""Control `random` (a baseline): random noise as an embedding."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import Card, EmbeddingModel, FitContext, Options, Table

__all__ = ["RandomEmbedding"]


class RandomEmbedding(EmbeddingModel):
    """Embeds each row as Gaussian noise that does not depend on the row.

    Noise mixes batches perfectly, so this control has good scores of batch removal although noise contains no
    biological information. Its scores of biological information are those that an embedding without such information
    gets by chance.
    """

    name = "random"
    is_control = True
    card = Card(summary="Gaussian noise as an embedding: perfectly mixed batches, no biology.")

    class Config(Options):
        """Options of `RandomEmbedding`."""

        dimensions: int = Field(10, ge=1, description="number of dimensions")

    config: Config

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Keep the seed."""
        self._seed = context.seed

    def embed(self, table: Table) -> dict[str, NDArray[np.float32]]:
        """Return noise, shape (n_rows, dimensions)."""
        noise = np.random.default_rng(self._seed).standard_normal((table.n_rows, self.config.dimensions))
        return {"latent": noise.astype(np.float32)}
