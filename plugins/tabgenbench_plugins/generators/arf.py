"""Adversarial random forest: a mixture of the leaves of all trees, with independent columns within a leaf.

Watson, Blesch, Kapar & Wright, "Adversarial random forests for density estimation and generative modeling", AISTATS
2023, https://proceedings.mlr.press/v206/watson23a.html. This project's own implementation uses the forests of
scikit-learn.

Fit. A forest is trained to classify rows as training rows or synthetic rows, with equal numbers of both. In the first
round, the synthetic rows are the training rows with each column permuted, so their columns are independent. In each
later round, synthetic rows are sampled from the previous forest: a leaf is drawn by its weight, and then the value of
each column is drawn independently from the training rows in the leaf. The rounds end when the accuracy on out-of-bag
rows is at most 1/2 + δ (option ``delta``) or no longer falls, and at the latest after ``rounds`` rounds. The model is
the forest whose samples are classified with the lowest accuracy. At an accuracy near 1/2, columns are independent
within its leaves, as far as a forest can detect.

Density. With the leaves l = 1...L of all B trees of this forest and N training rows,

    p(x) = Σ_l w_l Π_j p_lj(x_j),   w_l = n_l / (N B)

    numeric column j        normal distribution with the mean and variance of the leaf, truncated to the leaf's bounds;
                            with ``family=leaf-values``, each training value in the leaf has probability 1 / n_l
    categorical column j    P_lj(v) = (n_lj(v) + α) / (n_l + α V_j)
    n_l training rows in leaf l   n_lj(v) training rows in l with value v   V_j values of the column   α smoothing

The forest treats condition columns like all other columns. By Bayes' rule, the density given the condition values c is
a mixture of the same leaves with other weights. The shares of condition values are not smoothed:

    p(x | c) = Σ_l w_l(c) Π_j p_lj(x_j),   w_l(c) ∝ w_l Π_k n_lk(c_k) / n_l
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import (
    Card,
    ConditionCodes,
    FitContext,
    Generator,
    Options,
    SampleContext,
    Schema,
    Table,
    condition_labels,
)
from tabgenbench_plugins.generators.parts.by_condition import TrainingConditions, with_known_values
from tabgenbench_plugins.generators.parts.components import Components
from tabgenbench_plugins.generators.parts.forest_leaves import ForestLeaves

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier

__all__ = ["ARF"]

WIDE, COMPONENTS = 200, 20  # default above 200 numeric features: 20 principal components
MIN_ROWS = 2  # training rows that a mean and a variance need
ALMOST_NONE = 1e-6  # replaces share 0 of a condition value if no leaf has all requested values


class ARF(Generator):
    """Samples a leaf by its weight given the conditions, and then samples each column independently in the leaf.

    The mean and the variance of a numeric feature in a leaf are computed without missing values. With
    ``family=leaf-values``, the value of a numeric feature and the category that marks its missing values are drawn from
    the same training row. By default, a table with more than 200 numeric features is fitted on 20 principal components,
    for which missing values are replaced by the median.
    """

    name = "arf"
    card = Card(
        summary="Adversarial random forest: mixture of leaves with independent columns, conditions by leaf weights.",
        citation="Watson, Blesch, Kapar & Wright, AISTATS 2023",
        url="https://proceedings.mlr.press/v206/watson23a.html",
    )
    libraries = ("sklearn.ensemble", "scipy.special")
    makes = ("numeric", "categorical")

    class Config(Options):
        """Options of `ARF`."""

        trees: int = Field(30, ge=1, description="trees of each forest")
        min_leaf: int = Field(5, ge=1, description="fewest training and synthetic rows of a leaf")
        rounds: int = Field(10, ge=1, description="maximum number of rounds of drawing rows and fitting a forest")
        delta: float = Field(
            0.0, ge=0, le=0.5, description="rounds end when the out-of-bag accuracy is at most 0.5 + delta"
        )
        family: Literal["truncated-normal", "leaf-values"] = Field(
            "truncated-normal", description="distribution of a numeric feature within a leaf"
        )
        smoothing: float = Field(0.0, ge=0, description="rows that are added to each category within a leaf")
        components: int | None = Field(
            None,
            ge=0,
            description="number of principal components that replace the numeric features; 0 keeps the features. "
            "By default 20 for more than 200 numeric features, else 0",
        )

    config: Config

    def estimate_memory(self, schema: Schema, n_rows: int, n_features: int) -> int | None:
        """Return the estimated peak memory of `fit` in bytes."""
        kept = self._n_components(n_features)
        columns = (kept or n_features) + len(schema.categorical_features) + len(schema.conditions)
        leaves = self.config.trees * max(1, n_rows // self.config.min_leaf)
        forests = 2 * self.config.trees * 200 * max(1, 2 * n_rows // self.config.min_leaf)
        svd = 40 * n_rows * n_features if kept else 0
        return 4 * self.config.trees * n_rows + 40 * n_rows * columns + 40 * leaves * columns + forests + svd

    def _n_components(self, n_features: int) -> int:
        if self.config.components is None:
            return COMPONENTS if n_features > WIDE else 0
        return self.config.components if n_features else 0

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Fit forests in rounds, as the module docstring describes, and compute the distributions in the leaves."""
        self._template = train.take([])
        self._conditions = TrainingConditions.of(train)
        self._codes = ConditionCodes.fit(train.conditions)
        self._categories = ConditionCodes.fit(train.categories)
        values, n_components = train.dense(), self._n_components(train.n_features)
        self._components = Components.fit(values, n_components, self._conditions.group) if n_components else None
        self._present = None if self._components else train.present()
        self._values = np.array(values if self._components is None else self._components.scores(values))
        if self._components is not None:
            context.note(f"fitted on {self._values.shape[1]} principal components of {train.n_features} features")
        self._category_codes = self._categories.encode(train.categories)
        self._condition_codes = self._codes.encode(train.conditions)
        self._gaps = [] if self._components else self._gap_columns(train)
        encoded = np.hstack([self._values, self._category_codes, self._condition_codes]).astype(np.float32)
        trees, self._leaves = self._adversarial_forest(encoded, context)
        if self.config.family == "truncated-normal":
            self._fit_normals(trees)

    def _gap_columns(self, train: Table) -> list[tuple[int, int]]:
        marks = self._categories.columns
        return [
            (train.features.index(gap.column), train.n_features + marks.index(gap.shown_by))
            for gap in train.schema.numeric_gaps()
        ]

    def _adversarial_forest(self, rows: NDArray[np.float32], context: FitContext) -> tuple[list[Any], ForestLeaves]:
        """Return the trees and leaves of the forest whose samples are hardest to distinguish from training rows."""
        synthetic = context.numpy.permuted(rows, axis=0)
        best: tuple[float, list[Any], ForestLeaves] | None = None
        drawn_from = None
        for number in range(self.config.rounds + 1):
            forest = self._forest(rows, synthetic, int(context.numpy.integers(2**31)))
            accuracy = float(forest.oob_score_)
            context.report(number, self.config.rounds, accuracy=accuracy)
            if drawn_from is not None:
                is_better = best is None or accuracy < best[0]
                best = (accuracy, *drawn_from) if is_better else best
                if accuracy <= 0.5 + self.config.delta or not is_better:
                    break
            trees = [tree.tree_ for tree in forest.estimators_]
            drawn_from = trees, ForestLeaves.of(trees, rows, MIN_ROWS)
            chosen = drawn_from[1].choose(len(rows), drawn_from[1].weight, context.numpy)
            synthetic = self._draw_encoded(rows, drawn_from[1], chosen, context.numpy)
        assert best is not None  # there are at least two rounds
        context.note(
            f"the accuracy of telling rows of the kept leaves from training rows is {best[0]:.3f} out of bag "
            f"(after {number} of at most {self.config.rounds} rounds)"
        )
        return best[1], best[2]

    def _forest(self, real: NDArray[np.float32], synthetic: NDArray[np.float32], seed: int) -> RandomForestClassifier:
        from sklearn.ensemble import RandomForestClassifier

        forest = RandomForestClassifier(
            self.config.trees, min_samples_leaf=self.config.min_leaf, oob_score=True, random_state=seed
        )
        is_real = np.repeat([1, 0], len(real))
        with warnings.catch_warnings(), np.errstate(invalid="ignore"):
            # With very few trees or rows, a row may be in the sample of every tree.
            warnings.filterwarnings("ignore", message="Some inputs do not have OOB scores", category=UserWarning)
            return forest.fit(np.vstack([real, synthetic]), is_real)

    def _draw_encoded(
        self, rows: NDArray[np.float32], leaves: ForestLeaves, chosen: NDArray[np.int64], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        sources = leaves.draw_rows(np.repeat(chosen[:, None], rows.shape[1], axis=1), rng)
        for number, mark in self._gaps:
            sources[:, number] = sources[:, mark]
        return np.take_along_axis(rows, sources, axis=0)

    def _fit_normals(self, trees: list[Any]) -> None:
        values, present = self._values.astype(np.float64), self._present
        has_value = np.ones(values.shape, dtype=bool) if present is None else present
        count = self._leaves.sums(has_value)
        overall = values.mean(axis=0)
        centred = np.where(has_value, values - overall, 0.0)
        mean = self._leaves.sums(centred) / np.maximum(count, 1)
        variance = np.maximum(self._leaves.sums(centred**2) / np.maximum(count, 1) - mean**2, 0.0)
        self._mean = (mean + overall).astype(np.float32)
        self._sd = np.sqrt(variance).astype(np.float32)
        self._low, self._high = self._leaves.boxes(trees, values.shape[1])

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Return rows with the requested conditions: draw a leaf for each row, and then values within the leaf."""
        used = with_known_values(conditions, self._conditions, self._codes, context)
        leaves = np.zeros(len(used), dtype=np.int64)
        for asked, rows in _groups(self._codes.encode(used)):
            leaves[rows] = self._leaves.choose(len(rows), self._weights(asked), context.numpy)
        n_features, n_categories = self._values.shape[1], self._category_codes.shape[1]
        sources = self._leaves.draw_rows(np.repeat(leaves[:, None], n_features + n_categories, axis=1), context.numpy)
        for number, mark in self._gaps:
            sources[:, number] = sources[:, mark]
        codes = np.take_along_axis(self._category_codes, sources[:, n_features:], axis=0)
        values = np.take_along_axis(self._values, sources[:, :n_features], axis=0)
        if self.config.family == "truncated-normal" and values.size:
            values = self._draw_normals(leaves, context.numpy)
        if self.config.smoothing:
            self._smooth(codes, leaves, context.numpy)
        if self._components is not None:
            group = pd.Index(self._conditions.labels).get_indexer(condition_labels(used))  # -1: unseen combination
            values = self._components.values(values, group, context.numpy)
        return self._template.like(values, conditions, self._categories.decode(codes) if n_categories else None)

    def _weights(self, asked: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the weight of each leaf given the codes of the requested condition, shape (L,).

        If no leaf contains all requested values, a value that a leaf lacks gets the share `ALMOST_NONE` in the leaf.
        The leaves that lack the fewest requested values then get almost all of the weight.
        """
        shares = self._leaves.sums(self._condition_codes == asked) / self._leaves.count[:, None]
        weight: NDArray[np.float64] = self._leaves.weight * shares.prod(axis=1)
        if not weight.any():
            weight = self._leaves.weight * np.maximum(shares, ALMOST_NONE).prod(axis=1)
        return weight

    def _draw_normals(self, leaves: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float32]:
        from scipy.special import ndtr, ndtri

        mean, sd = self._mean[leaves].astype(np.float64), self._sd[leaves].astype(np.float64)
        low, high = self._low[leaves], self._high[leaves]
        scale = np.where(sd > 0, sd, 1.0)
        # The mean is inside the box, so a probability of 1 or 0 stands for a far bound.
        below, above = ndtr((low - mean) / scale), ndtr((high - mean) / scale)
        drawn = ndtri(below + rng.random(mean.shape) * (above - below))
        tiny = np.finfo(np.float32).eps
        values = mean + sd * np.clip(drawn, ndtri(tiny), -ndtri(tiny))
        return np.asarray(np.clip(values, low, high), dtype=np.float32)

    def _smooth(self, codes: NDArray[np.int64], leaves: NDArray[np.int64], rng: np.random.Generator) -> None:
        """Replace each category code, in place, by a uniform random code with probability α V_j / (n_l + α V_j)."""
        added = self.config.smoothing * np.array(self._categories.n_categories)
        count = self._leaves.count[leaves][:, None]
        replaced = rng.random(codes.shape) < added / (count + added)
        uniform = (rng.random(codes.shape) * self._categories.n_categories).astype(np.int64)
        codes[replaced] = uniform[replaced]


def _groups(codes: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    if not len(codes):
        return
    distinct, group = np.unique(codes, axis=0, return_inverse=True) if codes.shape[1] else (codes[:1], codes.sum(1))
    for k, one in enumerate(distinct):
        yield one, np.flatnonzero(group.reshape(-1) == k)
