"""Metric `validity`: shares of values outside the ranges and categories of the training rows."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import Evaluation, Metric, MetricContext, Options, Result, ScoreSpec, Table, as_categorical
from tabgenbench_plugins.correlation import Undefined
from tabgenbench_plugins.metrics.parts.pooled import RealOrSynthetic
from tabgenbench_plugins.metrics.parts.results import collect, undefined_result

__all__ = ["Validity"]

IN_RANGE = 1e-5  # tolerance for rounding errors at the ends of the range, in training standard deviations
WHOLE = 1e-6  # error of a whole number after rounding to float32, as a share of its size
SEEN_IN = "Everything else, and which values leave the range"
NO_NUMBER, NO_CATEGORY = (
    "the table has no numeric feature with a training value",
    "the table has no categorical feature",
)
RANGE, CATEGORY, FRACTION = "outside the range", "unseen category", "not whole"

Bools = NDArray[np.bool_]


class Validity(Metric):
    """Compares the shares of invalid values in synthetic rows and in real test rows.

    A value is invalid if it is outside the range of the training rows, if it is a category that no training row has, or
    if it is a fraction in a feature of whole numbers. Real test rows also contain invalid values. Therefore, a score
    that ends in ``-error`` is the absolute difference between the share in synthetic rows and the share in test rows:

    - ``out-of-range-error``: share of the values of numeric features and dates that are below the smallest or above the
      largest training value of the feature
    - ``unseen-categories-error``: share of the values of categorical features that no training row has
    - ``invalid-rows-error``: share of rows with at least one invalid value

    The score ``not-whole`` is the share of fractions among the synthetic values of whole-number features and dates. In
    test rows, this share is always 0. A run rounds the samples of these features, so the score can exceed 0 only for
    tables from other programs.
    """

    name: ClassVar[str] = "validity"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="out-of-range-error",
            question="fidelity",
            direction="lower",
            low=0.0,
            high=1.0,
            description="share of numeric values outside the range of the training rows, difference from test rows",
            blind_to=SEEN_IN,
            floor="condition-gaussian",
            misses=("mode-dropper", "correlation-breaker", "label-swapper"),
        ),
        ScoreSpec(
            name="unseen-categories-error",
            question="fidelity",
            direction="lower",
            low=0.0,
            high=1.0,
            description="share of categories that no training row has, difference from real test rows",
            blind_to="Everything else: the share of each category, and which categories are new",
            misses=("copier", "mode-dropper", "correlation-breaker", "label-swapper", "category-collapser"),
        ),
        ScoreSpec(
            name="not-whole",
            question="fidelity",
            direction="lower",
            low=0.0,
            high=1.0,
            description="share of synthetic values of whole-number features and dates that are not whole",
            blind_to="Everything else: a training row, repeated, has no such value",
            misses=("copier", "mode-dropper", "correlation-breaker", "label-swapper", "rounder"),
        ),
        ScoreSpec(
            name="invalid-rows-error",
            question="fidelity",
            direction="lower",
            low=0.0,
            high=1.0,
            description="share of rows outside a range, with an unseen category or a fraction, against test rows",
            blind_to=f"{SEEN_IN}. In a wide table, most rows, real or synthetic, have some value outside the ranges",
            floor="condition-gaussian",
            misses=("mode-dropper", "correlation-breaker", "label-swapper"),
            ranked=False,
        ),
    )

    class Config(Options):
        """Options of `Validity`."""

        stored_columns: int = Field(
            1000, ge=1, description="largest number of columns of a table whose shares of violations are stored"
        )

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table.

        The artifact (stored table) ``columns`` contains the share of each kind of invalid value in each column. Notes
        state these shares for all columns together, in synthetic rows and in real test rows.
        """
        for n_rows, kind in ((evaluation.synthetic.n_rows, "synthetic"), (evaluation.test.n_rows, "real test")):
            if n_rows == 0:
                return undefined_result(self.scores, Undefined(f"there are no {kind} rows"))
        found = _violations(evaluation, "synthetic")
        of_test = evaluation.shared.once(
            "violations of test rows", lambda: _violations(evaluation, "test"), scope="split"
        )
        scores, undefined = collect(
            {
                "out-of-range-error": lambda: abs(found.share(RANGE, NO_NUMBER) - of_test.share(RANGE, NO_NUMBER)),
                "unseen-categories-error": lambda: abs(
                    found.share(CATEGORY, NO_CATEGORY) - of_test.share(CATEGORY, NO_CATEGORY)
                ),
                "not-whole": lambda: found.share(FRACTION, "the table has no feature of whole numbers"),
                "invalid-rows-error": lambda: abs(found.row_share() - of_test.row_share()),
            }
        )
        artifact = found.table()
        notes = (f"synthetic rows: {found.text()}", f"real test rows: {of_test.text()}")
        artifacts = {"columns": artifact} if len(artifact) <= self.config.stored_columns else {}
        return Result(scores, undefined, artifacts, notes)


class _Violations:
    def __init__(self, n_rows: int) -> None:
        self.invalid = np.zeros(n_rows, dtype=bool)
        self.counts: list[tuple[str, str, int, int]] = []

    def add(self, kind: str, column: str, wrong: Bools, present: Bools) -> None:
        wrong = wrong & present
        self.invalid |= wrong
        self.counts.append((column, kind, int(wrong.sum()), int(present.sum())))

    def share(self, kind: str, reason: str) -> float:
        chosen = [(wrong, values) for _, found, wrong, values in self.counts if found == kind]
        if not chosen:
            raise Undefined(reason)
        wrong, values = (sum(part) for part in zip(*chosen, strict=True))
        return wrong / values if values else 0.0

    def row_share(self) -> float:
        if not self.counts:
            raise Undefined("the table has no feature with a training value")
        return float(self.invalid.mean())

    def text(self) -> str:
        parts = []
        for kind in (RANGE, CATEGORY, FRACTION):
            if any(found == kind for _, found, _, _ in self.counts):
                parts.append(f"{self.share(kind, ''):.2%} of values {kind}")
        return ", ".join([*parts, f"{self.invalid.mean():.2%} of rows with any violation"])

    def table(self) -> pd.DataFrame:
        rows = [(column, kind, wrong / max(values, 1), values) for column, kind, wrong, values in self.counts]
        return pd.DataFrame(rows, columns=["column", "violation", "share", "values"]).round({"share": 6})


def _violations(evaluation: Evaluation, side: RealOrSynthetic) -> _Violations:
    table = evaluation.side(side)
    found = _Violations(table.n_rows)
    low, high = evaluation.shared.once("training range", lambda: _range(evaluation.train), scope="split")
    values, present = table.dense(), table.present()
    every = np.ones(table.n_rows, dtype=bool)
    known = low <= high
    for j, name in enumerate(table.features):
        if known[j]:
            inside = (values[:, j] >= low[j] - IN_RANGE) & (values[:, j] <= high[j] + IN_RANGE)  # False for NaN
            found.add(RANGE, name, ~inside, every if present is None else present[:, j])
    for name in table.schema.categorical_features:
        seen = as_categorical(evaluation.train.obs[name]).dropna().unique()
        found.add(CATEGORY, name, ~table.obs[name].astype(object).isin(seen).to_numpy(), every)
    whole = {*table.schema.whole_numbers, *(date.column for date in table.schema.dates)}
    if evaluation.transform.own_scale == "standardized" or whole.isdisjoint(table.features):
        return found
    own = evaluation.own(side).dense()
    for j, name in enumerate(table.features):
        if name in whole:
            wrong = _not_whole(own[:, j], evaluation.transform.std[j])
            found.add(FRACTION, name, wrong, every if present is None else present[:, j])
    return found


def _range(train: Table) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    values, present = train.dense(), train.present()
    where = True if present is None else present
    low = values.min(axis=0, where=where, initial=np.inf)
    high = values.max(axis=0, where=where, initial=-np.inf)
    return low, high


def _not_whole(own: NDArray[np.float32], std: float) -> Bools:
    tolerance = np.maximum(1e-4, WHOLE * (np.abs(own) + std))
    return np.asarray(~(np.abs(own - np.rint(own)) <= tolerance))
