"""Hierarchical factors: a Gaussian factor model of each condition, with empirical marginal distributions.

The model was developed in this project and has no neural network. A row x of condition c is sampled by the formula
below. Steps 1 to 3 define the parameters of the formula. Step 4 changes the marginal distributions of x.

    x = μ_c + zᵀL_c + √ψ_c ε, z ~ N(0, I_K), ε ~ N(0, I_F)

1. μ_c is the mean of the condition's training rows.
2. Σ_c = w_c S_c + (1 - w_c) S_p shrinks the condition's own covariance S_c towards the pooled covariance S_p. The
   weight w_c is an empirical-Bayes estimate (`parts.hierarchical`). w_c is near 1 if the condition has many rows and
   its covariance differs from that of other conditions.
3. L_c contains the K leading factors of Σ_c, and ψ_c is the diagonal of Σ_c - L_cᵀL_c. The model thus keeps all
   variances, but only the correlations that K factors explain.
4. If a condition has at least 8 rows, the model's quantiles of each feature are mapped to the quantiles of the
   condition's training rows. If several training rows share the lowest value of a feature, no sampled value is lower
   (`parts.margins`).

In a table with categorical features, each category is an interval of a latent Gaussian variable, as in the control
`condition-mvn` (`parts.latent`). Σ_c is then the joint covariance of latent variables and numeric features. The
intervals are computed from the frequencies of the categories in the condition.

    F features   K factors
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from tabgenbench import Card, FitContext, Generator, Options, SampleContext, Schema, Table, load_arrays, save_arrays
from tabgenbench_plugins.generators.parts.by_condition import TrainingConditions
from tabgenbench_plugins.generators.parts.hierarchical import Factors, Root, roots
from tabgenbench_plugins.generators.parts.latent import LatentCategories
from tabgenbench_plugins.generators.parts.latent_rows import completed_residuals
from tabgenbench_plugins.generators.parts.margins import Margins
from tabgenbench_plugins.generators.parts.saved import codes_from, codes_to, conditions_from, conditions_to

__all__ = ["HierarchicalFactors"]

POOLED = -1  # key of the pooled covariance, for conditions whose own covariance has weight 0


class HierarchicalFactors(Generator):
    """Samples rows from a factor model of each condition, with the marginal distributions of the training rows.

    With few factors, a privacy attack recognises fewer training rows. With ``factors=none``, rows are sampled with the
    full covariance Σ_c. An attack that uses means and covariances of these rows recognises most training rows.

    A condition with fewer than four training rows uses the pooled covariance. A condition without training rows is
    replaced by the most similar condition that has training rows. Statistics of a numeric feature are computed without
    missing values.
    """

    name = "hierarchical-factors"
    card = Card(
        summary="Condition means, shrunk covariances of few factors and empirical margins.",
        citation="A model of TabGenBench, unpublished; shrinkage as in Ledoit & Wolf, J. Multivariate Analysis 88(2), "
        "2004, towards the pooled covariance",
        url="https://doi.org/10.1016/S0047-259X(03)00096-4",
    )
    makes = ("numeric", "categorical")
    libraries = ("scipy.linalg",)

    class Config(Options):
        """Options of `HierarchicalFactors`."""

        factors: PositiveInt | Literal["none"] = Field(
            10,
            description="factors of each condition's covariance; none keeps the whole covariance, which reveals "
            "training rows to an attack by Mahalanobis distance",
        )
        margins: bool = Field(
            True, description="map the quantiles of each feature and condition to those of the training rows"
        )

    config: Config

    def estimate_memory(self, schema: Schema, n_rows: int, n_features: int) -> int | None:
        """Return the estimated peak memory of `fit` in bytes.

        The numbers of conditions and categories are unknown before the fit, so the estimate assumes 32 values per
        condition column and 5 latent variables per categorical feature.
        """
        n_columns = n_features + 5 * len(schema.categorical_features)
        n_conditions = min(max(1, n_rows // 4), 32 * max(1, len(schema.conditions)))
        n_factors = n_columns if self.config.factors == "none" else self.config.factors
        loadings = min(n_conditions * (min(n_factors, n_rows) + 1), 2 * n_rows) * n_columns
        gram = 0 if self.config.factors == "none" else 3 * 8 * min(2 * n_rows, n_columns) ** 2
        return 4 * ((6 + 2 * self.config.margins) * n_rows * n_columns + loadings) + gram

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Compute means, covariances, category thresholds, and quantiles of the marginal distributions."""
        self._template = train.take([])
        self._conditions = conditions = TrainingConditions.of(train)
        self._means = conditions.means(train.dense(), train.present())
        self._latent = LatentCategories.fit(train, conditions)
        residuals = completed_residuals(train, conditions, self._means, self._latent, context.numpy)
        self._covariances: dict[int, Root | Factors] = {}
        weights = []
        for k, root in roots(residuals, conditions.group):
            weights.append(root.weight)
            key = k if root.weight else POOLED
            if key not in self._covariances:
                n_factors = self.config.factors
                self._covariances[key] = root if n_factors == "none" else root.factors(n_factors)
        self._margins = None
        if self.config.margins:
            self._margins = Margins.fit(train.dense(), conditions.group, self._quantiles, present=train.present())
        self._note(np.array(weights), context)

    def _note(self, weights: NDArray[np.float64], context: FitContext) -> None:
        if self._conditions.counts.max() == 1:
            context.note("no condition has two training rows, so no spread can be learned and rows are means")
        elif len(weights) > 1:
            span = f"{weights.min():.2f} to {weights.max():.2f}"
            context.note(f"weight of a condition's own covariance: {span} over {len(weights)} conditions")
        if self.config.factors == "none":
            context.note("factors=none keeps whole covariances, which reveals training rows (mahalanobis-membership)")

    def _covariance(self, k: int) -> Root | Factors:
        return self._covariances[k] if k in self._covariances else self._covariances[POOLED]

    def _quantiles(self, k: int, levels: NDArray[np.float64]) -> NDArray[np.float64]:
        from scipy.special import ndtri

        sd = np.sqrt(self._covariance(k).variances()[: self._template.n_features])
        return np.asarray(self._means[k] + ndtri(levels)[:, None] * sd)

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Draw one random row for each row of ``conditions``."""
        asked = self._conditions.asked(conditions, context)
        values, n_features = self._means[asked], self._template.n_features
        scores = np.zeros((len(asked), self._latent.n_scores), dtype=np.float32)
        for k in np.unique(asked).tolist():
            rows, covariance = np.flatnonzero(asked == k), self._covariance(k)
            drawn = covariance.draw(len(rows), context.numpy)
            values[rows] += drawn[:, :n_features]
            sd = np.sqrt(covariance.variances()[n_features:])
            scores[rows] = drawn[:, n_features:] / np.where(sd > 0, sd, 1.0)
        categories = self._latent.decode(scores, asked) if self._latent.n_scores else None
        if self._margins is not None:
            values = self._margins.apply(values, asked)
        return self._template.like(values, conditions, categories)

    def save(self, folder: Path) -> None:
        """Save means, covariances, thresholds and quantiles; the quantiles contain sorted training values."""
        arrays = {"means": self._means, **({} if self._margins is None else self._margins.arrays())}
        weights = {}
        for k, one in self._covariances.items():
            if isinstance(one, Factors):
                arrays |= {f"loadings.{k}": one.loadings, f"rest.{k}": one.rest}
            else:
                arrays |= {f"own.{k}": one.own, "pooled": one.pooled}
                weights[k] = one.weight
        for j, decisions in enumerate(self._latent.decisions):
            arrays |= {f"order.{j}": self._latent.order[j]}
            arrays |= {f"thresholds.{j}.{i}": thresholds for i, thresholds in enumerate(decisions)}
        facts = {"conditions": conditions_to(self._conditions), "categories": codes_to(self._latent.codes)}
        save_arrays(folder, arrays, {**facts, "weights": weights, "decisions": [*map(len, self._latent.decisions)]})

    @classmethod
    def load(cls, folder: Path, config: Options, *, template: Table, device: str) -> HierarchicalFactors:
        """Return a generator with the statistics that `save` wrote to ``folder``."""
        arrays, facts = load_arrays(folder)
        made = cls(config)
        made._template, made._conditions = template, conditions_from(facts["conditions"])
        made._means = arrays["means"]
        named = ((name.removeprefix("loadings."), name) for name in arrays if name.startswith("loadings."))
        made._covariances = {int(k): Factors(arrays[name], arrays[f"rest.{k}"]) for k, name in named}
        for k, weight in facts["weights"].items():
            made._covariances[int(k)] = Root(arrays[f"own.{k}"], arrays["pooled"], weight)
        made._margins = Margins.from_arrays(arrays) if made.config.margins else None
        made._latent = LatentCategories(
            codes_from(facts["categories"]),
            tuple(arrays[f"order.{j}"] for j in range(len(facts["decisions"]))),
            tuple(tuple(arrays[f"thresholds.{j}.{i}"] for i in range(n)) for j, n in enumerate(facts["decisions"])),
        )
        return made
