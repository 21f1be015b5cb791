"""Planted failure `label-swapper`: training rows with permuted conditions in a fifth of the rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tabgenbench import Card, Schema, Table, Unsupported
from tabgenbench_plugins.generators.parts.planted import Planted

__all__ = ["LabelSwapper"]

SHARE = 0.2
"""Share of the rows whose conditions are permuted."""


class LabelSwapper(Planted):
    """Returns training rows; the conditions of a random fifth of these rows are permuted.

    Some of the chosen rows keep their condition by chance. Scores that do not use the conditions cannot detect this
    fault.
    """

    name = "label-swapper"
    card = Card(summary="Training rows with the conditions of a fifth of the rows permuted.")
    planted_for = "structure"

    @classmethod
    def supports(cls, schema: Schema, n_rows: int, n_features: int) -> None:
        """Reject tables without conditions."""
        if not schema.conditions:
            raise Unsupported("the table has no conditions to permute")

    def choose_fault(self, train: Table, rng: np.random.Generator) -> None:
        """Raise `Unsupported` if all training rows have the same condition."""
        if len(self._conditions.labels) < 2:
            raise Unsupported("all training rows have the same condition")

    def choose_conditions(self, asked: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Return the requested conditions after a permutation of the conditions of a random fifth of the rows."""
        swapped = rng.choice(len(asked), round(SHARE * len(asked)), replace=False)
        found = asked.copy()
        found[swapped] = rng.permutation(asked[swapped])
        return found
