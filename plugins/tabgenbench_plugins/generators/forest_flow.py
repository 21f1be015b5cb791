"""Flow matching with boosted trees in place of a network, fitted by the package ForestDiffusion.

Jolicoeur-Martineau, Fatras & Kachman, "Generating and imputing tabular data via diffusion and flow-based
gradient-boosted trees", AISTATS 2024, https://proceedings.mlr.press/v238/jolicoeur-martineau24a.html; package
``ForestDiffusion`` (MIT).

    x_t = t x_1 + (1 - t) x_0,   x_0 ~ N(0, I)
    v_t = arg min E |v(x_t, c) - (x_1 - x_0)|²      one boosted ensemble for each level t and output column
    x_{t+h} = x_t + h v_t(x_t, c),   h = 1 / (T - 1)      sampling: Euler steps from noise at t = 0

    x_1 row, scaled to [-1, 1]   c one-hot codes of the conditions   T number of values (levels) of t
    n training rows   p columns of x   q columns of c   K noisy copies of each training row

A categorical feature with V values gives V - 1 one-hot columns. As in the package, the sampled category is the one with
the largest one-hot column, or the first category if no column exceeds 1/2. This module encodes and decodes the one-hot
columns itself, because the package confuses features whose positions have digits in common, such as 1 and 11.

The time to fit a tree is proportional to the number of input columns, p + q. In the following formula, the last factor
is the time for one input column. It contains a constant for the search of splits and a time for each of the n K noisy
rows:

    seconds ≈ T · trees · p (p + q) (3.6e-4 + 5e-9 n K)      at the default depth, on one core

The constants were measured on 20,000 to 100,000 rows of 9 to 100 columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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
    Unsupported,
    condition_labels,
)
from tabgenbench_plugins.generators.parts.by_condition import TrainingConditions, with_known_values
from tabgenbench_plugins.generators.parts.components import Components

__all__ = ["ForestFlow"]

SPLIT_SECONDS, ROW_SECONDS = 3.6e-4, 5e-9  # per column of a tree: for the split search, and for each row
DEPTH = 7  # depth of the trees whose times were measured
ROW_BYTES = 24  # for each value of the noisy rows: bin, target, prediction and gradient
NODE_BYTES = 40  # for each node of a tree
WIDE_LIMIT = 1e6  # range of one-hot columns, too wide to clip a value


class ForestFlow(Generator):
    """Flow matching whose velocity is fitted by XGBoost, with the conditions as additional inputs of the trees.

    Every row has exactly the requested condition. The package clips numeric features (or their principal components) to
    the range of the training rows. For training, each missing value of a feature is filled with a random value of the
    feature. The column that marks missing values is generated like a categorical feature. A table whose fit would take
    longer than `max_hours` is skipped before the training.
    """

    name = "forest-flow"
    card = Card(
        summary="Flow matching with boosted trees, one ensemble for each noise level and column (ForestDiffusion).",
        citation="Jolicoeur-Martineau, Fatras & Kachman, AISTATS 2024",
        licence="MIT (package ForestDiffusion)",
        url="https://proceedings.mlr.press/v238/jolicoeur-martineau24a.html",
    )
    libraries = ("ForestDiffusion",)
    makes = ("numeric", "categorical")

    class Config(Options):
        """Options of `ForestFlow`; options of the package ``ForestDiffusion`` have its defaults."""

        levels: int = Field(50, ge=2, description="levels of noise, and steps of sampling (the package's n_t)")
        duplicates: int = Field(100, ge=1, description="noisy copies of each training row (the package's duplicate_K)")
        trees: int = Field(100, ge=1, description="trees of each ensemble (the package's n_estimators)")
        depth: int = Field(DEPTH, ge=1, le=16, description="depth of the trees (the package's max_depth)")
        learning_rate: float = Field(0.3, gt=0, le=1, description="shrinkage of each tree (the package's eta)")
        components: int = Field(
            0,
            ge=0,
            description="number of principal components that replace the numeric features; 0 keeps the features",
        )
        max_hours: float = Field(
            24.0, gt=0, description="a table whose estimated fit takes longer than these hours is skipped"
        )

    config: Config

    def estimate_memory(self, schema: Schema, n_rows: int, n_features: int) -> int | None:
        """Return the memory in bytes of the noisy rows, of their regression targets and gradients, and of all trees.

        A categorical feature counts as one column, because its number of categories is unknown.

        Raises:
            Unsupported: the fit would take longer than `max_hours` even with two categories per categorical feature.
        """
        n_columns = (min(self.config.components, n_features) or n_features) + len(schema.categorical_features)
        self._check_time(n_rows, n_columns, len(schema.conditions))
        noisy = ROW_BYTES * n_rows * self.config.duplicates * n_columns
        nodes = min(1 << (self.config.depth + 1), 2 * n_rows * self.config.duplicates)
        return noisy + NODE_BYTES * self.config.levels * self.config.trees * n_columns * nodes

    def _check_time(self, n_rows: int, n_columns: int, n_conditions: int) -> None:
        noisy_rows = n_rows * self.config.duplicates
        ensembles = self.config.levels * n_columns
        per_column = SPLIT_SECONDS * 2.0 ** (self.config.depth - DEPTH) + ROW_SECONDS * noisy_rows
        seconds = ensembles * self.config.trees * (n_columns + n_conditions) * per_column
        if seconds > 3600 * self.config.max_hours:
            hours = seconds / 3600
            text = f"{hours:,.0f}" if hours >= 10 else f"{hours:.2g}"
            raise Unsupported(
                f"generator 'forest-flow': {self.config.levels} levels x {n_columns:,} columns = {ensembles:,} "
                f"ensembles on {noisy_rows:,} noisy rows take an estimated {text} hours, more than "
                f"max_hours={self.config.max_hours:g}; set components=20 for a wide table, fewer levels or duplicates, "
                "or a larger max_hours"
            )

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Encode the training rows and fit the boosted ensembles."""
        self._template = train.take([])
        self._conditions = TrainingConditions.of(train)
        self._codes = ConditionCodes.fit(train.conditions)
        self._categories = ConditionCodes.fit(train.categories)
        values = _with_drawn_gaps(train, context.numpy)
        self._components = None
        if self.config.components and train.n_features:
            self._components = Components.fit(values, self.config.components, self._conditions.group)
            values = self._components.scores(values)
            context.note(f"fitted on {values.shape[1]} principal components of {train.n_features} features")
        self._n_features = values.shape[1]
        rows = np.hstack([values, self._one_hot(train.categories)]).astype(np.float64)
        given = self._codes.one_hot(train.conditions)
        self._check_time(len(rows), rows.shape[1], given.shape[1])
        self._is_constant = not (np.ptp(rows, axis=0) > 0).any() if rows.size else True
        self._first = rows[:1]
        if not self._is_constant:
            self._model = self._fitted(rows, given if given.shape[1] else None, context)

    def _one_hot(self, categories: pd.DataFrame) -> NDArray[np.float32]:
        codes = self._categories.one_hot(categories)
        sizes = np.array(self._categories.n_categories, dtype=np.int64)
        return np.delete(codes, np.cumsum(sizes) - sizes, axis=1)

    def _fitted(self, rows: NDArray[np.float64], given: NDArray[np.float32] | None, context: FitContext) -> Any:
        from ForestDiffusion import ForestDiffusionModel

        config = self.config

        class Reporting(ForestDiffusionModel):  # type: ignore[misc]
            n_done = 0

            def train_iterator(self, *args: Any, **options: Any) -> Any:
                ensembles = super().train_iterator(*args, **options)
                self.n_done += 1
                context.report(self.n_done, config.levels)
                return ensembles

        low, high = rows.min(axis=0), rows.max(axis=0)
        low[self._n_features :], high[self._n_features :] = -WIDE_LIMIT, WIDE_LIMIT
        seed = int(context.numpy.integers(2**31))
        with _global_seed(seed):
            return Reporting(
                rows,
                X_covs=given,
                n_t=config.levels,
                duplicate_K=config.duplicates,
                n_estimators=config.trees,
                max_depth=config.depth,
                eta=config.learning_rate,
                true_min_max_values=[low[None], high[None]],
                n_jobs=1,
                nthread=1,  # small trees are faster with one thread
                seed=seed,
            )

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Return a row for each requested condition by integrating the flow from noise."""
        used = with_known_values(conditions, self._conditions, self._codes, context)
        if self._is_constant or not len(used):
            rows = np.repeat(self._first, len(used), axis=0)
        else:
            given = self._codes.one_hot(used) if self._codes.columns else None
            with _global_seed(int(context.numpy.integers(2**31))):
                rows = self._model.generate(batch_size=len(used), X_covs=given)
        values = rows[:, : self._n_features].astype(np.float32)
        if self._components is not None:
            group = pd.Index(self._conditions.labels).get_indexer(condition_labels(used))  # -1: unseen combination
            values = self._components.values(values, group, context.numpy)
        return self._template.like(values, conditions, self._decoded(rows[:, self._n_features :]))

    def _decoded(self, columns: NDArray[np.float64]) -> pd.DataFrame | None:
        if not self._categories.columns:
            return None
        codes, start = [], 0
        for n in self._categories.n_categories:
            block = columns[:, start : start + n - 1]
            codes.append(np.hstack([np.full((len(block), 1), 0.5), block]).argmax(axis=1))
            start += n - 1
        return self._categories.decode(np.column_stack(codes))


def _with_drawn_gaps(train: Table, rng: np.random.Generator) -> NDArray[np.float32]:
    values, present = np.array(train.dense()), train.present()
    if present is None:
        return values
    for j in np.flatnonzero(~present.all(axis=0) & present.any(axis=0)):
        values[~present[:, j], j] = rng.choice(values[present[:, j], j], int((~present[:, j]).sum()))
    return values


@contextmanager
def _global_seed(seed: int) -> Iterator[None]:
    state = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(state)
