"""Gamma within conditions: do features correlate as in real rows once what tells conditions apart is removed?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tabgenbench import Evaluation, Metric, MetricContext, Result, ScoreSpec
from tabgenbench_plugins.correlation import Floats, Undefined, correlation_agreement, unit_columns
from tabgenbench_plugins.metrics.parts.pooled import SIDES, RealOrSynthetic, finite_values
from tabgenbench_plugins.metrics.parts.results import undefined_result
from tabgenbench_plugins.metrics.parts.within import CONSTANT_SHARE, residuals

__all__ = ["GammaWithin"]


class GammaWithin(Metric):
    """Gamma of residuals: from each table the mean of each condition is taken off, its own mean in each table.

    Rows that are alone in their condition are left out. A feature whose residual standard deviation is at most 1e-5 of
    its total one is constant inside the conditions: left out where that is so in the real test rows, and r = 0 with
    every other where it is so in the synthetic rows alone. A table without condition columns is one condition.
    """

    name: ClassVar[str] = "gamma-within"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="gamma-within",
            direction="higher",
            low=-1.0,
            high=1.0,
            headline=True,
            description="gamma after each condition's own mean is removed from the real test and the synthetic rows",
            blind_to=(
                "Whether the conditions differ as they should, how much rows vary within a condition, and whether the "
                "correlations are right in each condition: one covariance for all conditions scores as real rows do"
            ),
            floor="condition-gaussian",
            citation="gamma of Viñas et al., Bioinformatics 38(3), 2022, on residuals",
        ),
    )

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one draw; undefined where nothing varies inside the conditions, as in rows without noise."""
        try:
            (real, note), (synthetic, synthetic_note) = (_unit_residuals(evaluation, side) for side in SIDES)
            usable = np.asarray(real.any(axis=0))
            if not synthetic.any():
                raise Undefined("no feature varies inside the conditions of the synthetic rows")
            value = correlation_agreement(real[:, usable], synthetic[:, usable])
        except Undefined as reason:
            return undefined_result(self.scores, reason)
        n_left_out = int((~usable).sum())
        n_collapsed = int((~synthetic[:, usable].any(axis=0)).sum())
        left_out = f"{n_left_out} of {len(usable)} features are constant inside the conditions of the real test rows"
        collapsed = f"{n_collapsed} features are constant inside the conditions of the synthetic rows alone"
        notes = [note, synthetic_note]
        notes += [f"{left_out} and are left out"] if n_left_out else []
        notes += [f"{collapsed} and count r = 0 with every other"] if n_collapsed else []
        return Result({"gamma-within": value}, notes=tuple(n for n in notes if n))


def _unit_residuals(evaluation: Evaluation, side: RealOrSynthetic) -> tuple[Floats, str]:
    """Return the unit columns of the residuals of a side, and a note on rows left out."""
    left = residuals(finite_values(evaluation, side), evaluation.side(side).conditions)
    rows = f"{left.n_left_out} {SIDES[side]} rows are alone in their condition and are left out"
    return unit_columns(left.values, floor=CONSTANT_SHARE * left.total_spread), rows if left.n_left_out else ""
