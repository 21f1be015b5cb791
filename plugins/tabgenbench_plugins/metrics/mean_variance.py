"""Comparison of the mean-variance relation and of shares of zeros in real and synthetic rows."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import Evaluation, Metric, MetricContext, Options, Result, ScoreSpec, Table, Transform
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

__all__ = ["MeanVariance", "zero_shares"]

MIN_FEATURES = 10  # for a curve with three coefficients
LARGEST = 6.0  # powers of ten: a synthetic mean or variance further below the real value counts as this far below
ROUNDING = 1e-6  # tolerance relative to the size of a standardised value
AT_GAPS = "present values count"


class MeanVariance(Metric):
    """Errors of synthetic rows in the shares of zeros and in the mean-variance relation, on the dataset's own scale.

    - ``zero-error``: |share of zeros in synthetic rows - share of zeros in test rows|, averaged over the features with
      a zero in the training rows
    - ``mean-variance-error``: mean over features of |residual in synthetic rows - residual in test rows|. The residual
      of a feature is its log10 variance minus f(its log10 mean), where f is a quadratic curve that is fitted to the
      features of the real test rows. Outside the range of their log10 means, f keeps its value at the end of the range.
      Features that have a negative training value, or no positive mean or variance in the test rows, are excluded.
    """

    name: ClassVar[str] = "mean-variance"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="zero-error",
            question="fidelity",
            direction="lower",
            low=0.0,
            high=1.0,
            description="mean over features with zeros of the difference between synthetic and real share of zeros",
            blind_to="All other values, dependence between features and on conditions",
            floor="condition-mean",
            misses=("copier", "correlation-breaker"),
        ),
        ScoreSpec(
            name="mean-variance-error",
            question="fidelity",
            direction="lower",
            low=0.0,
            unit="log10",
            description="mean over features of the error of the log10 variance given the log10 mean, on the own scale",
            blind_to=(
                "Dependence between features and on conditions, and errors of the mean that the variance follows. "
                "Single large values dominate the variance of a feature with heavy tails"
            ),
            floor="condition-mean",
            misses=("copier", "correlation-breaker"),
        ),
    )

    class Config(Options):
        """Options of `MeanVariance`."""

        per_feature: bool = Field(
            False, description="store mean, variance and share of zeros of each feature as an artifact"
        )

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table; option ``per_feature`` saves statistics of each feature as artifact ``features``.

        Raises:
            Unsupported: the table has no numeric feature.
        """
        check_numeric(evaluation, self.name, fewest=1)
        scores, undefined = collect(
            {
                "zero-error": lambda: _zero_error(evaluation),
                "mean-variance-error": lambda: _curve_error(evaluation),
            }
        )
        artifacts = {"features": _per_feature(evaluation)} if self.config.per_feature and scores else {}
        return Result(scores, undefined, artifacts, numeric_notes(evaluation, at_gaps=AT_GAPS))


def zero_shares(values: NDArray[np.float32], present: NDArray[np.bool_] | None, transform: Transform) -> Floats:
    """Return the share of zeros among the non-missing values of each feature, after conversion to the dataset's scale.

    Args:
        values: standardised values, shape (n_rows, n_features).
        present: mask of the entries that are not missing, same shape, or None if no entry is missing.
        transform: conversion to the dataset's scale. If it undoes log2(x + 1), results below 0 count as zeros.

    Returns:
        Array of shape (n_features,), NaN for a feature whose values are all missing.
    """
    zero = -transform.mean / transform.std  # standardised 0; log2(0 + 1) is also 0
    tolerance = ROUNDING * (1.0 + np.abs(zero))
    is_zero = values <= (zero + tolerance).astype(np.float32)
    if not transform.log2p1:
        is_zero &= values >= (zero - tolerance).astype(np.float32)
    if present is None:
        return np.asarray(is_zero.mean(axis=0))
    n_present = present.sum(axis=0)
    shares = (is_zero & present).sum(axis=0) / np.maximum(n_present, 1)
    return np.where(n_present > 0, shares, np.nan)


def _zero_share(evaluation: Evaluation, side: RealOrSynthetic) -> Floats:
    return zero_shares(finite_values(evaluation, side), present_cells(evaluation, side), evaluation.transform)


def _zero_error(evaluation: Evaluation) -> float:
    if evaluation.transform.own_scale == "standardized":
        raise Undefined("the dataset is standardised, so zeros have no meaning")
    real, synthetic = (_zero_share(evaluation, side) for side in SIDES)
    train = evaluation.train
    in_training = zero_shares(train.dense(), train.present(), evaluation.transform)
    counted = (np.nan_to_num(in_training) > 0.0) & ~np.isnan(real)
    if not counted.any():
        raise Undefined("no feature has a zero in the training rows")
    # A feature without a synthetic value has no synthetic zero.
    return float(np.abs(np.nan_to_num(synthetic[counted]) - real[counted]).mean())


def _curve_error(evaluation: Evaluation) -> float:
    if evaluation.transform.own_scale == "standardized":
        raise Undefined("the dataset is standardised, so means and variances on its own scale are unknown")
    real_mean, real_variance = _moments(evaluation, "test")
    mean, variance = _moments(evaluation, "synthetic")
    counted = evaluation.shared.once("never negative", lambda: _never_negative(evaluation), scope="split")
    counted = counted & (real_mean > 0.0) & (real_variance > 0.0)
    n = int(counted.sum())
    if n < MIN_FEATURES:
        raise Undefined(
            f"{n} features have no negative training value and vary in the real test rows, expected {MIN_FEATURES}"
        )
    x, y = np.log10(real_mean[counted]), np.log10(real_variance[counted])
    made_x = np.maximum(_log10(mean[counted]), x - LARGEST)
    made_y = np.maximum(_log10(variance[counted]), y - LARGEST)
    if np.ptp(x) == 0.0:
        raise Undefined("all features have the same mean in the real test rows, so there is no relation")
    curve = np.polynomial.Polynomial.fit(x, y, 2)
    limited = np.clip(made_x, x.min(), x.max())  # the curve has no meaning outside the real means
    return float(np.abs((made_y - curve(limited)) - (y - curve(x))).mean())


def _moments(evaluation: Evaluation, side: RealOrSynthetic) -> tuple[Floats, Floats]:
    """Return mean and variance of each feature on the dataset's own scale; 0 if all values are missing."""
    finite_values(evaluation, side)
    values, present = evaluation.own(side).dense(), present_cells(evaluation, side)
    if not np.isfinite(values).all():
        raise Undefined(f"the {SIDES[side]} rows have values that are too large on the dataset's own scale")
    mean, spread = mean_and_spread(values, present)
    n = np.full(len(mean), len(values)) if present is None else present.sum(axis=0)
    if len(values) < 2:
        raise Undefined(f"there is one {SIDES[side]} row; a variance needs at least two")
    return mean, spread**2 * n / np.maximum(n - 1, 1)


def _never_negative(evaluation: Evaluation) -> NDArray[np.bool_]:
    train: Table = evaluation.own("train")
    present = train.present()
    return np.asarray(train.dense().min(axis=0, where=True if present is None else present, initial=0.0) >= 0.0)


def _log10(values: Floats) -> Floats:
    return np.log10(values, out=np.full_like(values, -np.inf), where=values > 0.0)


def _per_feature(evaluation: Evaluation) -> pd.DataFrame:
    columns: dict[str, object] = {"feature": list(evaluation.test.features)}
    for side in SIDES:
        columns[f"mean_{side}"], columns[f"variance_{side}"] = _moments(evaluation, side)
        columns[f"zeros_{side}"] = _zero_share(evaluation, side)
    return pd.DataFrame(columns)
