"""Mean differences between states (such as treated and untreated) of a type (such as a cell type).

Three control generators (`unchanged`, `shift-of-others` and `shift-of-nearest`) use this module to predict combinations
of type and state that are not in the training rows. The metric `combination-shift` scores such predictions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench import Table, Unsupported
from tabgenbench_plugins.cell_columns import CellOptions, cell_columns

__all__ = ["StateShifts"]


@dataclass(frozen=True, eq=False)
class StateShifts:
    """Rows of a table, grouped by type and state.

    Attributes:
        columns: names of the columns of type and state.
        values: the rows, shape (n_rows, n_features).
        kinds: type of each row.
        states: state of each row.
    """

    columns: tuple[str, str]
    values: NDArray[np.float32]
    kinds: NDArray[np.str_]
    states: NDArray[np.str_]

    @classmethod
    def of(cls, train: Table, options: CellOptions) -> StateShifts:
        """Group the rows of a table by two condition columns: the type (of a cell, for example) and the state.

        Raises:
            Unsupported: the table has fewer than two condition columns.
            ConfigError: an option names a column that is not a condition column.
        """
        conditions = train.schema.conditions
        columns = cell_columns(conditions, options)
        if not columns[1]:
            raise Unsupported(f"needs two condition columns, the type and the state; the table has {conditions[0]}")
        labels = [np.asarray(train.conditions[name].astype(str), dtype=str) for name in columns]
        return cls(columns, train.dense(), *labels)

    def rows(self, kind: str, state: str) -> NDArray[np.int64]:
        """Return the positions of the rows with type ``kind`` and state ``state``."""
        found: NDArray[np.int64] = np.flatnonzero((self.kinds == kind) & (self.states == state))
        return found

    def mean(self, kind: str, state: str) -> NDArray[np.float64]:
        """Return the mean of the rows with type ``kind`` and state ``state``, shape (n_features,)."""
        found: NDArray[np.float64] = self.values[self.rows(kind, state)].mean(axis=0, dtype=np.float64)
        return found

    def base_state(self, kind: str, state: str) -> str | None:
        """Return the state other than ``state`` with the most rows of type ``kind``; None without such rows."""
        states, counts = np.unique(self.states[(self.kinds == kind) & (self.states != state)], return_counts=True)
        return str(states[counts.argmax()]) if len(states) else None

    def others(self, kind: str, state: str, base: str) -> list[str]:
        """Return all types except ``kind`` that have rows in ``state`` and in ``base``, sorted by name."""
        both = [set(self.kinds[self.states == one]) for one in (state, base)]
        return sorted(str(name) for name in both[0] & both[1] if name != kind)

    def shift(self, kind: str, state: str, base: str) -> NDArray[np.float64]:
        """Return the mean of type ``kind`` in state ``state`` minus its mean in state ``base``, shape (n_features,)."""
        return self.mean(kind, state) - self.mean(kind, base)

    def asked(self, conditions: pd.DataFrame) -> list[tuple[str, str, NDArray[np.int64]]]:
        """Return each combination of type and state in ``conditions``, with the positions of its rows."""
        frame = conditions[list(self.columns)].astype(str)
        groups = frame.groupby(list(self.columns), observed=True, sort=True).indices
        return [(str(kind), str(state), np.asarray(rows, dtype=np.int64)) for (kind, state), rows in groups.items()]
