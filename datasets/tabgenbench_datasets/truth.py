"""Control ``truth``, which samples from the model of the dataset ``simulated-tissues`` or ``simulated-clinic``."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import ValidationError

from tabgenbench import Card, DataError, FitContext, Generator, SampleContext, Schema, Table, Unsupported
from tabgenbench_datasets.clinic_model import FEATURES, WARDS, Patients, draw_patients
from tabgenbench_datasets.simulated_clinic import SimulatedClinic
from tabgenbench_datasets.simulated_tissues import SimulatedTissues
from tabgenbench_datasets.simulation import STATUSES, Design, TissueModel, config_of, gene_names, tissue_names

__all__ = ["Truth"]

CONDITIONS = {("tissue", "status"): SimulatedTissues.name, ("ward",): SimulatedClinic.name}
ROUNDS = 100  # attempts to draw rows whose categories all occur in the training rows


class Truth(Generator):
    """Samples new rows from the model of the simulation, as a perfect generator would.

    This control does not learn from training rows. If a generator has significantly better scores, it has memorised
    rows, or the scores do not measure closeness to the distribution. A synthetic table must not contain a category
    that no training row has. Rows of ``simulated-clinic`` with such a category are therefore sampled again.
    """

    name: ClassVar[str] = "truth"
    card: ClassVar[Card] = Card(
        summary="control: the simulation's own model, with new rows (simulated-tissues and simulated-clinic)",
        citation="TabGenBench, modules tabgenbench_datasets.simulation and tabgenbench_datasets.clinic_model",
        licence="Apache-2.0",
    )
    scale: ClassVar[Literal["standardized", "own"]] = "own"
    makes: ClassVar[tuple[Literal["numeric", "categorical"], ...]] = ("numeric", "categorical")
    is_control: ClassVar[bool] = True

    @classmethod
    def supports(cls, schema: Schema, n_rows: int, n_features: int) -> None:
        """Raise `Unsupported` for tables whose condition columns are not those of a simulation."""
        if schema.conditions not in CONDITIONS:
            raise Unsupported(f"truth samples from the model of {_names()} and of no other table")

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Rebuild the model from the options that are stored in the training table's source.

        Raises:
            Unsupported: the table does not come from one of the two simulations.
        """
        if train.source.name != CONDITIONS.get(train.schema.conditions):
            raise Unsupported(
                f"truth samples from the model of {_names()}; the model behind {train.source.name!r} is not known"
            )
        self.template = train.take([])
        self.draw: Callable[[pd.DataFrame, np.random.Generator], Table]
        if train.source.name == SimulatedClinic.name:
            self._fit_clinic(train)
        else:
            self._fit_tissues(train)

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Draw one row, from a new donor or patient, for each row of ``conditions``.

        Raises:
            DataError: the simulation has no such tissue, status or ward, or rows of ``simulated-clinic`` still have a
                category that no training row has after `ROUNDS` attempts.
        """
        return self.draw(conditions, context.numpy)

    def _fit_tissues(self, train: Table) -> None:
        try:
            config = config_of(train.source.options)
        except ValidationError as error:
            raise Unsupported(f"truth: the table's options are none of {SimulatedTissues.name!r}: {error}") from None
        if train.features != tuple(gene_names(config)):
            raise Unsupported(f"truth: the table's features are not the genes of {SimulatedTissues.name!r}")
        self.tissues = pd.Index(tissue_names(config))
        self.model = TissueModel.from_config(config)
        self.draw = self._draw_tissues

    def _fit_clinic(self, train: Table) -> None:
        if train.features != FEATURES:
            raise Unsupported(f"truth: the table's features are not those of {SimulatedClinic.name!r}")
        self.known = {str(name): set(column.astype(str)) for name, column in train.categories.items()}
        self.draw = self._draw_clinic

    def _draw_tissues(self, conditions: pd.DataFrame, rng: np.random.Generator) -> Table:
        tissue = self.tissues.get_indexer(conditions["tissue"].astype(str))
        status = pd.Index(STATUSES).get_indexer(conditions["status"].astype(str))
        _check_known((tissue < 0) | (status < 0), conditions[["tissue", "status"]], "a tissue and a status")
        design = Design(tissue.astype(np.int64), status.astype(np.int64), np.arange(len(conditions)))
        return self.template.like(self.model.sample(design, rng), conditions)

    def _draw_clinic(self, conditions: pd.DataFrame, rng: np.random.Generator) -> Table:
        ward = pd.Index(WARDS).get_indexer(conditions["ward"].astype(str)).astype(np.int64)
        _check_known(ward < 0, conditions[["ward"]], "a ward")
        patients = draw_patients(ward, rng)
        for _ in range(ROUNDS):
            unknown = self._has_unknown(patients)
            if not unknown.any():
                break
            patients = patients.with_rows(unknown, draw_patients(ward[unknown], rng))
        else:
            raise DataError(
                f"truth: {ROUNDS} draws contain categories that no training row has; use more training rows"
            )
        return self.template.like(patients.values, conditions, patients.categories)

    def _has_unknown(self, patients: Patients) -> NDArray[np.bool_]:
        unknown = np.zeros(len(patients.values), dtype=bool)
        for name, known in self.known.items():
            unknown |= ~patients.categories[name].isin(known).to_numpy()
        return unknown


def _names() -> str:
    return " or ".join(repr(name) for name in CONDITIONS.values())


def _check_known(unknown: NDArray[np.bool_], asked: pd.DataFrame, expected: str) -> None:
    if unknown.any():
        got = asked.iloc[int(unknown.argmax())].astype(str).to_dict()
        raise DataError(f"truth: got the condition {got}, expected {expected} of the simulation")
