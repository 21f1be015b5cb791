"""Control ``truth-cells``, which samples from the true model of the dataset ``simulated-cells``."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import ValidationError

from tabgenbench import Card, DataError, FitContext, Generator, SampleContext, Schema, Table, Unsupported
from tabgenbench_datasets.cells_model import CONDITIONS, SEVERITIES, TYPES, CellsConfig, CellsModel, cell_gene_names
from tabgenbench_datasets.simulated_cells import SimulatedCells

__all__ = ["TruthCells"]

DESIGNS = (("cell_type", "condition"), ("cell_type", "severity"))
OTHER = f"truth-cells samples from the model of {SimulatedCells.name!r} and of no other table"


class TruthCells(Generator):
    """Samples new cells from the model of the simulation, as a perfect generator would.

    The control does not learn from training rows. The donor of each cell is drawn from all donors of the simulation,
    with the probabilities of the model, so the donor may have no training row.
    """

    name: ClassVar[str] = "truth-cells"
    card: ClassVar[Card] = Card(
        summary="control: the simulation's own model, with new cells (simulated-cells)",
        citation="TabGenBench, module tabgenbench_datasets.cells_model",
        licence="Apache-2.0",
    )
    scale: ClassVar[Literal["standardized", "own"]] = "own"
    is_control: ClassVar[bool] = True

    @classmethod
    def supports(cls, schema: Schema, n_rows: int, n_features: int) -> None:
        """Raise `Unsupported` for a table without counts, or with other condition columns than the simulation."""
        if schema.conditions not in DESIGNS or not schema.per_10k:
            raise Unsupported(OTHER)

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Rebuild the model from the dataset's options, which the training table contains.

        Raises:
            Unsupported: the table does not come from this simulation.
        """
        if train.source.name != SimulatedCells.name:
            raise Unsupported(f"{OTHER}; the model behind {train.source.name!r} is not known")
        try:
            self._model = CellsModel.from_config(CellsConfig.model_validate(dict(train.source.options)))
        except ValidationError as error:
            raise Unsupported(
                f"truth-cells: the table's options are none of {SimulatedCells.name!r}: {error}"
            ) from None
        genes = pd.Index(cell_gene_names(self._model.config))
        self._columns = genes.get_indexer(pd.Index(train.features))  # a split may keep some genes only
        if (self._columns < 0).any():
            raise Unsupported(f"truth-cells: the table's features are not the genes of {SimulatedCells.name!r}")
        self._template = train.take([])

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Draw one new cell for each requested type and condition.

        Raises:
            DataError: the simulation has no such type or no such condition.
        """
        second = conditions.columns[1]
        known = CONDITIONS[: self._model.config.n_conditions] if second == "condition" else SEVERITIES
        kind = pd.Index(TYPES).get_indexer(conditions["cell_type"].astype(str)).astype(np.int64)
        level = pd.Index(known).get_indexer(conditions[second].astype(str)).astype(np.int64)
        unknown = (kind < 0) | (level < 0)
        if unknown.any():
            got = conditions.iloc[int(unknown.argmax())].astype(str).to_dict()
            raise DataError(f"truth-cells: got the condition {got}, expected a type and a condition of the simulation")
        condition, strength = level, np.ones(len(level))
        if second == "severity":
            condition, strength = np.ones_like(level), level / 10.0
        rng = context.numpy
        donor = self._model.draw_donors(kind, condition, rng)
        cells = self._model.with_latents(kind, condition, strength, donor, rng)
        return self._template.like(self._model.draw_counts(cells, rng)[:, self._columns], conditions)
