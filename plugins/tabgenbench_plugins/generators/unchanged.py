"""Control `unchanged`, which predicts that a state (such as a treatment) has no effect on a type of cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench import Card, Context, FitContext, Generator, SampleContext, Schema, Table, Unsupported
from tabgenbench_plugins.cell_columns import CellOptions
from tabgenbench_plugins.generators.parts.by_condition import TrainingConditions, permuted_rows
from tabgenbench_plugins.state_shift import StateShifts

__all__ = ["Unchanged"]


class Unchanged(Generator):
    """Returns training rows of the requested type and state, or else training rows of the type in another state.

    Types (such as cell types) and states (such as treatments) are values of two condition columns. The base state of a
    type is the state with the most training rows of this type. If the requested combination has no training rows, rows
    of the requested type in its base state are returned. A model that predicts the effect of a state on a type should
    score better than this control, which predicts no effect.
    """

    name = "unchanged"
    card = Card(summary="Rows of the same type in another state, where training lacks the combination.")
    is_control = True

    class Config(CellOptions):
        """Options of `Unchanged`."""

    config: CellOptions

    @classmethod
    def supports(cls, schema: Schema, n_rows: int, n_features: int) -> None:
        """Raise `Unsupported` if the table has fewer than two condition columns."""
        if len(schema.conditions) < 2:
            raise Unsupported(f"generator {cls.name!r} needs two condition columns, such as cell_type and condition")

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Group the training rows by condition, and by type and state."""
        self._train = train
        self._conditions = TrainingConditions.of(train)
        self._shifts = StateShifts.of(train, self.config)

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Return one row for each requested condition.

        If no training row has the requested type, rows of the most similar condition are returned.
        """
        values = np.empty((len(conditions), self._train.n_features), dtype=np.float32)
        for kind, state, places in self._shifts.asked(conditions):
            rows = self._shifts.rows(kind, state)
            shift: NDArray[np.float64] | float = 0.0
            if not len(rows):
                base = self._shifts.base_state(kind, state)
                if base is None:
                    for k, at in self._conditions.each_asked(conditions.iloc[places], context):
                        chosen = permuted_rows(self._conditions.rows(k), len(at), context.numpy)
                        values[places[at]] = self._shifts.values[chosen]
                    continue
                rows, shift = self._shifts.rows(kind, base), self._shift(kind, state, base, context)
            values[places] = self._shifts.values[permuted_rows(rows, len(places), context.numpy)] + shift
        return self._train.like(values, conditions)

    def _shift(self, kind: str, state: str, base: str, context: Context) -> NDArray[np.float64] | float:
        # Subclasses return an array of shape (n_features,), which is added to the rows of the base state.
        context.note(f"{kind}, {state}: training rows of {base}, unchanged")
        return 0.0
