"""Control `batch-leaker`: an embedding with a known fault: additional dimensions that show the batch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import Card, Options, Schema, Table, Unsupported
from tabgenbench_plugins.generators.pca import PCA

__all__ = ["BatchLeaker"]


class BatchLeaker(PCA):
    """Embeds rows by principal components (as the control `pca`) and one additional dimension for each batch.

    In the dimension of its own batch, a row has the value ``strength`` times the standard deviation of the first
    principal component. In the dimensions of other batches, the value is 0. Every score of batch removal must be worse
    for this control than for `pca`.
    """

    name = "batch-leaker"
    card = Card(summary="Planted failure of integration: principal components, and the batch as further dimensions.")

    class Config(Options):
        """Options of `BatchLeaker`."""

        components: int = Field(30, ge=1, description="number of principal components")
        strength: float = Field(
            2.0, gt=0, description="size of the batch, in standard deviations of the first component"
        )

    config: Config  # type: ignore[assignment]

    @classmethod
    def supports(cls, schema: Schema, n_rows: int, n_features: int) -> None:
        """Raise `Unsupported` if the table has no batch column."""
        if schema.batch is None:
            raise Unsupported("generator 'batch-leaker' embeds the batch; the dataset has no batch column (batch=...)")

    def embed(self, table: Table) -> dict[str, NDArray[np.float32]]:
        """Return principal components, and one dimension for each batch, shape (n_rows, components + n_batches)."""
        found, batch = super().embed(table)["latent"], table.schema.batch
        assert batch is not None  # see `supports`
        names, codes = np.unique(table.obs[batch].astype(str), return_inverse=True)
        size = self.config.strength * found[:, 0].std()
        leaked = size * np.eye(len(names), dtype=np.float32)[codes]
        return {"latent": np.hstack([found, leaked]).astype(np.float32)}
