"""Differential expression between two groups of rows, such as cancer and normal samples of a tissue."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from tabgenbench import Evaluation, Metric, MetricContext, Options, Requirement, Result, ScoreSpec
from tabgenbench_plugins.correlation import Floats, Undefined
from tabgenbench_plugins.metrics.parts.comparison import (
    Pair,
    compared_pairs,
    lacking_note,
    mean_over_contrasts,
    size_ratio,
)
from tabgenbench_plugins.metrics.parts.contrasts import role_cells, role_columns
from tabgenbench_plugins.metrics.parts.feature_lists import (
    MIN_FEATURES,
    Signs,
    correlation,
    jaccard,
    list_length,
    shared_part,
    sign_agreement,
    top_signs,
)
from tabgenbench_plugins.metrics.parts.pooled import check_numeric, numeric_notes
from tabgenbench_plugins.metrics.parts.results import collect, undefined_result
from tabgenbench_plugins.metrics.parts.two_sample import benjamini_hochberg

__all__ = ["DifferentialExpression"]

CITATION = "Welch, Biometrika 34, 1947; Benjamini & Hochberg, JRSS B 57(1), 1995"
AVERAGED = ("logfc-correlation", "logfc-sign-agreement", "de-top-overlap", "de-significant-overlap")
MEAN = "mean over contrasts (such as cancer against normal in each tissue)"


class DifferentialExpression(Metric):
    """Agreement between synthetic rows and real test rows on the features that differ between two groups.

    A contrast compares two groups of rows of one tissue, such as cancer and normal rows. One condition column (the
    status) defines the groups, and a second condition column defines the tissue. If the status has more than two
    values, each value gives one contrast between its rows and all other rows of the tissue. Without a second condition
    column, a contrast uses all rows. Only contrasts with at least ``min_rows`` real test rows in each group are used.
    Each score except ``logfc-ratio`` is the mean over these contrasts. P-values of features are from Welch's test, or
    from the Mann-Whitney test with ``test=mann-whitney`` (module `two_sample`). All scores use only features that vary
    over the real test rows of the contrast:

    - ``logfc-correlation``: Pearson correlation of the log2 fold changes
    - ``logfc-ratio``: root mean square of the synthetic fold changes of all contrasts together, divided by the root
      mean square of the real fold changes
    - ``logfc-sign-agreement``: share of features whose fold changes have the same sign; a synthetic fold change of 0
      counts one half
    - ``de-top-overlap``: share of the 50 most significant features of the real rows that are also among the 50 most
      significant features of the synthetic rows, with the same sign of the fold change
    - ``de-significant-overlap``: Jaccard index of the set of features that are significant in real rows and the set
      that is significant in synthetic rows (false discovery rate 0.05); a feature with fold changes of opposite signs
      counts as two features
    """

    name: ClassVar[str] = "differential-expression"
    requires: ClassVar[tuple[Requirement, ...]] = ("conditions",)
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="logfc-correlation",
            question="structure",
            direction="higher",
            low=-1.0,
            high=1.0,
            description=f"correlation over features of log2 fold changes of synthetic and real test rows, {MEAN}",
            blind_to=(
                "The size of fold changes, which may all be halved, variation within groups, and dependence between "
                "features. Means without noise exceed real rows"
            ),
            floor="shuffled",
            misses=("copier", "correlation-breaker", "mean-shifter", "category-collapser"),
            citation=CITATION,
        ),
        ScoreSpec(
            name="logfc-ratio",
            question="structure",
            direction="one",
            low=0.0,
            description="root mean square of synthetic log2 fold changes, divided by that of the real test rows",
            blind_to="Which features differ: fold changes of two features may be exchanged. Variation within groups",
            floor="shuffled",
            detects=("label-swapper",),
            misses=("copier", "correlation-breaker", "mean-shifter", "category-collapser"),
            citation=CITATION,
        ),
        ScoreSpec(
            name="logfc-sign-agreement",
            question="structure",
            direction="higher",
            low=0.0,
            high=1.0,
            description=f"share of features whose log2 fold change has the sign of the real test rows, {MEAN}",
            blind_to=(
                "The size of fold changes and variation. Signs of features without a difference are random, so real "
                "rows stay below 1; chance reaches 0.5"
            ),
            floor="shuffled",
            misses=("copier", "correlation-breaker", "mean-shifter", "category-collapser"),
            citation=CITATION,
        ),
        ScoreSpec(
            name="de-top-overlap",
            question="structure",
            direction="higher",
            low=0.0,
            high=1.0,
            description=f"share of the 50 most significant features that is found in synthetic rows, {MEAN}",
            blind_to="The size of fold changes, features outside the list, and dependence between features",
            floor="shuffled",
            detects=("label-swapper",),
            misses=("copier", "correlation-breaker", "mean-shifter", "category-collapser"),
            citation=CITATION,
        ),
        ScoreSpec(
            name="de-significant-overlap",
            question="structure",
            direction="higher",
            low=0.0,
            high=1.0,
            headline=True,
            description=f"Jaccard index of the features that are significant at FDR < 0.05, {MEAN}",
            blind_to=(
                "Dependence between features. If most features are significant in real rows, rows with too little "
                "variation agree well. It depends on the number of rows"
            ),
            floor="shuffled",
            detects=("label-swapper",),
            misses=("copier", "correlation-breaker", "mean-shifter", "category-collapser"),
            citation=CITATION,
        ),
    )

    class Config(Options):
        """Options of `DifferentialExpression`."""

        tissue: str | None = Field(
            None,
            description="condition column inside whose values groups are compared; none: the column named tissue, else "
            "the first other one",
        )
        status: str | None = Field(
            None,
            description="condition column whose values are compared; none: the column named status, else the first one "
            "with two values",
        )
        test: Literal["welch", "mann-whitney"] = Field("welch", description="two-sample test: welch or mann-whitney")
        min_rows: int = Field(5, ge=2, description="minimum number of real test rows of each group of a contrast")
        top: int = Field(
            50, ge=1, description="length of the list of most significant features; at most a quarter of the features"
        )
        fdr: float = Field(0.05, gt=0.0, lt=1.0, description="false discovery rate of significant features")

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table; save the scores of each contrast as artifact ``contrasts``.

        Raises:
            Unsupported: the dataset has no condition column, an option names a column that is not a condition, or a
                table with categorical features has fewer than three numeric features.
        """
        check_numeric(evaluation, self.name, fewest=MIN_FEATURES)
        tissue, status = role_columns(evaluation, tissue=self.config.tissue, status=self.config.status)
        try:
            pairs = compared_pairs(
                evaluation,
                partial(role_cells, tissue=tissue, status=status),
                key=(tissue, status),
                min_rows=self.config.min_rows,
                by_rank=self.config.test == "mann-whitney",
            )
            if not pairs:
                rows = f"{self.config.min_rows} real test rows in each of two groups of {status!r}"
                raise Undefined(f"{'there are not' if tissue is None else f'no value of {tissue!r} has'} {rows}")
        except Undefined as reason:
            return undefined_result(self.scores, reason)
        scale, scale_note = _fold_scale(evaluation)
        changes = [_fold_changes(pair, scale) for pair in pairs]
        table = pd.DataFrame([self._row(*one) for one in zip(pairs, changes, strict=True)])
        parts = {name: partial(mean_over_contrasts, table[name]) for name in AVERAGED}
        scores, undefined = collect({**parts, "logfc-ratio": partial(size_ratio, *zip(*changes, strict=True))})
        within = f"compares values of {status!r}" + (f" within values of {tissue!r}" if tissue is not None else "")
        notes = [
            *numeric_notes(evaluation, at_gaps="a mean and a test use the present values"),
            f"{within}: {len(pairs)} contrast{'s' if len(pairs) > 1 else ''}",
            *lacking_note(pairs),
            *scale_note,
        ]
        return Result(scores, undefined, artifacts={"contrasts": table}, notes=tuple(notes))

    def _row(self, pair: Pair, changes: tuple[Floats, Floats]) -> dict[str, Any]:
        usable = pair.real.usable
        real, synthetic = changes
        p_real, p_synthetic = pair.real.p[usable], pair.synthetic.p[usable]
        n = list_length(int(usable.sum()), self.config.top)
        tops = [top_signs(d, (p, -np.abs(d)), n) for d, p in ((real, p_real), (synthetic, p_synthetic))]
        found = [self._significant(d, p) for d, p in ((real, p_real), (synthetic, p_synthetic))]
        return {
            "contrast": pair.contrast.name,
            "logfc-correlation": correlation(real, synthetic),
            "logfc-sign-agreement": sign_agreement(real, synthetic),
            "de-top-overlap": shared_part(*tops),
            "de-significant-overlap": jaccard(*found),
            "significant_real": int(np.count_nonzero(found[0])),
            "significant_synthetic": int(np.count_nonzero(found[1])),
            "features": int(usable.sum()),
            "test_rows": sum(pair.test_rows),
        }

    def _significant(self, difference: Floats, p: Floats) -> Signs:
        if not len(p):
            return difference
        return np.sign(difference) * (benjamini_hochberg(p) < self.config.fdr)


def _fold_changes(pair: Pair, scale: Floats) -> tuple[Floats, Floats]:
    usable = pair.real.usable
    return pair.real.difference[usable] * scale[usable], pair.synthetic.difference[usable] * scale[usable]


def _fold_scale(evaluation: Evaluation) -> tuple[Floats, tuple[str, ...]]:
    transform = evaluation.transform
    if transform.log2p1 or transform.own_scale == "log2p1":
        return transform.std, ()
    if transform.own_scale == "lognorm":
        return transform.std / np.log(2.0), ()
    note = "fold changes are differences of means in standard deviations of the training rows: there is no log2 scale"
    return np.ones_like(transform.std), (note,)
