"""Return invalid tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from hostile_plugins.resample import Resample
from tabgenbench import SampleContext, Table
from tabgenbench.options import Options

What = Literal[
    *("few-rows", "nan", "infinite", "other-columns", "few-columns", "other-conditions", "no-conditions", "float64"),
    *("object", "complex", "one-dimension", "no-matrix", "other-scale", "frame", "array", "nothing"),
]


class Returns(Resample):
    name = "returns"

    class Config(Options):
        what: What = Field("nothing", description="what is returned")

    config: Config

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Any:
        table = super().sample(conditions, context)
        change = getattr(self, self.config.what.replace("-", "_"))
        return change(table, conditions)

    def few_rows(self, table: Table, conditions: pd.DataFrame) -> Any:
        return table.take(range(len(conditions) - 1))

    def nan(self, table: Table, conditions: pd.DataFrame) -> Any:
        table.X[2, 1] = np.nan
        return table

    def infinite(self, table: Table, conditions: pd.DataFrame) -> Any:
        table.X[-1, -1] = -np.inf
        return table

    def other_columns(self, table: Table, conditions: pd.DataFrame) -> Any:
        return replace(table, features=table.features[::-1])

    def few_columns(self, table: Table, conditions: pd.DataFrame) -> Any:
        return replace(table, X=table.X[:, 1:], features=table.features[1:])

    def other_conditions(self, table: Table, conditions: pd.DataFrame) -> Any:
        return table.take(np.arange(table.n_rows)[::-1])

    def no_conditions(self, table: Table, conditions: pd.DataFrame) -> Any:
        return smuggle(table, obs=table.obs.iloc[:, :0])

    def float64(self, table: Table, conditions: pd.DataFrame) -> Any:
        return smuggle(table, X=table.X.astype(np.float64))

    def object(self, table: Table, conditions: pd.DataFrame) -> Any:
        return smuggle(table, X=table.X.astype(object))

    def complex(self, table: Table, conditions: pd.DataFrame) -> Any:
        return smuggle(table, X=table.X + 1j)

    def one_dimension(self, table: Table, conditions: pd.DataFrame) -> Any:
        return smuggle(table, X=table.X.ravel())

    def no_matrix(self, table: Table, conditions: pd.DataFrame) -> Any:
        return smuggle(table, X="numbers")

    def other_scale(self, table: Table, conditions: pd.DataFrame) -> Any:
        return replace(table, scale="counts")

    def frame(self, table: Table, conditions: pd.DataFrame) -> Any:
        return table.to_frame()

    def array(self, table: Table, conditions: pd.DataFrame) -> Any:
        return table.dense()

    def nothing(self, table: Table, conditions: pd.DataFrame) -> Any:
        return None


def smuggle(table: Table, **values: Any) -> Table:
    """Set values of a table that its constructor rejects."""
    for name, value in values.items():
        object.__setattr__(table, name, value)
    return table
