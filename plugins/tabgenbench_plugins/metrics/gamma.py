"""Gamma: agreement of the feature-feature correlations of real and synthetic rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from tabgenbench import Evaluation, Metric, MetricContext, Result, ScoreSpec
from tabgenbench_plugins.correlation import (
    MAX_TRIANGLE_FEATURES,
    Undefined,
    correlation_agreement,
    pearson,
    streamed_sums,
)
from tabgenbench_plugins.metrics.parts.pooled import check_numeric, feature_notes, pooled_triangle, pooled_units
from tabgenbench_plugins.metrics.parts.present import Columns, PresentColumns
from tabgenbench_plugins.metrics.parts.results import collect, undefined_result

__all__ = ["Gamma"]

CITATION = "Viñas et al., Bioinformatics 38(3), 2022; Bong & Oh, JBE 28(3), 2023, doi 10.5909/JBE.2023.28.3.275"
BLIND_TO = (
    "Structure within conditions, because differences between conditions dominate it: the mean row of each condition "
    "without noise scores nearly as high as real rows, and so does independent noise. Also location and scale of "
    "features. Its ceiling, real rows against real rows, grows with the number of test rows"
)


class Gamma(Metric):
    """Agreement between the correlations of features in real rows and the same correlations in synthetic rows.

    Let r be the Pearson correlation of two features over rows, on the evaluation scale. Gamma is the Pearson
    correlation between the r of the real test rows and the r of the synthetic rows. Viñas et al. (2022) use 1 - r in
    place of r, with the same result. Features that are constant in the real test rows are excluded, and a note states
    their number. A feature that is constant only in the synthetic rows has r = 0 with every other feature. If such
    features were excluded, constant synthetic features would be rewarded. With missing values, r uses the rows in which
    both features have a value. For more than 4,000 features without missing values, the correlation matrix is computed
    in tiles and never stored as a whole, which saves memory.
    """

    name: ClassVar[str] = "gamma"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="gamma",
            question="structure",
            direction="higher",
            low=-1.0,
            high=1.0,
            headline=True,
            description="agreement of the feature-feature correlation matrices of synthetic and real test rows",
            blind_to=BLIND_TO,
            floor="shuffled",
            detects=("correlation-breaker",),
            misses=("copier", "mean-shifter"),
            citation=CITATION,
        ),
        ScoreSpec(
            name="gamma-clipped",
            question="structure",
            direction="higher",
            low=-1.0,
            high=1.0,
            description="gamma with every distance 1 - r clipped to [0, 1]: negative correlations count as 0",
            blind_to=f"The size of negative correlations. {BLIND_TO}",
            floor="shuffled",
            detects=("correlation-breaker",),
            misses=("copier", "mean-shifter"),
            citation="variant in the public code of Viñas et al., Bioinformatics 38(3), 2022",
        ),
    )

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table.

        The scores are undefined for fewer than 3 rows or features, or if all correlations are equal.
        """
        check_numeric(evaluation, self.name)
        try:
            real, synthetic = pooled_units(evaluation)
        except Undefined as reason:
            return undefined_result(self.scores, reason)
        scores, undefined = collect(_parts(evaluation, real, synthetic))
        return Result(scores, undefined, notes=feature_notes(evaluation))


def _parts(evaluation: Evaluation, real: Columns, synthetic: Columns) -> dict[str, Callable[[], float]]:
    if (
        isinstance(real, PresentColumns)
        or isinstance(synthetic, PresentColumns)
        or real.shape[1] <= MAX_TRIANGLE_FEATURES
    ):
        a = pooled_triangle(evaluation, "test", real)
        b = pooled_triangle(evaluation, "synthetic", synthetic)
        return {"gamma": lambda: pearson(a, b), "gamma-clipped": lambda: pearson(a.clip(0.0), b.clip(0.0))}
    return {
        "gamma": lambda: correlation_agreement(real, synthetic),
        "gamma-clipped": lambda: streamed_sums(real, synthetic, clip=True).pearson(),
    }
