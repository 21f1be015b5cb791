"""Pair by pair: how far the synthetic correlations are from the real ones, and whether they are as strong."""

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
    triangle,
)
from tabgenbench_plugins.metrics.parts.pooled import feature_notes, pooled_triangle, pooled_units
from tabgenbench_plugins.metrics.parts.results import collect, undefined_result

__all__ = ["CorrelationPairs", "hexagons"]


class CorrelationPairs(Metric):
    """Real and synthetic correlations r of the same pair of features, over all pairs i < j.

    - ``correlation-rmse``: root of the mean squared difference of the synthetic and the real r
    - ``correlation-spread``: standard deviation of the synthetic r over that of the real r

    Gamma asks whether the two sets of correlations are in line, whatever their strength; these ask whether they are
    equal. Features are left out or count r = 0 as in `gamma`. The artifact ``hexagons`` holds the counts of pairs for
    a figure.
    """

    name: ClassVar[str] = "correlation-pairs"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="correlation-rmse",
            direction="lower",
            low=0.0,
            high=2.0,
            description="root mean squared difference of synthetic and real feature-feature correlations",
            blind_to=(
                "Location and scale of features, and what happens inside conditions: as for gamma, differences between "
                "conditions dominate it. Real rows against real rows are far from 0 where test rows are few"
            ),
            floor="shuffled",
        ),
        ScoreSpec(
            name="correlation-spread",
            direction="one",
            low=0.0,
            description="standard deviation over pairs of features of the synthetic correlations over that of the real",
            blind_to=(
                "Which features are correlated: it only sees whether correlations are as strong as real ones; above 1 "
                "they are too strong, as in rows without noise"
            ),
            floor="shuffled",
        ),
    )

    class Config(Options):
        """Options of `CorrelationPairs`."""

        hexagons: int = Field(50, ge=4, le=400, description="hexagons from -1 to 1 that pairs are counted in")
        figure_features: int = Field(
            MAX_TRIANGLE_FEATURES,
            ge=MIN_FEATURES,
            description="features counted in hexagons; of wider tables a random choice, the same for all generators",
        )

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one draw; the artifact has one line a hexagon that is not empty: ``real``, ``synthetic``, ``pairs``."""
        try:
            real, synthetic = pooled_units(evaluation)
        except Undefined as reason:
            return undefined_result(self.scores, reason)
        sums = _sums(real, synthetic)
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
        """Return one figure with a panel a generator."""
        # By name, so that the drawing is not part of the key of the scores.
        module = import_module(f"{__package__}.parts.correlation_figure")
        figures: Iterable[MetricFigure] = module.correlation_figures(artifacts)
        return figures

    def _pairs(
        self, evaluation: Evaluation, context: MetricContext, real: Floats, synthetic: Floats
    ) -> tuple[Floats, Floats]:
        """Return real and synthetic correlations of the pairs for the figure."""
        p, most = real.shape[1], self.config.figure_features
        if p > most:
            chosen = np.sort(context.numpy.choice(p, most, replace=False))
            return triangle(real[:, chosen]), triangle(synthetic[:, chosen])
        if p > MAX_TRIANGLE_FEATURES:
            return triangle(real), triangle(synthetic)
        return pooled_triangle(evaluation, "test", real), pooled_triangle(evaluation, "synthetic", synthetic)


def hexagons(a: Floats, b: Floats, across: int) -> pd.DataFrame:
    """Count points of the square from -1 to 1 in regular hexagons, as a hexbin plot does.

    The hexagons stand on a tip; their centres are those of two rectangular lattices, ``2 / across`` wide and sqrt(3)
    times as high, one shifted by half of both; a point belongs to the nearer of the two nearest centres.

    Returns:
        Centres and counts of the hexagons that are not empty: columns ``real``, ``synthetic``, ``pairs``, and
        ``width`` of a hexagon.

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
    span = 4 * across + 8  # a number for each centre: coordinates lie within +-(across + 2)
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


def _sums(real: Floats, synthetic: Floats) -> PairSums:
    wide = max(len(real), len(synthetic)) < real.shape[1]
    return gram_sums(real, synthetic) if wide else streamed_sums(real, synthetic)


def _spread(sums: PairSums) -> float:
    real = sums.aa - sums.a**2 / sums.n_pairs
    synthetic = sums.bb - sums.b**2 / sums.n_pairs
    if real <= 1e-12 * sums.scale_a:
        raise Undefined("all pairs of features are equally close in the real test rows")
    return math.sqrt(max(0.0, synthetic) / real)
