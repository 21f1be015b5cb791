"""Agreement of the dendrograms of features between real and synthetic rows."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from tabgenbench import Evaluation, Metric, MetricContext, Options, Result, ScoreSpec, Unsupported
from tabgenbench_plugins.correlation import MAX_TRIANGLE_FEATURES, MIN_FEATURES, Floats, Undefined, pearson
from tabgenbench_plugins.metrics.parts.pooled import check_numeric, feature_notes, pooled_triangle, pooled_units
from tabgenbench_plugins.metrics.parts.results import collect, undefined_result

__all__ = ["Dendrogram"]

CITATION = "S_dend and S_sdcc of Viñas et al., Bioinformatics 38(3), 2022"


class Dendrogram(Metric):
    """Agreement of the complete-linkage dendrograms of the features in real test rows and in synthetic rows.

    For each pair of features, r is the Pearson correlation, D = 1 - r is the distance, and T is the cophenetic distance
    in the dendrogram. gamma(a, b) denotes the Pearson correlation of a and b over all pairs of features.

    - ``s-dend``: gamma(T_real, T_synthetic)
    - ``s-sdcc``: (gamma(D_real, T_real) - gamma(D_synthetic, T_synthetic))^2; gamma(D, T) states how well a dendrogram
      represents the distances D

    Features that are constant in the real test rows are excluded. A feature that is constant only in the synthetic rows
    has r = 0 with every other feature. Features at equal distances are joined in the order of the columns.
    """

    name: ClassVar[str] = "dendrogram"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="s-dend",
            question="structure",
            direction="higher",
            low=-1.0,
            high=1.0,
            description="agreement of the cophenetic distances of complete-linkage dendrograms of the features",
            blind_to=(
                "Everything that gamma is blind to. Small differences between correlations change a complete-linkage "
                "tree: even real rows score low, and draws of one generator differ by as much as generators do. It is "
                "therefore not ranked"
            ),
            floor="shuffled",
            misses=("copier", "mean-shifter"),
            citation=CITATION,
            ranked=False,
        ),
        ScoreSpec(
            name="s-sdcc",
            question="structure",
            direction="lower",
            low=0.0,
            high=4.0,
            description="squared difference in how well the real and the synthetic dendrogram fit their own distances",
            blind_to=(
                "Similarity of the two dendrograms: two different trees that fit their distances equally well score "
                "a perfect 0. It is as noisy as s-dend"
            ),
            floor="shuffled",
            misses=("copier", "mean-shifter"),
            citation=CITATION,
            ranked=False,
        ),
    )

    class Config(Options):
        """Options of `Dendrogram`."""

        max_features: int = Field(
            MAX_TRIANGLE_FEATURES,
            ge=MIN_FEATURES,
            description="maximum number of features; memory and time grow with its square",
        )

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table.

        Raises:
            Unsupported: the table has more features than option ``max_features``.
        """
        n_features, most = evaluation.test.n_features, self.config.max_features
        if n_features > most:
            raise Unsupported(
                f"metric 'dendrogram': got {n_features:,} features, expected at most {most:,}, because memory grows "
                "with their square; choose fewer features or raise max_features"
            )
        check_numeric(evaluation, self.name)
        try:
            real, synthetic = pooled_units(evaluation)
        except Undefined as reason:
            return undefined_result(self.scores, reason)
        r_real = pooled_triangle(evaluation, "test", real)
        r_synthetic = pooled_triangle(evaluation, "synthetic", synthetic)
        t_real = evaluation.shared.once(("cophenetic", "test"), lambda: _cophenetic(r_real), scope="split")
        t_synthetic = evaluation.shared.once(("cophenetic", "synthetic"), lambda: _cophenetic(r_synthetic))
        parts = {
            "s-dend": lambda: pearson(t_real, t_synthetic),
            "s-sdcc": lambda: (_fit(r_real, t_real, "real test") - _fit(r_synthetic, t_synthetic, "synthetic")) ** 2,
        }
        scores, undefined = collect(parts)
        return Result(scores, undefined, notes=feature_notes(evaluation))


def _cophenetic(r: Floats) -> Floats:
    from scipy.cluster.hierarchy import cophenet, linkage

    distances: Floats = np.asarray(cophenet(linkage(1.0 - r, method="complete")), dtype=np.float64)
    return distances


def _fit(r: Floats, t: Floats, side: str) -> float:
    try:
        return -pearson(r, t)  # the correlation of 1 - r is minus that of r
    except Undefined:
        raise Undefined(f"all pairs of features are equally close in the {side} rows") from None
