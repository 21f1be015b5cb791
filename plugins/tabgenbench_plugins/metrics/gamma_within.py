"""Metric `gamma-within`: agreement of feature-feature correlations within conditions."""

from __future__ import annotations

from typing import ClassVar

from tabgenbench import Evaluation, Metric, MetricContext, Result, ScoreSpec
from tabgenbench_plugins.correlation import Undefined, unit_columns
from tabgenbench_plugins.metrics.parts.pooled import (
    SIDES,
    RealOrSynthetic,
    check_numeric,
    finite_values,
    numeric_notes,
    present_cells,
)
from tabgenbench_plugins.metrics.parts.present import Columns, PresentColumns, agreement, select, varying_columns
from tabgenbench_plugins.metrics.parts.results import undefined_result
from tabgenbench_plugins.metrics.parts.within import (
    CONSTANT_SHARE,
    PresentResiduals,
    Residuals,
    present_residuals,
    residuals,
)

__all__ = ["GammaWithin"]


class GammaWithin(Metric):
    """Gamma (agreement of real and synthetic correlations r) of residuals: rows minus the mean row of their condition.

    If a condition has only one row, the row is excluded, because its residual is always 0. A feature counts as constant
    if the standard deviation of its residuals is at most 1e-5 times its standard deviation before the mean rows are
    subtracted. Features that are constant in the residuals of the real test rows are excluded. A feature that is
    constant only in the synthetic residuals has r = 0 with every other feature. A table without condition columns
    counts as one condition.
    """

    name: ClassVar[str] = "gamma-within"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="gamma-within",
            question="structure",
            direction="higher",
            low=-1.0,
            high=1.0,
            headline=True,
            description="gamma after subtracting each condition's mean, separately in real test and synthetic rows",
            blind_to=(
                "Differences between conditions, the amount of variation within a condition, and correlations of "
                "single conditions: one covariance for all conditions scores as well as real rows"
            ),
            floor="condition-gaussian",
            detects=("correlation-breaker",),
            misses=("copier", "mean-shifter"),
            citation="gamma of Viñas et al., Bioinformatics 38(3), 2022, on residuals",
        ),
    )

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table."""
        check_numeric(evaluation, self.name)
        try:
            (real, note), (synthetic, synthetic_note) = (_residual_columns(evaluation, side) for side in SIDES)
            usable, varies = varying_columns(real), varying_columns(synthetic)
            if not varies.any():
                raise Undefined("no feature varies within the conditions of the synthetic rows")
            value = agreement(select(real, usable), select(synthetic, usable))
        except Undefined as reason:
            return undefined_result(self.scores, reason)
        n_left_out = int((~usable).sum())
        n_collapsed = int((usable & ~varies).sum())
        left_out = f"{n_left_out} of {len(usable)} features are constant within the conditions of the real test rows"
        collapsed = f"{n_collapsed} features are constant within the conditions of the synthetic rows only"
        at_gaps = "a condition's mean uses its present values, a correlation the rows in which both features have one"
        notes = [*numeric_notes(evaluation, at_gaps=at_gaps), note, synthetic_note]
        notes += [f"{left_out} and are excluded"] if n_left_out else []
        notes += [f"{collapsed} and have r = 0 with every other feature"] if n_collapsed else []
        return Result({"gamma-within": value}, notes=tuple(n for n in notes if n))


def _residual_columns(evaluation: Evaluation, side: RealOrSynthetic) -> tuple[Columns, str]:
    values, conditions = finite_values(evaluation, side), evaluation.side(side).conditions
    present = present_cells(evaluation, side)
    left: Residuals | PresentResiduals
    columns: Columns
    if present is None:
        left = residuals(values, conditions)
        columns = unit_columns(left.values, floor=CONSTANT_SHARE * left.total_spread)
    else:
        left = present_residuals(values, present, conditions)
        columns = PresentColumns(left.values, left.present, floor=CONSTANT_SHARE * left.total_spread)
    rows = f"{left.n_left_out} {SIDES[side]} rows are alone in their condition and are excluded"
    return columns, rows if left.n_left_out else ""
