"""Comparison of missing values in synthetic and real rows: rates by column, and patterns by row."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench import Evaluation, Metric, MetricContext, Result, ScoreSpec, Unsupported
from tabgenbench_plugins.correlation import Undefined
from tabgenbench_plugins.metrics.parts.categories import total_variation
from tabgenbench_plugins.metrics.parts.pooled import SIDES
from tabgenbench_plugins.metrics.parts.results import undefined_result

__all__ = ["Missing", "pattern_codes"]

WORD = 32  # columns coded in one number


class Missing(Metric):
    """Compares the missing values of synthetic rows with those of real test rows.

    Columns without missing values in the dataset are excluded. The pattern of a row is the set of its columns without a
    value.

    - ``missing-rate-error``: mean over columns of the absolute difference of the shares of missing values
    - ``missing-pattern-distance``: total variation distance between the distributions of patterns
    """

    name: ClassVar[str] = "missing"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="missing-rate-error",
            question="fidelity",
            direction="lower",
            low=0.0,
            high=1.0,
            description="mean over columns with gaps of the difference between synthetic and real share of gaps",
            blind_to="Which values are missing together, and on what they depend: gaps at random score as well",
            floor="condition-mean",
            misses=("copier", "correlation-breaker", "label-swapper", "mean-shifter"),
        ),
        ScoreSpec(
            name="missing-pattern-distance",
            question="fidelity",
            direction="lower",
            low=0.0,
            high=1.0,
            headline=True,
            description="total variation distance of the patterns of missing values in synthetic and real test rows",
            blind_to=(
                "On what the patterns depend beside the other gaps. With many columns most patterns are rare, and real "
                "rows against real rows are far from 0: compare with real-resample"
            ),
            floor="shuffled",
            misses=("copier", "mean-shifter", "label-swapper"),
        ),
    )

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table; save each column's share of missing values as artifact ``rates``.

        Raises:
            Unsupported: no column of the dataset has a missing value.
        """
        schema = evaluation.test.schema
        generated = {*evaluation.test.features, *schema.categorical_features}
        columns = [gap.column for gap in schema.gaps if gap.column in generated]
        if not columns:
            raise Unsupported("metric 'missing': no generated column of this table has missing values")
        for side, words in SIDES.items():
            if evaluation.side(side).n_rows == 0:
                return undefined_result(self.scores, Undefined(f"there are no {words} rows"))
        real, synthetic = (
            np.column_stack([evaluation.side(side).is_gap(column) for column in columns]) for side in SIDES
        )
        rates = pd.DataFrame({"column": columns, "test": real.mean(axis=0), "synthetic": synthetic.mean(axis=0)})
        codes = pattern_codes(np.concatenate([real, synthetic]))
        scores = {
            "missing-rate-error": float((rates["test"] - rates["synthetic"]).abs().mean()),
            "missing-pattern-distance": total_variation(codes[: len(real)], codes[len(real) :]),
        }
        return Result(scores, artifacts={"rates": rates})


def pattern_codes(is_missing: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the pattern of each row as a code from 0; equal rows have equal codes.

    >>> pattern_codes(np.array([[True, False], [False, False], [True, False]])).tolist()
    [1, 0, 1]
    """
    codes = np.zeros(len(is_missing), dtype=np.int64)
    for start in range(0, is_missing.shape[1], WORD):
        part = is_missing[:, start : start + WORD]
        _, word = np.unique(part @ (1 << np.arange(part.shape[1], dtype=np.int64)), return_inverse=True)
        _, codes = np.unique(codes * (word.max() + 1) + word, return_inverse=True)
    return codes
