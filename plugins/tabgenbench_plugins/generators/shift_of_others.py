"""Control `shift-of-others`: rows of the requested type plus the mean effect of the state on the other types."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tabgenbench import Card, Context
from tabgenbench_plugins.generators.unchanged import Unchanged

__all__ = ["ShiftOfOthers"]


class ShiftOfOthers(Unchanged):
    """Predicts a combination of type and state without training rows from the mean effect of the state on other types.

    The base state is the state with most training rows of the requested type. The prediction is rows of the requested
    type in the base state plus the mean shift of the other types. The shift of a type is its mean in the requested
    state minus its mean in the base state, on the evaluation scale. All other types with training rows in both states
    have equal weight. For counts, the shifted values are converted back to counts and rounded.
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
