"""Control `shift-of-nearest`: rows of the requested type plus the effect of the state on the most similar type."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tabgenbench import Card, Context
from tabgenbench_plugins.generators.unchanged import Unchanged

__all__ = ["ShiftOfNearest"]


class ShiftOfNearest(Unchanged):
    """Predicts a combination of type and state without training rows from the effect of the state on the nearest type.

    The base state is the state with most training rows of the requested type. The prediction is rows of the requested
    type in the base state plus the mean difference between both states in the nearest type. Among the other types with
    training rows in both states, the nearest type is the one whose mean in the base state is closest to that of the
    requested type (Euclidean distance on the evaluation scale). If no other type has training rows in both states, this
    control works like `unchanged`.
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
