"""Agreement of synthetic and real rows on the features that distinguish a condition from all other conditions."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from tabgenbench import Evaluation, Metric, MetricContext, Options, Requirement, Result, ScoreSpec, Unsupported
from tabgenbench_plugins.correlation import Floats, Undefined
from tabgenbench_plugins.metrics.parts.comparison import (
    Pair,
    compared_pairs,
    lacking_note,
    mean_over_contrasts,
    size_ratio,
)
from tabgenbench_plugins.metrics.parts.contrasts import condition_cells
from tabgenbench_plugins.metrics.parts.feature_lists import (
    MIN_FEATURES,
    Signs,
    correlation,
    list_length,
    shared_part,
    top_signs,
)
from tabgenbench_plugins.metrics.parts.pooled import check_numeric, numeric_notes
from tabgenbench_plugins.metrics.parts.results import collect, undefined_result

__all__ = ["MarkerGenes"]

CITATION = "effect sizes: Kerby, Comprehensive Psychology 3, 2014 (rank-biserial); Tate, Ann. Math. Stat. 25, 1954"
AVERAGED = ("marker-overlap", "marker-effect-correlation")


class MarkerGenes(Metric):
    """Agreement between synthetic rows and real test rows on the markers of each condition.

    The effect size of a feature in a condition is the point-biserial correlation of the feature with the indicator of
    the condition (1 for rows of the condition, 0 for all other rows). The *markers* of a condition are the 50 features
    with the largest positive effect sizes. Only conditions with at least ``min_rows`` real test rows are scored. Each
    score except ``marker-effect-ratio`` is the mean over these conditions. Features that are constant in the real test
    rows are excluded.

    - ``marker-overlap``: share of the markers of the real test rows that are also markers of the synthetic rows
    - ``marker-effect-ratio``: root mean square of the synthetic effect sizes of all features in all scored conditions,
      divided by the root mean square of the real effect sizes
    - ``marker-effect-correlation``: Pearson correlation over features of the real and the synthetic effect sizes
    """

    name: ClassVar[str] = "marker-genes"
    requires: ClassVar[tuple[Requirement, ...]] = ("conditions",)
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="marker-overlap",
            question="structure",
            direction="higher",
            low=0.0,
            high=1.0,
            headline=True,
            description="share of a condition's 50 markers that are its markers in synthetic rows, condition mean",
            blind_to=(
                "Features outside the lists, the size of differences, and dependence between features. Means without "
                "noise may exceed real rows"
            ),
            floor="shuffled",
            detects=("label-swapper",),
            misses=("copier", "correlation-breaker", "mean-shifter", "category-collapser"),
            citation=CITATION,
        ),
        ScoreSpec(
            name="marker-effect-ratio",
            question="structure",
            direction="one",
            low=0.0,
            headline=True,
            description="root mean square of the conditions' effect sizes, divided by that in the real test rows",
            blind_to="Which features mark a condition, and dependence between features",
            floor="shuffled",
            detects=("label-swapper",),
            misses=("copier", "correlation-breaker", "mean-shifter", "category-collapser"),
            citation=CITATION,
        ),
        ScoreSpec(
            name="marker-effect-correlation",
            question="structure",
            direction="higher",
            low=-1.0,
            high=1.0,
            description="correlation over features of the effect sizes of a condition, mean over conditions",
            blind_to=(
                "A common factor of all effect sizes, dependence between features, and conditions with few test rows. "
                "Means without noise may exceed real rows"
            ),
            floor="shuffled",
            misses=("copier", "correlation-breaker", "mean-shifter", "category-collapser"),
            citation=CITATION,
        ),
    )

    class Config(Options):
        """Options of `MarkerGenes`."""

        effect: Literal["point-biserial", "rank-biserial"] = Field(
            "point-biserial",
            description="effect size: point-biserial (of values) or rank-biserial (of ranks, as in Mann-Whitney tests)",
        )
        min_rows: int = Field(5, ge=2, description="minimum number of real test rows of a scored condition")
        top: int = Field(50, ge=1, description="number of markers of a condition; at most a quarter of the features")

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table; save the scores of each condition as artifact ``conditions``.

        Raises:
            Unsupported: the dataset has no condition column, or a table with categorical features has fewer than three
                numeric features.
        """
        check_numeric(evaluation, self.name, fewest=MIN_FEATURES)
        if not evaluation.test.schema.conditions:
            raise Unsupported("the dataset has no condition column, and this metric compares conditions")
        try:
            pairs = compared_pairs(
                evaluation,
                condition_cells,
                key="conditions",
                min_rows=self.config.min_rows,
                by_rank=self.config.effect == "rank-biserial",
                mirrored=True,
            )
            if not pairs:
                raise Undefined(f"no condition has {self.config.min_rows} real test rows, and as many other rows")
        except Undefined as reason:
            return undefined_result(self.scores, reason)
        table = pd.DataFrame([self._row(pair) for pair in pairs])
        parts = {name: partial(mean_over_contrasts, table[name]) for name in AVERAGED}
        effects = zip(*(_effects(pair) for pair in pairs), strict=True)
        scores, undefined = collect({**parts, "marker-effect-ratio": partial(size_ratio, *effects)})
        notes = (
            *numeric_notes(evaluation, at_gaps="an effect size uses the present values"),
            f"conditions scored: {len(pairs)} of {len(condition_cells(evaluation.test.conditions))}",
            *lacking_note(pairs),
        )
        return Result(scores, undefined, artifacts={"conditions": table}, notes=notes)

    def _row(self, pair: Pair) -> dict[str, Any]:
        real, synthetic = _effects(pair)
        n = list_length(len(real), self.config.top)
        return {
            "condition": pair.contrast.first[0][1],
            "marker-overlap": shared_part(_markers(real, n), _markers(synthetic, n)),
            "marker-effect-correlation": correlation(real, synthetic),
            "markers": n,
            "features": len(real),
            "test_rows": pair.test_rows[0],
        }


def _effects(pair: Pair) -> tuple[Floats, Floats]:
    return pair.real.effect[pair.real.usable], pair.synthetic.effect[pair.real.usable]


def _markers(effect: Floats, n: int) -> Signs:
    return top_signs(np.maximum(effect, 0.0), (-effect,), n)
