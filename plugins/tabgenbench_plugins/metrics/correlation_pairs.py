"""Metric `correlation-pairs`: error and standard deviation of synthetic feature-feature correlations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from tabgenbench import Artifacts, Evaluation, Metric, MetricContext, MetricFigure, Options, Result, ScoreSpec
from tabgenbench_plugins.correlation import (
    MAX_TRIANGLE_FEATURES,
    MIN_FEATURES,
    Floats,
    PairSums,
    Undefined,
    gram_sums,
    streamed_sums,
)
from tabgenbench_plugins.metrics.parts.pooled import check_numeric, feature_notes, pooled_triangle, pooled_units
from tabgenbench_plugins.metrics.parts.present import Columns, PresentColumns, n_columns, select, triangle_of
from tabgenbench_plugins.metrics.parts.results import collect, undefined_result

__all__ = ["CorrelationPairs", "hexagons"]


class CorrelationPairs(Metric):
    """Difference between real and synthetic feature-feature correlations r, over all pairs of features.

    - ``correlation-rmse``: root mean square of the difference between synthetic and real r
    - ``correlation-spread``: standard deviation of the synthetic r, divided by the standard deviation of the real r

    Unlike `gamma` (the Pearson correlation of real and synthetic r), these scores change if all synthetic r are
    multiplied by a positive constant. Features that are constant in the real test rows are excluded. A feature that is
    constant only in the synthetic rows has r = 0 with every other feature.
    """

    name: ClassVar[str] = "correlation-pairs"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="correlation-rmse",
            question="structure",
            direction="lower",
            low=0.0,
            high=2.0,
            description="root mean square difference between synthetic and real feature-feature correlations",
            blind_to=(
                "Location and scale of features, and structure within conditions, because differences between "
                "conditions dominate it, as for gamma. With few test rows, real rows against real rows are far from 0"
            ),
            floor="shuffled",
            detects=("correlation-breaker",),
            misses=("copier", "mean-shifter"),
        ),
        ScoreSpec(
            name="correlation-spread",
            question="structure",
            direction="one",
            low=0.0,
            description="standard deviation of the synthetic correlations, divided by that of the real ones",
            blind_to=(
                "Which features are correlated: it only measures the strength of correlations. Above 1 they are too "
                "strong, as in rows without noise"
            ),
            floor="shuffled",
            detects=("correlation-breaker",),
            misses=("copier", "mean-shifter"),
        ),
    )

    class Config(Options):
        """Options of `CorrelationPairs`."""

        hexagons: int = Field(50, ge=4, le=400, description="number of hexagonal bins from -1 to 1")
        figure_features: int = Field(
            MAX_TRIANGLE_FEATURES,
            ge=MIN_FEATURES,
            description="features in the figure; wider tables use a random subset, equal for all generators",
        )

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table.

        The artifact (stored table) ``hexagons`` contains the number of pairs in each hexagon of the figure.
        """
        check_numeric(evaluation, self.name)
        try:
            real, synthetic = pooled_units(evaluation)
        except Undefined as reason:
            return undefined_result(self.scores, reason)
        sums = _sums(evaluation, real, synthetic)
        parts: dict[str, Callable[[], float]] = {
            "correlation-rmse": lambda: math.sqrt(max(0.0, sums.aa + sums.bb - 2 * sums.ab) / sums.n_pairs),
            "correlation-spread": lambda: _spread(sums),
        }
        scores, undefined = collect(parts)
        a, b = self._pairs(evaluation, context, real, synthetic)
        artifacts = {"hexagons": hexagons(a, b, self.config.hexagons)}
        return Result(scores, undefined, artifacts, feature_notes(evaluation))

    @classmethod
    def figures(cls, artifacts: Artifacts) -> Iterable[MetricFigure]:
        """Return a figure of synthetic against real correlations, with one panel per generator."""
        # Imported by name, so that changes of the drawing code do not change the cache key of the scores.
        module = import_module(f"{__package__}.parts.correlation_figure")
        figures: Iterable[MetricFigure] = module.correlation_figures(artifacts)
        return figures

    def _pairs(
        self, evaluation: Evaluation, context: MetricContext, real: Columns, synthetic: Columns
    ) -> tuple[Floats, Floats]:
        p, most = n_columns(real), self.config.figure_features
        if p > most:
            chosen = np.sort(context.numpy.choice(p, most, replace=False))
            return triangle_of(select(real, chosen)), triangle_of(select(synthetic, chosen))
        if p > MAX_TRIANGLE_FEATURES:
            return triangle_of(real), triangle_of(synthetic)
        return pooled_triangle(evaluation, "test", real), pooled_triangle(evaluation, "synthetic", synthetic)


def hexagons(a: Floats, b: Floats, across: int) -> pd.DataFrame:
    """Count the points (a, b) in each regular hexagon of a grid that covers the square from -1 to 1.

    Each hexagon has a corner at the top. The centres of the hexagons form two rectangular grids with a horizontal
    spacing of ``2 / across`` and a vertical spacing sqrt(3) times as large. The second grid is shifted by half the
    spacing in both directions. A point belongs to the hexagon with the nearest centre.

    Returns:
        Table with one row for each hexagon that contains a point. Columns ``real`` and ``synthetic`` are the
        coordinates a and b of the centre, ``pairs`` is the number of points, and ``width`` is the width of a hexagon.

    >>> import numpy as np
    >>> hexagons(np.array([0.0, 0.001, 1.0]), np.array([0.0, 0.0, 1.0]), 10)["pairs"].tolist()
    [2, 1]
    """
    width = 2 / across
    height = math.sqrt(3) * width
    even_x, even_y = np.rint(a / width), np.rint(b / height)
    odd_x, odd_y = np.floor(a / width), np.floor(b / height)
    to_even = (a / width - even_x) ** 2 + 3 * (b / height - even_y) ** 2
    to_odd = (a / width - odd_x - 0.5) ** 2 + 3 * (b / height - odd_y - 0.5) ** 2
    nearer = to_odd < to_even
    twice_x = np.where(nearer, 2 * odd_x + 1, 2 * even_x).astype(np.int64)
    twice_y = np.where(nearer, 2 * odd_y + 1, 2 * even_y).astype(np.int64)
    span = 4 * across + 8  # encodes a centre as one integer: coordinates are within +-(across + 2)
    codes, counts = np.unique((twice_x + span // 2) * span + twice_y + span // 2, return_counts=True)
    x, y = codes // span - span // 2, codes % span - span // 2
    return pd.DataFrame(
        {
            "real": (x * width / 2).round(5),
            "synthetic": (y * height / 2).round(5),
            "pairs": counts.astype(np.int64),
            "width": width,
        }
    )


def _sums(evaluation: Evaluation, real: Columns, synthetic: Columns) -> PairSums:
    if isinstance(real, PresentColumns) or isinstance(synthetic, PresentColumns):
        a = pooled_triangle(evaluation, "test", real)
        b = pooled_triangle(evaluation, "synthetic", synthetic)
        sums = {"a": a.sum(), "b": b.sum(), "aa": a @ a, "bb": b @ b, "ab": a @ b}
        p = n_columns(real)
        scales = {"scale_a": sums["aa"] + p, "scale_b": sums["bb"] + p}
        return PairSums(n_pairs=len(a), **{name: float(value) for name, value in {**sums, **scales}.items()})
    wide = max(len(real), len(synthetic)) < real.shape[1]
    return gram_sums(real, synthetic) if wide else streamed_sums(real, synthetic)


def _spread(sums: PairSums) -> float:
    real = sums.aa - sums.a**2 / sums.n_pairs
    synthetic = sums.bb - sums.b**2 / sums.n_pairs
    if real <= 1e-12 * sums.scale_a:
        raise Undefined("all pairs of features are equally close in the real test rows")
    return math.sqrt(max(0.0, synthetic) / real)
