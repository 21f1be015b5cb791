"""Simulated tables of gene expression with a known true distribution."""

from __future__ import annotations

from typing import ClassVar, cast

import numpy as np
import pandas as pd

from tabgenbench import DatasetCard, DatasetSource, Schema, Source, Table, as_categorical, load_card
from tabgenbench_datasets.simulation import (
    STATUSES,
    SimulationConfig,
    TissueModel,
    gene_names,
    make_design,
    tissue_names,
)

__all__ = ["SimulatedTissues"]


class SimulatedTissues(DatasetSource):
    """Rows drawn from the model in `tabgenbench_datasets.simulation`.

    Equal options give equal tables. The control ``truth`` draws new rows from the same model.
    """

    name: ClassVar[str] = "simulated-tissues"

    class Config(SimulationConfig):
        """Size and seed of the simulation."""

    @property
    def card(self) -> DatasetCard:
        """The card."""
        return load_card("tabgenbench_datasets", "simulated-tissues")

    def load(self) -> Table:
        """Return the simulated table."""
        config = cast(SimulationConfig, self.config)
        design = make_design(config)
        values = TissueModel.from_config(config).sample(design, np.random.default_rng([config.seed, 1]))
        width = len(str(config.n_rows))
        obs = pd.DataFrame(
            {
                "tissue": np.array(tissue_names(config))[design.tissue],
                "status": np.array(STATUSES)[design.status],
                "donor": [f"donor-{d + 1:0{width}d}" for d in design.donor],
            },
            index=pd.Index([f"row-{i:0{width}d}" for i in range(1, config.n_rows + 1)], dtype=object),
        ).apply(as_categorical)
        note = f"simulated, {config.n_rows:,} rows"
        return Table(
            X=values,
            obs=obs,
            features=tuple(gene_names(config)),
            schema=Schema(conditions=("tissue", "status"), group="donor", targets=("tissue", "status")),
            scale="linear",
            log2p1=True,
            source=Source(self.name, config.model_dump(mode="json"), note),
        )
