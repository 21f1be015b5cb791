"""Comparison of pairwise associations of columns between synthetic rows and real test rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import (
    Artifacts,
    Evaluation,
    Metric,
    MetricContext,
    MetricFigure,
    Options,
    Result,
    ScoreSpec,
    Table,
    Unsupported,
)
from tabgenbench_plugins.correlation import MIN_ROWS, Floats, Undefined
from tabgenbench_plugins.metrics.parts.association import Associations, associations
from tabgenbench_plugins.metrics.parts.categories import joint_codes
from tabgenbench_plugins.metrics.parts.pooled import SIDES, finite_values, present_cells, usable_features
from tabgenbench_plugins.metrics.parts.results import collect, undefined_result

__all__ = ["PairAssociations"]

KINDS = ("numeric", "mixed", "categorical")
BLIND_TO = (
    "Dependence between more than two columns, its form, and the distributions of single columns. With few test rows "
    "or many categories, independent columns have associations far from 0: compare with real-resample"
)


@dataclass(frozen=True, eq=False)
class _Subset:
    """The columns that vary in the real test rows; only their associations are compared."""

    features: NDArray[np.bool_]
    categorical: tuple[str, ...]
    n_left_out: int

    def by_kind(self, found: Associations, table: Table) -> dict[str, Floats]:
        """Return the compared associations by kind of column pair: numeric, mixed or categorical.

        Pairs of two conditions, and pairs of a feature and the column that marks its missing values, are excluded.
        """
        return {
            "numeric": found.numeric,
            "mixed": found.mixed[self._mixed(table)],
            "categorical": found.categorical[self._of_two_categories(table)],
        }

    def pairs(self, table: Table) -> pd.DataFrame:
        names, others = np.array(self._names(table), dtype=object), np.array(self.categorical, dtype=object)
        numeric = np.triu_indices(len(names), 1)
        mixed = np.nonzero(self._mixed(table))
        categorical = tuple(one[self._of_two_categories(table)] for one in np.triu_indices(len(others), 1))
        ends = [(names, numeric, names), (names, mixed, others), (others, categorical, others)]
        frames = [
            pd.DataFrame({"kind": kind, "first": left[i], "second": right[j]})
            for kind, (left, (i, j), right) in zip(KINDS, ends, strict=True)
        ]
        return pd.concat(frames, ignore_index=True)

    def _names(self, table: Table) -> list[str]:
        return [name for name, kept in zip(table.features, self.features, strict=True) if kept]

    def _mixed(self, table: Table) -> NDArray[np.bool_]:
        names = self._names(table)
        shows = {(gap.column, gap.shown_by) for gap in table.schema.numeric_gaps()}
        of_gaps = np.array([[(name, other) in shows for other in self.categorical] for name in names], dtype=bool)
        return ~of_gaps.reshape(len(names), len(self.categorical))

    def _of_two_categories(self, table: Table) -> NDArray[np.bool_]:
        given = np.isin(self.categorical, table.schema.conditions)
        i, j = np.triu_indices(len(given), 1)
        return ~(given[i] & given[j])


class PairAssociations(Metric):
    """Mean absolute difference between the associations of column pairs in synthetic rows and in real test rows.

    The association of two numeric features is their Pearson correlation over the rows in which both have a value. The
    association of two categorical columns is Cramér's V. The association of a numeric feature and a categorical column
    is the correlation ratio eta. Cramér's V and eta are not corrected for bias. Categorical columns are the conditions
    and the categorical features. Columns that mark missing values of numeric features are categorical features too.
    Excluded are columns that are constant in the real test rows, pairs of two conditions (because conditions are inputs
    of the generator), and pairs of a feature and the column that marks its missing values.

    - ``association-error``: mean over all pairs
    - ``numeric-association-error``, ``mixed-association-error``, ``categorical-association-error``: mean over the pairs
      of one kind (mixed: a numeric feature and a categorical column)
    - ``strong-association-error``: mean over the pairs whose association in the training rows is at least 0.3 (option
      ``strong``) in absolute value. Training rows are used, so that sampling noise of the test rows does not affect the
      selection of pairs.
    """

    name: ClassVar[str] = "associations"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="association-error",
            question="fidelity",
            direction="lower",
            low=0.0,
            high=2.0,
            headline=True,
            description="mean absolute difference of synthetic and real associations over all pairs of columns",
            blind_to=f"Strong pairs among many weak ones. {BLIND_TO}",
            floor="shuffled",
            detects=("correlation-breaker",),
            misses=("copier", "mean-shifter"),
        ),
        ScoreSpec(
            name="numeric-association-error",
            question="fidelity",
            direction="lower",
            low=0.0,
            high=2.0,
            description="the same over pairs of numeric features, by Pearson correlation",
            blind_to=BLIND_TO,
            floor="shuffled",
            detects=("correlation-breaker",),
            misses=("copier", "mean-shifter"),
        ),
        ScoreSpec(
            name="mixed-association-error",
            question="fidelity",
            direction="lower",
            low=0.0,
            high=1.0,
            description="the same over pairs of a numeric feature and a categorical column, by correlation ratio",
            blind_to=BLIND_TO,
            floor="shuffled",
            detects=("correlation-breaker",),
            misses=("copier", "mean-shifter"),
        ),
        ScoreSpec(
            name="categorical-association-error",
            question="fidelity",
            direction="lower",
            low=0.0,
            high=1.0,
            description="the same over pairs of categorical columns, by Cramér's V",
            blind_to=BLIND_TO,
            floor="shuffled",
            detects=("correlation-breaker",),
            misses=("copier", "mean-shifter", "rounder"),
        ),
        ScoreSpec(
            name="strong-association-error",
            question="fidelity",
            direction="lower",
            low=0.0,
            high=2.0,
            description="the same over all pairs with an association of at least 0.3 (option strong) in training rows",
            blind_to=f"Associations that real rows do not have. {BLIND_TO}",
            floor="shuffled",
            detects=("correlation-breaker",),
            misses=("copier", "mean-shifter"),
        ),
    )

    class Config(Options):
        """Options of `PairAssociations`."""

        strong: float = Field(0.3, gt=0.0, le=1.0, description="smallest association of a strong pair in training rows")
        max_columns: int = Field(
            1000, ge=2, description="maximum number of columns; memory and time grow with its square"
        )
        figure_pairs: int = Field(
            1000, ge=1, description="number of pairs, the strongest in the training rows, that a figure shows"
        )

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table.

        The artifact ``pairs`` contains the associations of the 1,000 pairs that are strongest in the training rows
        (option ``figure_pairs``). A note states how many pairs of each kind are compared.

        Raises:
            Unsupported: the table has fewer than 2 columns, or more than option ``max_columns``.
        """
        self._check_size(evaluation.test)
        try:
            subset = evaluation.shared.once("association-columns", lambda: _subset(evaluation), scope="split")
            real = evaluation.shared.once(
                ("associations", "test"), lambda: _associations(evaluation, "test", subset), scope="split"
            )
            train = evaluation.shared.once(
                ("associations", "train"), lambda: _associations(evaluation, "train", subset), scope="split"
            )
            synthetic = _associations(evaluation, "synthetic", subset)
        except Undefined as reason:
            return undefined_result(self.scores, reason)
        flat = [subset.by_kind(one, evaluation.test) for one in (real, synthetic, train)]
        errors = {kind: np.abs(flat[1][kind] - flat[0][kind]) for kind in KINDS}
        everything = np.concatenate(list(errors.values()))
        strong = np.abs(np.concatenate(list(flat[2].values()))) >= self.config.strong
        parts: dict[str, Callable[[], float]] = {
            "association-error": lambda: _mean(everything, "no pair of columns varies in the real test rows"),
            "strong-association-error": lambda: _mean(
                everything[strong], f"no pair has an association of {self.config.strong:g} in the training rows"
            ),
        }
        for kind in KINDS:
            none = f"no {kind} pair of columns varies in the real test rows"
            parts[f"{kind}-association-error"] = partial(_mean, errors[kind], none)
        scores, undefined = collect(parts)
        counts = ", ".join(f"{len(errors[kind]):,} {kind}" for kind in KINDS)
        notes = [f"pairs of columns: {counts}; {int(strong.sum()):,} are strong in the training rows"]
        if subset.n_left_out:
            notes.append(f"{subset.n_left_out} columns are constant in the real test rows and are excluded")
        real_values, synthetic_values = (np.concatenate(list(one.values())).round(4) for one in flat[:2])
        artifact = subset.pairs(evaluation.test).assign(real=real_values, synthetic=synthetic_values)
        strength = -np.abs(np.concatenate(list(flat[2].values())))
        shown = np.sort(np.argsort(strength, kind="stable")[: self.config.figure_pairs])
        return Result(scores, undefined, {"pairs": artifact.iloc[shown]}, tuple(notes))

    @classmethod
    def figures(cls, artifacts: Artifacts) -> Iterable[MetricFigure]:
        """Return a figure of synthetic against real associations, with one panel per generator."""
        # Imported by name, so that changes of the drawing code do not change the cache key of the scores.
        module = import_module(f"{__package__}.parts.associations_figure")
        figures: Iterable[MetricFigure] = module.associations_figures(artifacts)
        return figures

    def _check_size(self, table: Table) -> None:
        n_columns, most = table.n_features + len(_categorical_columns(table)), self.config.max_columns
        if n_columns > most:
            raise Unsupported(
                f"metric 'associations': got {n_columns:,} columns, expected at most {most:,}, because time grows with "
                "their square; choose fewer columns or raise max_columns"
            )
        if n_columns < 2:
            raise Unsupported(f"metric 'associations': got {n_columns} columns, expected at least 2")


def _categorical_columns(table: Table) -> tuple[str, ...]:
    return (*table.schema.conditions, *table.schema.categorical_features)


def _subset(evaluation: Evaluation) -> _Subset:
    test = evaluation.test
    for side, words in SIDES.items():
        if evaluation.side(side).n_rows < MIN_ROWS:
            raise Undefined(f"{evaluation.side(side).n_rows} {words} rows, and associations need at least {MIN_ROWS}")
    features = usable_features(evaluation) if test.n_features else np.zeros(0, dtype=bool)
    columns = _categorical_columns(test)
    kept = tuple(name for name in columns if test.obs[name].nunique() > 1)
    return _Subset(features, kept, int((~features).sum()) + len(columns) - len(kept))


def _associations(evaluation: Evaluation, side: Literal["train", "test", "synthetic"], subset: _Subset) -> Associations:
    table = evaluation.side(side)
    codes = [joint_codes(table.obs[name])[0] for name in subset.categorical]
    if not subset.features.any():
        return associations(np.empty((table.n_rows, 0), dtype=np.float32), None, codes)
    if side == "train":
        values, present = table.dense(), table.present()
    else:
        values, present = finite_values(evaluation, side), present_cells(evaluation, side)
    if not subset.features.all():
        values = values[:, subset.features]
        present = None if present is None else present[:, subset.features]
    return associations(values, present, codes)


def _mean(values: Floats, reason: str) -> float:
    if len(values) == 0:
        raise Undefined(reason)
    return float(values.mean())
