"""Mean over conditions of gamma, the agreement of real and synthetic feature-feature correlations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import Evaluation, Metric, MetricContext, Options, Result, ScoreSpec
from tabgenbench_plugins.correlation import MIN_ROWS, Floats, Undefined, unit_columns
from tabgenbench_plugins.metrics.parts.pooled import (
    RealOrSynthetic,
    check_numeric,
    finite_values,
    numeric_notes,
    present_cells,
)
from tabgenbench_plugins.metrics.parts.present import (
    Columns,
    PresentColumns,
    agreement,
    mean_and_spread,
    select,
    varying_columns,
)
from tabgenbench_plugins.metrics.parts.results import undefined_result
from tabgenbench_plugins.metrics.parts.within import CONSTANT_SHARE, condition_rows, spread

__all__ = ["GammaByCondition"]


@dataclass(frozen=True, eq=False)
class _Side:
    values: NDArray[np.float32]
    present: NDArray[np.bool_] | None
    rows: dict[str, NDArray[np.intp]]
    floor: Floats

    def columns(self, condition: str) -> Columns:
        rows = self.rows[condition]
        if self.present is not None:
            return PresentColumns(self.values[rows], self.present[rows], self.floor)
        return unit_columns(self.values[rows], floor=self.floor)


class GammaByCondition(Metric):
    """Mean of gamma, the agreement of correlations, over the conditions with enough real test rows.

    Within a condition, a feature counts as constant if its standard deviation is at most 1e-5 times its standard
    deviation over all rows of the same table; smaller deviations are rounding errors. A feature that is constant in the
    real rows of the condition is excluded. A feature that is constant only in the synthetic rows has r = 0 with every
    other feature. If a condition has fewer than 3 synthetic rows, or if they are all equal, the gamma of the condition
    counts as 0. A condition for which gamma cannot be computed from the real rows is excluded and named in
    the notes.
    """

    name: ClassVar[str] = "gamma-by-condition"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="gamma-by-condition",
            question="structure",
            direction="higher",
            low=-1.0,
            high=1.0,
            description="mean of gamma within each condition with at least 20 test rows (option min_rows)",
            blind_to=(
                "Differences between conditions, the amount of variation within a condition, and conditions with fewer "
                "test rows. With few rows per condition its ceiling is far below 1: compare with real-resample, not "
                "with 1"
            ),
            floor="condition-gaussian",
            detects=("correlation-breaker", "label-swapper"),
            misses=("copier", "mean-shifter"),
            headline=True,
            citation="gamma of Viñas et al., Bioinformatics 38(3), 2022, within conditions",
        ),
    )

    class Config(Options):
        """Options of `GammaByCondition`."""

        min_rows: int = Field(20, ge=MIN_ROWS, description="minimum number of real test rows of a scored condition")

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table; save gamma and the number of rows of each condition as artifact ``conditions``."""
        check_numeric(evaluation, self.name)
        try:
            table, notes = self._by_condition(evaluation)
        except Undefined as reason:
            return undefined_result(self.scores, reason)
        at_gaps = "a correlation uses the rows in which both features have a value"
        notes = (*numeric_notes(evaluation, at_gaps=at_gaps), *notes)
        return Result({self.name: float(table["gamma"].mean())}, artifacts={"conditions": table}, notes=notes)

    def _by_condition(self, evaluation: Evaluation) -> tuple[pd.DataFrame, tuple[str, ...]]:
        real, synthetic = _side(evaluation, "test"), _side(evaluation, "synthetic")
        large = [condition for condition, rows in real.rows.items() if len(rows) >= self.config.min_rows]
        if not large:
            most = max(len(rows) for rows in real.rows.values())
            raise Undefined(f"no condition has {self.config.min_rows} real test rows; the largest has {most}")
        found = []
        left_out: dict[str, list[str]] = {}  # conditions by reason
        zero: dict[str, list[str]] = {}
        for condition in large:
            columns = real.columns(condition)
            usable = varying_columns(columns)
            columns = select(columns, usable)
            try:
                agreement(columns, columns)
            except Undefined as reason:
                left_out.setdefault(str(reason), []).append(condition)
                continue
            gamma, problem = _inside(columns, synthetic, condition, usable)
            if problem:
                zero.setdefault(problem, []).append(condition)
            n_synthetic = len(synthetic.rows.get(condition, ()))
            found.append((condition, gamma, len(real.rows[condition]), n_synthetic, int(usable.sum())))
        notes = [f"excluded because {reason}: {'; '.join(names)}" for reason, names in left_out.items()]
        if not found:
            raise Undefined(f"no condition gives a gamma; {'; '.join(notes)}")
        notes += [f"counts 0 because {reason}: {'; '.join(names)}" for reason, names in zero.items()]
        names = ["condition", "gamma", "test_rows", "synthetic_rows", "features"]
        return pd.DataFrame(found, columns=names), tuple(notes)


def _side(evaluation: Evaluation, side: RealOrSynthetic) -> _Side:
    values = finite_values(evaluation, side)
    present = present_cells(evaluation, side)
    total = spread(values) if present is None else mean_and_spread(values, present)[1]
    return _Side(values, present, condition_rows(evaluation.side(side).conditions), CONSTANT_SHARE * total)


def _inside(real: Columns, synthetic: _Side, condition: str, usable: NDArray[np.bool_]) -> tuple[float, str]:
    """Return gamma within a condition and ''; if the synthetic rows give no gamma, return 0 and the reason."""
    n_rows = len(synthetic.rows.get(condition, ()))
    if n_rows < MIN_ROWS:
        return 0.0, f"there are {n_rows} synthetic rows"
    try:
        return agreement(real, select(synthetic.columns(condition), usable)), ""
    except Undefined as reason:
        return 0.0, str(reason)
