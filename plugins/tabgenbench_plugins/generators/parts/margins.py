"""Transform of sampled values to the marginal distributions of the training rows of their condition.

A model may sample the right dependence but a wrong distribution of single features, such as a normal instead of a
skewed one. In each condition with enough rows, a sampled value x of a feature is mapped to

    y = T(P⁻¹(x))

P is the quantile function of the model, and T is the quantile function of the training rows of the condition. Both
interpolate linearly between the levels (i - ½) / Q, i = 1 ... Q. A value below the lowest or above the highest quantile
of the model is shifted: y = x + (t - m), where m is this quantile and t is the same quantile of the training rows. The
map never decreases, so it keeps the order of the values within a condition. If several training rows have the lowest
value of a feature, such as an expression of 0, this value is a lower limit for sampled values in all conditions.

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
    """Quantiles of the model and of the training rows, for each condition and feature.

    Attributes:
        model: dictionary from the code of a condition to the model's quantiles, shape (Q, F), float32. Conditions with
            fewer than `MIN_VALUES` training rows are left out.
        train: quantiles of the training rows at the same levels, with the keys and shapes of ``model``.
        lowest: lowest training value of each feature over all conditions, shape (F,), which is the lower limit of
            sampled values; -inf (no limit) if fewer than two rows have this value.
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
            codes: code of the condition of each training row, shape (N,).
            quantiles: function of a condition's code and of levels, shape (Q,), that returns the model's quantiles,
                shape (Q, F). For a model without a formula for quantiles, use `quantiles_of_draws`.
            present: which entries have a value, shape (N, F); None if no value is missing. A feature with fewer than
                `MIN_VALUES` values in a condition is not transformed in this condition.
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
        """Return sampled values, transformed to the marginal distributions of the training rows, shape (M, F).

        Args:
            values: sampled rows, shape (M, F). Entries that stand for missing values can have any value.
            codes: code of the condition of each row, shape (M,). Values of a condition without quantiles are only
                raised to the lower limits.
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
        """Return the quantiles as named arrays, for saving with a model.

        The arrays contain training values, so a saved model discloses them.
        """
        parts = {"model": self.model, "train": self.train}
        named = {f"margins.{part}.{k}": q for part, by_code in parts.items() for k, q in by_code.items()}
        return {"margins.lowest": self.lowest, **named}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Margins:
        """Restore the quantiles from the result of `arrays`; arrays with other names are ignored."""
        found: dict[str, dict[int, Floats]] = {"model": {}, "train": {}}
        for name, value in arrays.items():
            if name.startswith(("margins.model.", "margins.train.")):
                _, part, code = name.split(".")
                found[part][int(code)] = value
        return cls(found["model"], found["train"], arrays["margins.lowest"])


def quantiles_of_draws(draw: Callable[[int, int], NDArray[Any]], n_draws: int = DRAWS) -> Quantiles:
    """Return a quantile function for `Margins.fit`, for a model whose quantiles can only be estimated from samples.

    Args:
        draw: function of a condition's code and a number of rows that returns sampled rows, shape (rows, F). ``draw``
            must use a seeded random generator, such as `context.numpy`, so that equal seeds give equal quantiles.
        n_draws: number of rows sampled for each condition.
    """

    def quantiles(code: int, levels: NDArray[np.float64]) -> NDArray[Any]:
        return np.asarray(np.quantile(draw(code, n_draws), levels, axis=0, method="hazen"))

    return quantiles


def _levels(n: int) -> NDArray[np.float64]:
    levels: NDArray[np.float64] = (np.arange(n) + 0.5) / n
    return levels


def _present_quantiles(
    values: NDArray[Any], present: NDArray[np.bool_] | None, levels: NDArray[np.float64], model: Floats
) -> Floats:
    if present is None or present.all():
        return np.asarray(np.quantile(values, levels, axis=0, method="hazen"), dtype=np.float32)
    found = model.copy()
    for j in np.flatnonzero(present.sum(axis=0) >= MIN_VALUES):
        found[:, j] = np.quantile(values[present[:, j], j], levels, method="hazen")
    return found


def _mapped(x: Floats, q: Floats, t: Floats) -> Floats:
    if q[0] == q[-1]:
        return x
    inside = np.interp(x, q, t)
    beyond = np.where(x < q[0], x + (t[0] - q[0]), x + (t[-1] - q[-1]))
    return np.where((x < q[0]) | (x > q[-1]), beyond, inside).astype(np.float32)
