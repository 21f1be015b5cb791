"""Planted failure `mode-dropper`: training rows without a tenth of the conditions or of each condition's rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tabgenbench import Card, ConditionCodes, Table
from tabgenbench_plugins.generators.parts.by_condition import permuted_rows
from tabgenbench_plugins.generators.parts.planted import Planted

__all__ = ["ModeDropper"]

SHARE = 10
"""One in this many conditions is missing, or one in this many rows of each condition."""


class ModeDropper(Planted):
    """Returns training rows without a tenth of the conditions, or without the rows at one end of a principal component.

    With at least ten conditions, the training rows of a random tenth of the conditions are never returned. Requests for
    these conditions get rows of other conditions. With fewer conditions, each condition lacks the tenth of its rows
    with the largest values of the first principal component. Before this component is computed, categories are coded as
    indicators, the means of conditions are subtracted, and each column is scaled to unit variance. The number of
    excluded rows is rounded, so a condition with at most five rows keeps all rows.
    """

    name = "mode-dropper"
    card = Card(summary="Training rows without a tenth of the conditions, or without a tenth of the density.")
    planted_for = "fidelity"

    def choose_fault(self, train: Table, rng: np.random.Generator) -> None:
        """Choose which conditions or rows are never returned."""
        n_conditions = len(self._conditions.labels)
        self._dropped = np.sort(rng.choice(n_conditions, n_conditions // SHARE, replace=False))
        self._kept = np.ones(train.n_rows, dtype=bool)
        if not len(self._dropped):
            along = self._first_component(train)
            for k in range(n_conditions):
                rows = self._conditions.rows(k)
                n_missing = round(len(rows) / SHARE)
                self._kept[rows[np.argsort(along[rows], kind="stable")[len(rows) - n_missing :]]] = False

    def choose_conditions(self, asked: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Return the requested conditions; replace dropped ones by random requested conditions that are kept.

        If all requested conditions are dropped, the replacements are drawn from all kept training conditions.
        """
        is_dropped = np.isin(asked, self._dropped)
        others = asked[~is_dropped]
        if not len(others):
            others = np.setdiff1d(np.arange(len(self._conditions.labels)), self._dropped)
        found = asked.copy()
        found[is_dropped] = permuted_rows(others, int(is_dropped.sum()), rng)
        return found

    def rows_of(self, condition: int) -> NDArray[np.int64]:
        """Return the positions of a condition's training rows, except rows that are never returned."""
        rows = self._conditions.rows(condition)
        return rows[self._kept[rows]]

    def _first_component(self, train: Table) -> NDArray[np.float64]:
        codes = ConditionCodes.fit(train.categories)
        indicators = codes.one_hot(train.categories) if codes.columns else np.zeros((train.n_rows, 0))
        columns = np.hstack([train.dense(), indicators]).astype(np.float64)
        columns -= self._conditions.means(columns.astype(np.float32))[self._conditions.group]
        spread = columns.std(axis=0)
        columns /= np.where(spread > 0, spread, 1.0)
        if columns.shape[1] <= train.n_rows:
            return np.asarray(columns @ np.linalg.eigh(columns.T @ columns)[1][:, -1], dtype=np.float64)
        return np.asarray(np.linalg.eigh(columns @ columns.T)[1][:, -1], dtype=np.float64)
