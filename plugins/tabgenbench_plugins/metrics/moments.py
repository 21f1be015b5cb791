"""Comparison of the means and variances of single features."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import Evaluation, Metric, MetricContext, Options, Result, ScoreSpec
from tabgenbench_plugins.correlation import Floats, Undefined
from tabgenbench_plugins.metrics.parts.pooled import (
    SIDES,
    RealOrSynthetic,
    check_numeric,
    finite_values,
    numeric_notes,
    present_cells,
)
from tabgenbench_plugins.metrics.parts.present import mean_and_spread
from tabgenbench_plugins.metrics.parts.results import collect
from tabgenbench_plugins.metrics.parts.within import present_residuals, residuals, spread

__all__ = ["Moments"]

AT_GAPS = (
    "present values count; a feature without any in the real test rows is excluded, and one without any in the "
    "synthetic rows counts as constant at the median of the training rows"
)


class Moments(Metric):
    """Errors of the means and variances of single features.

    Let m_j and s_j be the mean and the standard deviation (n - 1 in the denominator) of feature j over rows. Features
    are on the standardised evaluation scale, so that no feature dominates a score because of its unit. Constant
    features are included.

    - ``mean-error``: average of |m_j(synthetic) - m_j(test)|
    - ``sd-error``: average of |s_j(synthetic) - s_j(test)|
    - ``variance-ratio``: sum of s_j^2(synthetic) / sum of s_j^2(test)
    - ``within-variance-ratio``: ratio of the pooled variances within conditions. A pooled variance is the sum of
      squared residuals from the mean of each condition, divided by the number of rows minus the number of conditions. A
      row that is the only one of its condition is excluded.
    """

    name: ClassVar[str] = "moments"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="mean-error",
            question="fidelity",
            direction="lower",
            low=0.0,
            unit="train sd",
            description="mean over features of the absolute difference between the synthetic and the real test mean",
            blind_to=(
                "Everything but the mean over all rows: independently permuted features and repeated condition means "
                "score as well as real rows"
            ),
            detects=("mean-shifter",),
            misses=("copier", "correlation-breaker", "label-swapper"),
        ),
        ScoreSpec(
            name="sd-error",
            question="fidelity",
            direction="lower",
            low=0.0,
            unit="train sd",
            description="mean over features of the absolute difference between synthetic and real standard deviation",
            blind_to="Dependence between features and on conditions: independently permuted features score well",
            floor="condition-mean",
            misses=("copier", "mean-shifter", "correlation-breaker", "label-swapper"),
        ),
        ScoreSpec(
            name="variance-ratio",
            question="fidelity",
            direction="one",
            low=0.0,
            description="total variance of the synthetic rows divided by that of the real test rows",
            blind_to=(
                "Which features vary, because too much variance in one compensates too little in another, and whether "
                "rows vary between or within conditions"
            ),
            floor="condition-mean",
            misses=("copier", "mean-shifter", "correlation-breaker", "label-swapper"),
        ),
        ScoreSpec(
            name="within-variance-ratio",
            question="fidelity",
            direction="one",
            low=0.0,
            description="pooled variance within conditions of the synthetic rows divided by that of the real test rows",
            blind_to=(
                "Which features or conditions vary, differences between conditions, and correlations: independent "
                "noise of the right size scores 1"
            ),
            floor="condition-mean",
            misses=("copier", "mean-shifter"),
        ),
    )

    class Config(Options):
        """Options of `Moments`."""

        per_feature: bool = Field(
            False, description="store the mean and standard deviation of each feature as an artifact"
        )

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table; option ``per_feature`` saves each feature's moments as artifact ``features``."""
        check_numeric(evaluation, self.name, fewest=1)
        parts = {
            "mean-error": lambda: _mean_error(evaluation),
            "sd-error": lambda: _sd_error(evaluation),
            "variance-ratio": lambda: _ratio(*(_variance(evaluation, side) for side in SIDES)),
            "within-variance-ratio": lambda: _ratio(*(_variance_within(evaluation, side) for side in SIDES)),
        }
        scores, undefined = collect(parts)
        wanted = self.config.per_feature and "sd-error" in scores
        artifacts = {"features": _per_feature(evaluation)} if wanted else {}
        return Result(scores, undefined, artifacts, numeric_notes(evaluation, at_gaps=AT_GAPS))


def _cells(evaluation: Evaluation, side: RealOrSynthetic) -> NDArray[np.bool_] | None:
    """Return a mask of the table entries that are used, or None if all entries are used.

    A value that replaces a missing value is used only if all values of the feature are missing.
    """
    present = present_cells(evaluation, side)
    return None if present is None else present | ~present.any(axis=0)


def _counted(evaluation: Evaluation, of_features: Floats) -> Floats:
    present = present_cells(evaluation, "test")
    counted = of_features if present is None else of_features[present.any(axis=0)]
    if len(counted) == 0:
        raise Undefined("no numeric feature has a value in the real test rows")
    return counted


def _mean(evaluation: Evaluation, side: RealOrSynthetic) -> Floats:
    values: NDArray[np.float32] = finite_values(evaluation, side)
    cells = _cells(evaluation, side)
    if cells is not None:
        return mean_and_spread(values, cells)[0]
    return np.asarray(values.mean(axis=0, dtype=np.float64))


def _sd(evaluation: Evaluation, side: RealOrSynthetic) -> Floats:
    values = finite_values(evaluation, side)
    if len(values) < 2:
        raise Undefined(f"there is one {SIDES[side]} row; a standard deviation needs at least two")
    cells = _cells(evaluation, side)
    if cells is not None:
        n = cells.sum(axis=0)
        return np.asarray(mean_and_spread(values, cells)[1] * np.sqrt(n / np.maximum(n - 1, 1)))
    return np.asarray(spread(values) * np.sqrt(len(values) / (len(values) - 1)))


def _mean_error(evaluation: Evaluation) -> float:
    return float(_counted(evaluation, np.abs(_mean(evaluation, "synthetic") - _mean(evaluation, "test"))).mean())


def _sd_error(evaluation: Evaluation) -> float:
    return float(_counted(evaluation, np.abs(_sd(evaluation, "synthetic") - _sd(evaluation, "test"))).mean())


def _variance(evaluation: Evaluation, side: RealOrSynthetic) -> float:
    return float(_counted(evaluation, _sd(evaluation, side) ** 2).sum())


def _variance_within(evaluation: Evaluation, side: RealOrSynthetic) -> float:
    values, conditions = finite_values(evaluation, side), evaluation.side(side).conditions
    present = present_cells(evaluation, side)
    if present is not None:
        cells = present_residuals(values, present, conditions)
        squares = np.einsum("ij,ij->j", cells.values, cells.values)
        return float(_counted(evaluation, squares / np.maximum(cells.degrees_of_freedom, 1)).sum())
    left = residuals(values, conditions)
    return float(np.vdot(left.values, left.values)) / left.degrees_of_freedom


def _ratio(real: float, synthetic: float) -> float:
    if real == 0.0:
        raise Undefined("the real test rows do not vary, so there is no variance to compare with")
    return synthetic / real


def _per_feature(evaluation: Evaluation) -> pd.DataFrame:
    columns: dict[str, object] = {"feature": list(evaluation.test.features)}
    for side in SIDES:
        columns[f"mean_{side}"] = _mean(evaluation, side)
        columns[f"sd_{side}"] = _sd(evaluation, side)
    return pd.DataFrame(columns)
