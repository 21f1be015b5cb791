"""Correlations over all rows of an evaluation, and the features they use."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tabgenbench import Evaluation
from tabgenbench_plugins.correlation import Floats, Undefined, check_shapes, triangle, unit_columns

__all__ = [
    "SIDES",
    "RealOrSynthetic",
    "feature_notes",
    "finite_values",
    "pooled_triangle",
    "pooled_units",
    "usable_features",
]

RealOrSynthetic = Literal["test", "synthetic"]
SIDES: dict[RealOrSynthetic, str] = {"test": "real test", "synthetic": "synthetic"}


def finite_values(evaluation: Evaluation, side: RealOrSynthetic) -> NDArray[np.float32]:
    """Return the values of a side on the evaluation scale, shape (n_rows, n_features).

    Raises:
        Undefined: there is no row or no feature, or a value is not a finite number.
    """
    values = evaluation.side(side).dense()
    if len(values) == 0:
        raise Undefined(f"there are no {SIDES[side]} rows")
    if values.shape[1] == 0:
        raise Undefined("there are no features")
    if not np.isfinite(values).all():
        raise Undefined(f"the {SIDES[side]} rows contain values that are not finite numbers")
    return values


def usable_features(evaluation: Evaluation) -> NDArray[np.bool_]:
    """Return which features vary over the real test rows, shape (n_features,).

    A feature is constant if its largest value equals its smallest.
    """

    def varies() -> NDArray[np.bool_]:
        values = finite_values(evaluation, "test")
        return np.asarray(values.max(axis=0) != values.min(axis=0))

    return evaluation.shared.once(("varies", "test"), varies, scope="split")


def pooled_units(evaluation: Evaluation) -> tuple[Floats, Floats]:
    """Return the unit columns of the usable features over all real test rows and over all synthetic rows.

    Raises:
        Undefined: there are too few rows or usable features, or every synthetic feature is constant.
    """
    usable = usable_features(evaluation)
    real, synthetic = (unit_columns(finite_values(evaluation, side)[:, usable]) for side in SIDES)
    check_shapes(real, synthetic)
    return real, synthetic


def pooled_triangle(evaluation: Evaluation, side: RealOrSynthetic, units: Floats) -> Floats:
    """Return the correlations of all pairs i < j of usable features over all rows of a side; computed once.

    For tables of at most `MAX_TRIANGLE_FEATURES` features, because it takes 8 bytes a pair.

    Args:
        evaluation: the rows; it caches the result.
        side: ``test`` or ``synthetic``.
        units: the array of this side from `pooled_units`.
    """
    scope: Literal["draw", "split"] = "split" if side == "test" else "draw"
    return evaluation.shared.once(("correlation-triangle", side), lambda: triangle(units), scope=scope)


def feature_notes(evaluation: Evaluation) -> tuple[str, ...]:
    """Return notes that count excluded features and features that are constant only in the synthetic rows."""
    usable = usable_features(evaluation)
    synthetic = finite_values(evaluation, "synthetic")[:, usable]
    n_left_out = int((~usable).sum())
    n_collapsed = int((synthetic.max(axis=0) == synthetic.min(axis=0)).sum())
    notes = []
    if n_left_out:
        notes.append(f"{n_left_out} of {len(usable)} features are constant in the real test rows and are excluded")
    if n_collapsed:
        notes.append(
            f"{n_collapsed} features are constant in the synthetic rows only and have r = 0 with every other feature"
        )
    return tuple(notes)
