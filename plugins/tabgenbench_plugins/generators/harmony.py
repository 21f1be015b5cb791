"""Control `harmony`: principal components from which Harmony removed differences between batches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tabgenbench import Card, Schema, Table, Unsupported
from tabgenbench_plugins.generators.pca import PCA

__all__ = ["Harmony"]


class Harmony(PCA):
    """Embeds rows as `pca` does, then reduces differences between batches by Harmony (Korsunsky et al. 2019).

    Harmony computes its correction from training rows and test rows together, without their cell types. Harmony may
    therefore have an advantage over a trained model, which does not use the test rows.
    """

    name = "harmony"
    card = Card(
        summary="Principal components, corrected for the batch by Harmony on all rows that are embedded.",
        citation="Korsunsky et al., Nature Methods 16, 2019, doi 10.1038/s41592-019-0619-0",
        licence="GPL-3.0 (package harmonypy)",
        url="https://github.com/slowkow/harmonypy",
    )

    @classmethod
    def supports(cls, schema: Schema, n_rows: int, n_features: int) -> None:
        """Raise `Unsupported` if the table has no batch column."""
        if schema.batch is None:
            raise Unsupported("generator 'harmony' corrects for the batch; the dataset has no batch column (batch=...)")

    def embed(self, table: Table) -> dict[str, NDArray[np.float32]]:
        """Return the principal components of each row after Harmony's correction, shape (n_rows, components)."""
        from harmonypy import run_harmony

        found = super().embed(table)["latent"]
        batch = table.schema.batch
        assert batch is not None  # see `supports`
        meta = table.obs[[batch]].astype(str)
        if meta[batch].nunique() < 2:
            return {"latent": found}
        corrected = run_harmony(found.astype(np.float64), meta, [batch], verbose=False, random_state=0).Z_corr
        return {"latent": np.asarray(corrected.T, dtype=np.float32)}
