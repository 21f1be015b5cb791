"""Agreement between synthetic and real rows in the strongest correlations of features within each condition."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import Evaluation, Metric, MetricContext, Options, Result, ScoreSpec, Unsupported
from tabgenbench_plugins.correlation import MAX_TRIANGLE_FEATURES, MIN_ROWS, Floats, Undefined, unit_columns
from tabgenbench_plugins.metrics.parts.feature_lists import MIN_FEATURES
from tabgenbench_plugins.metrics.parts.pooled import check_numeric, numeric_notes
from tabgenbench_plugins.metrics.parts.present import PresentColumns, mean_and_spread, triangle_of
from tabgenbench_plugins.metrics.parts.results import check_values, collect, undefined_result
from tabgenbench_plugins.metrics.parts.within import CONSTANT_SHARE, condition_rows

__all__ = ["ConditionCoexpression"]

FEWEST_PAIRS = 50  # shortest list of strongest pairs, or a quarter of all pairs if this is less
EQUAL = 1e-9  # correlations that differ by less are tied
WORDS = {"train": "training", "test": "real test", "synthetic": "synthetic"}
CITATION = "lists of the strongest pairs; compare gamma of Viñas et al., Bioinformatics 38(3), 2022, within conditions"


class ConditionCoexpression(Metric):
    """Agreement of the strongest feature-feature correlations within each condition.

    For each condition, a list of the pairs of features with the largest absolute correlations is made from the training
    rows, from the real test rows and from the synthetic rows. Each list has 1 % of all pairs (option ``share``). If 1 %
    is less than 50 pairs, a list has 50 pairs, but not more than a quarter of all pairs. The scores are means over the
    conditions with enough real test rows (option ``min_rows``).

    - ``coexpression-overlap``: number of pairs that are in the lists of both the real test rows and the synthetic rows
      and whose correlations have the same sign, divided by the length of the longer list
    - ``coexpression-error``: mean absolute difference between synthetic and real test correlations, over the pairs in
      the list of the *training rows*

    A feature that is constant within a condition has a correlation of 0 with every other feature. If a table has
    fewer than 3 rows of a condition, all its correlations within this condition are 0.
    """

    name: ClassVar[str] = "condition-coexpression"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="coexpression-overlap",
            question="structure",
            direction="higher",
            low=0.0,
            high=1.0,
            description="share of the strongest 1 % of pairs within a condition that is found in synthetic rows",
            blind_to=(
                "The size of correlations, differences between conditions, and conditions with few test rows. Lists "
                "from some twenty rows are noisy: compare with real-resample, not with 1"
            ),
            floor="condition-gaussian",
            detects=("correlation-breaker",),
            misses=("copier", "mean-shifter", "category-collapser"),
            citation=CITATION,
        ),
        ScoreSpec(
            name="coexpression-error",
            question="structure",
            direction="lower",
            low=0.0,
            high=2.0,
            description="mean absolute error of the correlations of pairs that are strongest in training rows",
            blind_to="Pairs that are correlated in synthetic rows only, differences between conditions, few test rows",
            floor="condition-gaussian",
            detects=("correlation-breaker",),
            misses=("copier", "mean-shifter", "category-collapser"),
            citation=CITATION,
        ),
    )

    class Config(Options):
        """Options of `ConditionCoexpression`."""

        min_rows: int = Field(20, ge=MIN_ROWS, description="minimum number of real test rows of a scored condition")
        share: float = Field(0.01, gt=0.0, le=1.0, description="share of the pairs in a list of strongest pairs")

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table; save the scores of each condition as artifact ``conditions``.

        Raises:
            Unsupported: the table has more than 4,000 numeric features, or a table with categorical features has fewer
                than two numeric features.
        """
        check_numeric(evaluation, self.name)
        if evaluation.test.n_features > MAX_TRIANGLE_FEATURES:
            raise Unsupported(
                f"the table has {evaluation.test.n_features:,} numeric features; pairs within conditions are listed "
                f"for at most {MAX_TRIANGLE_FEATURES:,}, because memory grows with their square"
            )
        try:
            key = (self.name, *self.config.model_dump().values())
            real = evaluation.shared.once(key, lambda: self._real(evaluation), scope="split")
            synthetic = _Side.of(evaluation, "synthetic")
        except Undefined as reason:
            return undefined_result(self.scores, reason)
        table = pd.DataFrame([self._row(one, synthetic) for one in real])
        parts = {spec.name: partial(_mean, table[spec.name]) for spec in self.scores}
        scores, undefined = collect(parts)
        at_gaps = "a correlation uses the rows in which both features have a value"
        notes = [*numeric_notes(evaluation, at_gaps=at_gaps)]
        few = table.loc[table["synthetic_rows"] < MIN_ROWS, "condition"]
        if len(few):
            notes.append(f"correlations count as 0 because there are fewer than {MIN_ROWS} rows: {'; '.join(few)}")
        return Result(scores, undefined, artifacts={"conditions": table}, notes=tuple(notes))

    def _real(self, evaluation: Evaluation) -> list[_RealPairs]:
        test, train = _Side.of(evaluation, "test"), _Side.of(evaluation, "train")
        if test.values.shape[1] < MIN_FEATURES:
            raise Undefined(f"there are {test.values.shape[1]} features, and pairs need at least {MIN_FEATURES}")
        found = []
        for condition, rows in test.rows.items():
            if len(rows) < self.config.min_rows:
                continue
            r = test.correlations(condition)
            strongest = _strongest(r, self._length(len(r)))
            chosen = np.flatnonzero(_strongest(train.correlations(condition), self._length(len(r))))
            if strongest.any():
                found.append(_RealPairs(condition, len(rows), strongest, chosen, r[chosen]))
        if not found:
            most = max(len(rows) for rows in test.rows.values())
            raise Undefined(
                f"no condition has {self.config.min_rows} real test rows in which two features are correlated; the "
                f"largest condition has {most} rows"
            )
        return found

    def _length(self, n_pairs: int) -> int:
        return max(round(self.config.share * n_pairs), min(FEWEST_PAIRS, n_pairs // 4), 1)

    def _row(self, real: _RealPairs, synthetic: _Side) -> dict[str, Any]:
        r = synthetic.correlations(real.condition)
        strongest = _strongest(r, self._length(len(r)))
        n_shared = np.count_nonzero((strongest == real.strongest) & (strongest != 0))
        longest = max(np.count_nonzero(strongest), np.count_nonzero(real.strongest))
        error = float(np.abs(r[real.chosen] - real.r).mean()) if len(real.chosen) else np.nan
        return {
            "condition": real.condition,
            "coexpression-overlap": n_shared / longest,
            "coexpression-error": error,
            "pairs": longest,
            "test_rows": real.n_rows,
            "synthetic_rows": len(synthetic.rows.get(real.condition, ())),
        }


@dataclass(frozen=True, eq=False)
class _RealPairs:
    """Strongest correlations within one condition in the real rows.

    Attributes:
        condition: label of the condition.
        n_rows: number of real test rows.
        strongest: sign of the correlation of each pair that is among the strongest in the test rows, and 0 for every
            other pair, shape (n_pairs,).
        chosen: positions, among all pairs, of the strongest pairs in the training rows.
        r: correlations of the pairs in ``chosen`` over the test rows.
    """

    condition: str
    n_rows: int
    strongest: NDArray[np.int8]
    chosen: NDArray[np.intp]
    r: Floats


@dataclass(frozen=True, eq=False)
class _Side:
    values: NDArray[np.float32]
    present: NDArray[np.bool_] | None
    rows: dict[str, NDArray[np.intp]]
    floor: Floats

    @classmethod
    def of(cls, evaluation: Evaluation, side: Literal["train", "test", "synthetic"]) -> _Side:
        table = evaluation.side(side)
        values, present = table.dense(), table.present()
        check_values(values, WORDS[side])
        spread = mean_and_spread(values, present)[1]
        return cls(values, present, condition_rows(table.conditions), CONSTANT_SHARE * spread)

    def correlations(self, condition: str) -> Floats:
        rows = self.rows.get(condition, np.empty(0, dtype=np.intp))
        p = self.values.shape[1]
        if len(rows) < MIN_ROWS:
            return np.zeros(p * (p - 1) // 2)
        if self.present is not None:
            return triangle_of(PresentColumns(self.values[rows], self.present[rows], self.floor))
        return triangle_of(unit_columns(self.values[rows], floor=self.floor))


def _strongest(r: Floats, n: int) -> NDArray[np.int8]:
    """Return the sign of each of the n strongest correlations, and 0 for all other pairs.

    Pairs as strong as the n-th pair are included. Pairs with a correlation of 0 are not included.
    """
    size = np.abs(r)
    smallest = max(np.partition(size, len(size) - n)[len(size) - n] - EQUAL, EQUAL)
    return np.where(size >= smallest, np.sign(r), 0.0).astype(np.int8)


def _mean(values: pd.Series) -> float:
    found = values.dropna()
    if found.empty:
        raise Undefined("no scored condition has training rows in which two features are correlated")
    return float(found.mean())
