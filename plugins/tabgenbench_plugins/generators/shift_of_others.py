"""Control `shift-of-others`, which predicts that a state (such as a treatment) changes all types of cells equally."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tabgenbench import Card, Context
from tabgenbench_plugins.generators.unchanged import Unchanged

__all__ = ["ShiftOfOthers"]


class ShiftOfOthers(Unchanged):
    """Predicts rows of a combination of type and state without training rows, from the effect on other types.

    Types (such as cell types) and states (such as treatments) are values of two condition columns. The base state is
    the state with the most training rows of the requested type. The shift of a type is its mean in the requested state
    minus its mean in the base state, on the evaluation scale. The shifts of all other types with training rows in both
    of these states are averaged, and the average is added to rows of the requested type in the base state. Without such
    types, these rows are returned without a shift. Predicted counts are rounded.
    """

    name = "shift-of-others"
    card = Card(summary="Rows in another state plus the mean shift of the other types between the states.")

    def _shift(self, kind: str, state: str, base: str, context: Context) -> NDArray[np.float64] | float:
        others = self._shifts.others(kind, state, base)
        if not others:
            return super()._shift(kind, state, base, context)
        context.note(f"{kind}, {state}: training rows of {base} plus the mean shift of {', '.join(others)}")
        found: NDArray[np.float64] = np.mean([self._shifts.shift(one, state, base) for one in others], axis=0)
        return found
