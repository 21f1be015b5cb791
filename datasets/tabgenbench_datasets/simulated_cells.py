"""Simulated counts of single cells with known latent factors."""

from __future__ import annotations

from typing import ClassVar, cast

import numpy as np
import pandas as pd

from tabgenbench import DatasetCard, DatasetSource, Schema, Source, Table, as_categorical, load_card
from tabgenbench_datasets.cells_model import (
    CONDITIONS,
    SEVERITIES,
    TYPES,
    Cells,
    CellsConfig,
    CellsModel,
    cell_gene_names,
    donor_names,
)

__all__ = ["SimulatedCells"]


class SimulatedCells(DatasetSource):
    """Cells drawn from the model in `tabgenbench_datasets.cells_model`.

    Equal options give equal tables. The columns ``z_inv_1`` to ``z_inv_5``, ``z_spur_1`` and ``z_spur_2`` of ``obs``
    contain the true latent factors, which metrics see and generators do not see. The control ``truth-cells``
    draws new cells from the same model.
    """

    name: ClassVar[str] = "simulated-cells"

    class Config(CellsConfig):
        """Size, seed and design of the simulation."""

    @property
    def card(self) -> DatasetCard:
        """The card."""
        return load_card("tabgenbench_datasets", "simulated-cells")

    def load(self) -> Table:
        """Return the simulated table, with counts in CSR form."""
        config = cast(CellsConfig, self.config)
        model, rng = CellsModel.from_config(config), np.random.default_rng([config.seed, 1])
        cells = model.draw_cells(config.n_cells, rng)
        counts = model.draw_counts(cells, rng)
        width = len(str(config.n_cells))
        index = pd.Index([f"cell-{i:0{width}d}" for i in range(1, config.n_cells + 1)], dtype=object)
        design = _design_columns(cells, config).set_axis(index, axis=0)
        donors = pd.Series(np.array(donor_names(config), dtype=object)[cells.donor], index=index, name="donor")
        latents = {f"z_inv_{i + 1}": column for i, column in enumerate(cells.invariant.T)}
        latents |= {f"z_spur_{i + 1}": column for i, column in enumerate(cells.spurious.T)}
        return Table(
            X=counts,
            obs=pd.concat([design, as_categorical(donors), pd.DataFrame(latents, index=index)], axis=1),
            features=cell_gene_names(config),
            schema=Schema(
                conditions=tuple(design.columns),
                batch="donor",
                group="donor",
                targets=tuple(design.columns),
                per_10k=True,
            ),
            scale="counts",
            source=Source(self.name, config.model_dump(mode="json"), f"simulated, {config.n_cells:,} cells"),
        )


def _design_columns(cells: Cells, config: CellsConfig) -> pd.DataFrame:
    columns = {"cell_type": np.array(TYPES, dtype=object)[cells.kind]}
    if config.severity == "continuous":
        columns["severity"] = np.array(SEVERITIES, dtype=object)[np.rint(10 * cells.strength).astype(np.int64)]
    else:
        columns["condition"] = np.array(CONDITIONS, dtype=object)[cells.condition]
    return pd.DataFrame(columns).apply(as_categorical)
