"""Empirical margins: sampled values of each feature get the marginal distribution of the condition's training rows.

A model may have the right dependence but the wrong shape of single features, such as a normal distribution in place of
a skewed one. For each condition with enough rows and each feature, a sampled value x becomes

    y = T(M⁻¹(x)),    M the quantile function of the model, T that of the training rows of the condition

with linear interpolation between the levels (i - ½) / Q, i = 1 ... Q. Beyond the model's outermost quantile m, y = x +
(t - m), where t is the outermost quantile of the training rows, so tails keep their shape. The function T(M⁻¹(x)) is
increasing, so ranks within a condition do not change. If several training rows have the lowest value of a feature, such
as an expression of 0, this value is a lower limit for sampled values in all conditions.

    N training rows   M sampled rows   F features   Q levels
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Margins", "quantiles_of_draws"]

MIN_VALUES = 8  # fewest present training values of a feature in a condition for a map
MAX_LEVELS = 1000  # most quantiles of a condition; with fewer rows, one quantile per row
DRAWS = 1000  # rows drawn to estimate the quantiles of a model

Floats = NDArray[np.float32]
Quantiles = Callable[[int, NDArray[np.float64]], NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Margins:
    """The quantile functions of model and training rows for all conditions and features.

    Attributes:
        model: the model's quantiles of each condition that is mapped, by its code, shape (Q, F), float32.
        train: the training rows' quantiles at the same levels, same shape.
        lowest: limit of each feature, shape (F,): its lowest present training value over all conditions, -inf if fewer
            than two rows have this value.
    """

    model: dict[int, Floats]
    train: dict[int, Floats]
    lowest: Floats

    @classmethod
    def fit(
        cls,
        values: NDArray[Any],
        codes: NDArray[np.int64],
        quantiles: Quantiles,
        *,
        present: NDArray[np.bool_] | None = None,
    ) -> Margins:
        """Compute the quantiles of each condition with at least `MIN_VALUES` training rows.

        Args:
            values: training rows, shape (N, F), on the scale on which the model samples.
            codes: the condition of each training row, shape (N,), for example `TrainingConditions.group`.
            quantiles: function of a condition's code and of levels, shape (Q,), that returns the model's quantiles,
                shape (Q, F). For a model without a formula for quantiles, use `quantiles_of_draws`.
            present: which entries have a value, shape (N, F); None if no value is missing. A feature with fewer than
                `MIN_VALUES` present values in a condition is not mapped there.
        """
        model, train = {}, {}
        for k in np.unique(codes).tolist():
            rows = np.flatnonzero(codes == k)
            if len(rows) < MIN_VALUES:
                continue
            levels = _levels(min(len(rows), MAX_LEVELS))
            model[k] = np.asarray(quantiles(k, levels), dtype=np.float32)
            train[k] = _present_quantiles(values[rows], None if present is None else present[rows], levels, model[k])
        shown = np.where(True if present is None else present, values, np.inf)
        lowest = shown.min(axis=0, initial=np.inf)
        is_limit = np.isfinite(lowest) & ((shown == lowest).sum(axis=0) > 1)
        return cls(model, train, np.where(is_limit, lowest, -np.inf).astype(np.float32))

    def apply(self, values: NDArray[Any], codes: NDArray[np.int64]) -> Floats:
        """Transform sampled values to the marginal distributions of the training rows; the argument is not changed.

        Args:
            values: sampled rows, shape (M, F). Entries that stand for missing values can have any value.
            codes: the condition of each row, shape (M,). Rows of conditions without a map only get the lower limits.
        """
        mapped: Floats = np.array(values, dtype=np.float32)
        for k in np.unique(codes).tolist():
            if k not in self.model:
                continue
            rows = np.flatnonzero(codes == k)
            for j, (q, t) in enumerate(zip(self.model[k].T, self.train[k].T, strict=True)):
                mapped[rows, j] = _mapped(mapped[rows, j], q, t)
        return np.maximum(mapped, self.lowest, out=mapped)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays of a saved model, by name.

        The arrays contain training values, sorted within each feature.
        """
        parts = {"model": self.model, "train": self.train}
        named = {f"margins.{part}.{k}": q for part, by_code in parts.items() for k, q in by_code.items()}
        return {"margins.lowest": self.lowest, **named}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Margins:
        """Restore the quantiles from the result of `arrays`; other names are ignored."""
        found: dict[str, dict[int, Floats]] = {"model": {}, "train": {}}
        for name, value in arrays.items():
            if name.startswith(("margins.model.", "margins.train.")):
                _, part, code = name.split(".")
                found[part][int(code)] = value
        return cls(found["model"], found["train"], arrays["margins.lowest"])


def quantiles_of_draws(draw: Callable[[int, int], NDArray[Any]], n_draws: int = DRAWS) -> Quantiles:
    """Return a quantile function for `Margins.fit` of a model whose quantiles can only be estimated from samples.

    Args:
        draw: function of a condition's code and a number of rows that returns sampled rows, shape (rows, F). ``draw``
            must use a seeded random generator, such as `context.numpy` of the fit, so that equal seeds give equal
            margins.
        n_draws: number of rows drawn for each condition.
    """

    def quantiles(code: int, levels: NDArray[np.float64]) -> NDArray[Any]:
        return np.asarray(np.quantile(draw(code, n_draws), levels, axis=0, method="hazen"))

    return quantiles


def _levels(n: int) -> NDArray[np.float64]:
    """Return the quantile levels (i - ½) / n of n sorted values."""
    levels: NDArray[np.float64] = (np.arange(n) + 0.5) / n
    return levels


def _present_quantiles(
    values: NDArray[Any], present: NDArray[np.bool_] | None, levels: NDArray[np.float64], model: Floats
) -> Floats:
    """Return each feature's quantiles without missing values.

    A feature with too few values gets the model's quantiles.
    """
    if present is None or present.all():
        return np.asarray(np.quantile(values, levels, axis=0, method="hazen"), dtype=np.float32)
    found = model.copy()
    for j in np.flatnonzero(present.sum(axis=0) >= MIN_VALUES):
        found[:, j] = np.quantile(values[present[:, j], j], levels, method="hazen")
    return found


def _mapped(x: Floats, q: Floats, t: Floats) -> Floats:
    """Map values of one feature from model to training quantiles; unchanged if all model quantiles are equal."""
    if q[0] == q[-1]:
        return x
    inside = np.interp(x, q, t)
    beyond = np.where(x < q[0], x + (t[0] - q[0]), x + (t[-1] - q[-1]))
    return np.where((x < q[0]) | (x > q[-1]), beyond, inside).astype(np.float32)
