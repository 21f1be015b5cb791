"""Simulated stays of patients in a clinic, with numeric and categorical columns and a known distribution."""

from __future__ import annotations

from typing import ClassVar, cast

import numpy as np
import pandas as pd
from pydantic import Field

from tabgenbench import (
    Column,
    DatasetCard,
    DatasetSource,
    Layout,
    Options,
    Schema,
    Source,
    Table,
    as_categorical,
    load_card,
)
from tabgenbench_datasets.clinic_model import (
    CATEGORIES,
    DATES,
    FEATURES,
    GAPS,
    SHARES,
    WARDS,
    WHOLE_NUMBERS,
    draw_patients,
)

__all__ = ["SimulatedClinic"]

ORDER = (  # of the columns, as in a file
    "ward,age,sex,bmi,blood group,smoker,diabetic,systolic,cholesterol,lactate,visits,admitted,discharged,outcome,"
    "follow up,cost"
).split(",")


class SimulatedClinic(DatasetSource):
    """Rows drawn from the model in `tabgenbench_datasets.clinic_model`.

    The ward is the condition. The columns to predict (targets) are the category ``outcome`` and the number ``cost``.
    The control ``truth`` draws new rows from the same model.
    """

    name: ClassVar[str] = "simulated-clinic"

    class Config(Options):
        """Size and seed of the simulation."""

        n_rows: int = Field(800, ge=40, le=10_000_000, description="rows; every ward has at least two")
        seed: int = Field(0, ge=0, description="seed of the rows")

    @property
    def card(self) -> DatasetCard:
        """The card."""
        return load_card("tabgenbench_datasets", "simulated-clinic")

    def load(self) -> Table:
        """Return the simulated table."""
        config = cast("SimulatedClinic.Config", self.config)
        rng = np.random.default_rng(config.seed)
        n, each = config.n_rows, np.repeat(np.arange(len(WARDS)), 2)
        ward = rng.permutation(np.concatenate([each, rng.choice(len(WARDS), n - len(each), p=SHARES)]))
        patients = draw_patients(ward, rng)
        width = len(str(n))
        index = pd.Index([f"patient-{i:0{width}d}" for i in range(1, n + 1)], dtype=object)
        obs = patients.categories.apply(as_categorical).set_axis(index, axis=0)
        obs.insert(0, "ward", pd.Categorical.from_codes(ward, categories=list(WARDS)))
        layout = Layout(columns=(_ID, *(_column(name) for name in ORDER)))
        return Table(
            X=np.where(patients.missing, np.nan, patients.values).astype(np.float32),
            obs=obs,
            features=FEATURES,
            schema=Schema(
                conditions=("ward",),
                targets=("outcome", "cost"),
                categorical_features=tuple(map(str, patients.categories.columns)),
                whole_numbers=WHOLE_NUMBERS,
                dates=DATES,
                gaps=GAPS,
            ),
            source=Source(self.name, config.model_dump(mode="json"), f"simulated, {n:,} rows", layout),
        )


_ID = Column(name="patient", kind="text", role="id", dtype="object")


def _column(name: str) -> Column:
    if name == "ward":
        return Column(name=name, kind="category", role="condition", dtype="object")
    if name in CATEGORIES:
        is_boolean = name == "diabetic"
        kind = "boolean" if is_boolean else "category"
        return Column(name=name, kind=kind, role="feature", dtype="bool" if is_boolean else "object")
    if any(date.column == name for date in DATES):
        return Column(name=name, kind="date", role="feature", dtype="object")
    is_whole = name in WHOLE_NUMBERS
    kind = "whole number" if is_whole else "number"
    return Column(name=name, kind=kind, role="feature", dtype="int64" if is_whole else "float64")
