"""Correlations of features over the rows of all conditions together."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tabgenbench import Evaluation, Unsupported
from tabgenbench_plugins.correlation import Floats, unit_columns
from tabgenbench_plugins.metrics.parts.present import Columns, PresentColumns, check_columns, triangle_of, varying
from tabgenbench_plugins.metrics.parts.results import check_values

__all__ = [
    "SIDES",
    "RealOrSynthetic",
    "check_numeric",
    "feature_notes",
    "finite_values",
    "numeric_notes",
    "pooled_triangle",
    "pooled_units",
    "present_cells",
    "usable_features",
]

RealOrSynthetic = Literal["test", "synthetic"]
SIDES: dict[RealOrSynthetic, str] = {"test": "real test", "synthetic": "synthetic"}


def finite_values(evaluation: Evaluation, side: RealOrSynthetic) -> NDArray[np.float32]:
    """Return the values of real or synthetic rows on the standardised evaluation scale, shape (n_rows, n_features).

    Raises:
        Undefined: there is no row or no feature, or a value is not a finite number.
    """
    values = evaluation.side(side).dense()
    check_values(values, SIDES[side])
    return values


def check_numeric(evaluation: Evaluation, metric: str, *, fewest: int = 2) -> None:
    """Check that a table with categorical features has enough numeric features for a metric.

    Raises:
        Unsupported: the table has categorical features, and fewer numeric features than ``fewest``.
    """
    table = evaluation.test
    if table.schema.categorical_features and table.n_features < fewest:
        raise Unsupported(
            f"metric {metric!r} uses numeric features only, and this table has {table.n_features} beside "
            f"{len(table.schema.categorical_features)} categorical ones; expected at least {fewest}"
        )


def numeric_notes(evaluation: Evaluation, *, at_gaps: str) -> tuple[str, ...]:
    """Return notes on ignored categorical features and on missing values, for a metric of numeric features.

    ``at_gaps`` is a text that states how the metric treats missing values.
    """
    schema = evaluation.test.schema
    notes = []
    if schema.categorical_features:
        n, others = evaluation.test.n_features, len(schema.categorical_features)
        notes.append(f"uses the numeric features only ({n}), not the categorical ones ({others})")
    if schema.numeric_gaps():
        notes.append(f"numeric features with missing values ({len(schema.numeric_gaps())}): {at_gaps}")
    return tuple(notes)


def present_cells(evaluation: Evaluation, side: RealOrSynthetic) -> NDArray[np.bool_] | None:
    """Return a mask of the entries that are not missing, shape (n_rows, n_features).

    The result is None if neither real nor synthetic rows have missing values.
    """
    if all(evaluation.side(one).present() is None for one in SIDES):
        return None
    table = evaluation.side(side)
    present = table.present()
    return present if present is not None else np.ones((table.n_rows, table.n_features), dtype=bool)


def usable_features(evaluation: Evaluation) -> NDArray[np.bool_]:
    """Return a mask of the features that vary over the real test rows, shape (n_features,).

    A feature is constant if its largest value equals its smallest, or if all its values are missing.
    """

    def varies() -> NDArray[np.bool_]:
        return varying(finite_values(evaluation, "test"), present_cells(evaluation, "test"))

    return evaluation.shared.once(("varies", "test"), varies, scope="split")


def pooled_units(evaluation: Evaluation) -> tuple[Columns, Columns]:
    """Return the columns of real and of synthetic rows, without the features that are constant in the real test rows.

    Columns are centred and have Euclidean norm 1. If a table has missing values, the result contains `PresentColumns`,
    which are neither centred nor scaled.

    Raises:
        Undefined: there are too few rows or usable features, or every synthetic feature is constant.
    """
    usable = usable_features(evaluation)
    real, synthetic = (_columns(evaluation, side, usable) for side in SIDES)
    check_columns(real, synthetic)
    return real, synthetic


def _columns(evaluation: Evaluation, side: RealOrSynthetic, usable: NDArray[np.bool_]) -> Columns:
    values, present = finite_values(evaluation, side)[:, usable], present_cells(evaluation, side)
    return unit_columns(values) if present is None else PresentColumns(values, present[:, usable])


def pooled_triangle(evaluation: Evaluation, side: RealOrSynthetic, columns: Columns) -> Floats:
    """Return the correlations of all pairs i < j of features over all real or all synthetic rows.

    The result is cached for all metrics. Tables may have at most `MAX_TRIANGLE_FEATURES` features, because each pair
    takes 8 bytes of memory. ``columns`` is the result of `pooled_units` for ``side``.
    """
    scope: Literal["draw", "split"] = "split" if side == "test" else "draw"
    return evaluation.shared.once(("correlation-triangle", side), lambda: triangle_of(columns), scope=scope)


def feature_notes(evaluation: Evaluation) -> tuple[str, ...]:
    """Return notes with the numbers of excluded features and of features that are constant only in synthetic rows."""
    usable = usable_features(evaluation)
    present = present_cells(evaluation, "synthetic")
    varies = varying(finite_values(evaluation, "synthetic"), present)
    n_left_out = int((~usable).sum())
    n_collapsed = int((usable & ~varies).sum())
    notes = list(numeric_notes(evaluation, at_gaps="a correlation uses the rows in which both features have a value"))
    if n_left_out:
        notes.append(f"{n_left_out} of {len(usable)} features are constant in the real test rows and are excluded")
    if n_collapsed:
        notes.append(
            f"{n_collapsed} features are constant in the synthetic rows only and have r = 0 with every other feature"
        )
    return tuple(notes)
