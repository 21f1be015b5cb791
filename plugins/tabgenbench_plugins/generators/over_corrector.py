"""Planted failure `over-corrector`: an embedding from which differences between conditions are removed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import Card, FitContext, Options, Schema, Table, Unsupported
from tabgenbench_plugins.generators.pca import PCA

__all__ = ["OverCorrector"]


class OverCorrector(PCA):
    """Embeds rows as the control `pca` does, and removes the mean effects of one condition column (option ``column``).

    The training rows are grouped by the values of the other condition columns. In each group, the effect of a value of
    ``column`` is the mean of the group's rows with this value minus the mean of the group, in principal components.
    `embed` removes the directions of all effects by an orthogonal projection. Scores that compare only cell types and
    batches cannot detect this fault.
    """

    name = "over-corrector"
    card = Card(summary="Planted failure of integration: principal components in which the conditions are merged.")

    class Config(Options):
        """Options of `OverCorrector`."""

        components: int = Field(30, ge=1, description="number of principal components")
        column: str = Field(
            "", description="condition column that is merged; empty: the column named condition, else the last"
        )

    config: Config  # type: ignore[assignment]

    @classmethod
    def supports(cls, schema: Schema, n_rows: int, n_features: int) -> None:
        """Raise `Unsupported` if the table has no condition column."""
        if not schema.conditions:
            raise Unsupported("generator 'over-corrector' merges a condition; the dataset has no condition column")

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Compute the principal components and the directions that `embed` removes.

        Raises:
            Unsupported: the option ``column`` names a column that is not a condition column.
        """
        super().fit(train, validation, context)
        names = list(train.schema.conditions)
        column = self.config.column or ("condition" if "condition" in names else names[-1])
        if column not in names:
            raise Unsupported(f"option 'column': {column!r} is no condition column, expected one of {', '.join(names)}")
        places = super().embed(train)["latent"].astype(np.float64)
        values = train.conditions[column].astype(str).to_numpy()
        others = train.conditions.drop(columns=column).astype(str).agg("\t".join, axis=1).to_numpy(dtype=str)
        shifts = [
            places[rows & (values == value)].mean(axis=0) - places[rows].mean(axis=0)
            for rows in (others == other for other in np.unique(others))
            for value in np.unique(values[rows])
        ]
        _, sizes, axes = np.linalg.svd(np.array(shifts), full_matrices=False)
        self._removed = axes[sizes > 1e-6 * max(sizes[0], 1e-300)].T

    def embed(self, table: Table) -> dict[str, NDArray[np.float32]]:
        """Return each row's principal components after the projection, shape (n_rows, components)."""
        found = super().embed(table)["latent"]
        return {"latent": (found - found @ self._removed @ self._removed.T).astype(np.float32)}
