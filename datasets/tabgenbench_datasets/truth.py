"""The control ``truth``, which samples from the true model of ``simulated-tissues``."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import ValidationError

from tabgenbench import Card, DataError, FitContext, Generator, SampleContext, Schema, Table, Unsupported
from tabgenbench_datasets.simulated_tissues import SimulatedTissues
from tabgenbench_datasets.simulation import STATUSES, Design, TissueModel, config_of, gene_names, tissue_names

__all__ = ["Truth"]


class Truth(Generator):
    """New rows of new donors from the model of the simulation, as from a perfect generator.

    It does not learn from training rows. If another generator scores better, it has memorised rows, or the score
    rewards something other than the distribution.
    """

    name: ClassVar[str] = "truth"
    card: ClassVar[Card] = Card(
        summary="control: the simulation's own model, with new donors (simulated-tissues only)",
        citation="TabGenBench, module tabgenbench_datasets.simulation",
        licence="Apache-2.0",
    )
    scale: ClassVar[Literal["standardized", "own"]] = "own"
    is_control: ClassVar[bool] = True

    @classmethod
    def supports(cls, schema: Schema, n_rows: int, n_features: int) -> None:
        """Reject tables whose conditions are not those of the simulation; `fit` checks the rest."""
        if schema.conditions != ("tissue", "status"):
            raise Unsupported(f"truth samples from the model of {SimulatedTissues.name!r} and of no other table")

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Rebuild the model from the options that the training table carries.

        Raises:
            Unsupported: the table was not simulated by ``simulated-tissues``.
        """
        if train.source.name != SimulatedTissues.name:
            raise Unsupported(
                f"truth samples from the model of {SimulatedTissues.name!r}; the model behind "
                f"{train.source.name!r} is not known"
            )
        try:
            config = config_of(train.source.options)
        except ValidationError as error:
            raise Unsupported(f"truth: the table's options are none of {SimulatedTissues.name!r}: {error}") from None
        if train.features != tuple(gene_names(config)):
            raise Unsupported(f"truth: the table's features are not the genes of {SimulatedTissues.name!r}")
        self.template = train.take([])
        self.tissues = pd.Index(tissue_names(config))
        self.model = TissueModel.from_config(config)

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Draw one row of a new donor for each requested condition.

        Raises:
            DataError: a tissue or status does not occur in the simulation.
        """
        tissue = self.tissues.get_indexer(conditions["tissue"].astype(str))
        status = pd.Index(STATUSES).get_indexer(conditions["status"].astype(str))
        unknown = (tissue < 0) | (status < 0)
        if unknown.any():
            asked = conditions.iloc[int(unknown.argmax())][["tissue", "status"]].astype(str).to_dict()
            raise DataError(f"truth: got the condition {asked}, expected a tissue and a status of the simulation")
        design = Design(tissue.astype(np.int64), status.astype(np.int64), np.arange(len(conditions)))
        return self.template.like(self.model.sample(design, context.numpy), conditions)
