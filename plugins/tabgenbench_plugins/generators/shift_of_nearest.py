"""Control `shift-of-nearest`: predicts that a state changes a type of cells in the same way as the nearest type."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tabgenbench import Card, Context
from tabgenbench_plugins.generators.unchanged import Unchanged

__all__ = ["ShiftOfNearest"]


class ShiftOfNearest(Unchanged):
    """Predicts rows of a combination of type and state that has no training rows.

    Types (such as cell types) and states (such as treatments) are values of two condition columns. The base state is
    the state with most training rows of the requested type. This control adds a shift to rows of the requested type in
    the base state. The shift is the mean of the nearest type in the requested state minus the mean of the nearest type
    in the base state. The nearest type is the type with training rows in both states whose mean in the base state is
    closest to the mean of the requested type (Euclidean distance on the evaluation scale). If no other type has
    training rows in both states, no shift is added.
    """

    name = "shift-of-nearest"
    card = Card(summary="Rows in another state plus the shift of the nearest type between the states.")

    def _shift(self, kind: str, state: str, base: str, context: Context) -> NDArray[np.float64] | float:
        others = self._shifts.others(kind, state, base)
        if not others:
            return super()._shift(kind, state, base, context)
        own = self._shifts.mean(kind, base)
        nearest = min(others, key=lambda one: float(np.linalg.norm(self._shifts.mean(one, base) - own)))
        context.note(f"{kind}, {state}: training rows of {base} plus the shift of {nearest}")
        return self._shifts.shift(nearest, state, base)
