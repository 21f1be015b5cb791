"""Gaussian copula, fitted by the package sdv: a distribution for each column, and one correlation matrix.

Patki, Wedge & Veeramachaneni, "The Synthetic Data Vault", IEEE DSAA 2016, doi 10.1109/DSAA.2016.49; package ``sdv``.

    z_j = Φ⁻¹(F_j(x_j)),   z ~ N(0, R)
    z_features | z_conditions ~ N(B z_conditions, S),   B = R_fc R_cc⁻¹,   S = R_ff - B R_cf,   x_j = F_j⁻¹(Φ(z_j))

    F_j distribution of column j   R correlations of the z   Φ standard normal distribution function
    n rows   p features   k condition columns

The package encodes a condition or a categorical feature as one number. Each category has an interval of [0, 1], whose
length is the category's relative frequency. A category is encoded as a uniform random number from its interval. A
sampled number is decoded as the category whose interval contains it. The categories of a column thus have a fixed
order, along which other columns can only rise or fall. A category cannot have an effect of its own. This is the main
limitation of the model. F_j is uniform for a categorical feature. For a numeric feature and an encoded condition
column, the option ``distribution`` sets F_j.

The package fits the model, but this module samples with the formulas above. The package's `sample_from_conditions`
processes one condition and one column at a time and takes 2 seconds per condition for 1,000 columns; this module takes
less than one second for all rows.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import (
    Card,
    ConditionCodes,
    ConfigError,
    FitContext,
    Generator,
    Options,
    SampleContext,
    Schema,
    Table,
    Unsupported,
)
from tabgenbench_plugins.generators.parts.by_condition import TrainingConditions, with_known_values

__all__ = ["GaussianCopula"]

TABLE = "table"
EPSILON = float(np.finfo(np.float32).eps)  # probabilities stay this far from 0 and 1, as in the package
MAX_FEATURES = 4000  # for p columns, the package takes time p², the eigenvectors take p³


class GaussianCopula(Generator):
    """A Gaussian copula of conditions and features, sampled given the conditions.

    The model is fitted on the evaluation scale, on which metrics compare rows and which may be logarithmic. None of the
    available distributions fits raw expression values, which span ten orders of magnitude. Every sampled row has
    exactly the requested condition. Rare conditions can be sampled like frequent ones, because all conditions share one
    correlation matrix. Values are not rounded. For training, each missing value is replaced by a random value of the
    same feature.
    """

    name = "gaussian-copula"
    card = Card(
        summary="Gaussian copula of conditions and features, margins fitted one by one (package sdv).",
        citation="Patki, Wedge & Veeramachaneni, The Synthetic Data Vault, IEEE DSAA 2016.",
        licence="Business Source Licence 1.1 (package sdv)",
        url="https://doi.org/10.1109/DSAA.2016.49",
    )
    libraries = ("sdv.single_table", "scipy.special")
    makes = ("numeric", "categorical")

    class Config(Options):
        """Options of `GaussianCopula`."""

        distribution: Literal["beta", "norm", "truncnorm", "gamma", "uniform", "gaussian_kde"] = Field(
            "norm",
            description="distribution of every numeric feature and condition, by sdv's names; sdv's default is beta. "
            "gaussian_kde fits any shape, and takes one more minute for each 1,000 columns in fitting and in each draw",
        )
        enforce_min_max_values: bool = Field(
            True, description="clip each feature to the range of its training values, as sdv does"
        )

    config: Config

    @classmethod
    def supports(cls, schema: Schema, n_rows: int, n_features: int) -> None:
        """Raise `Unsupported` for tables with fewer than two rows or too many columns for a correlation matrix."""
        if n_rows < 2:
            raise Unsupported(f"generator 'gaussian-copula': {n_rows} training rows, expected at least 2")
        n_columns = n_features + len(schema.categorical_features)
        if n_columns > MAX_FEATURES:
            raise Unsupported(
                f"generator 'gaussian-copula': {n_columns} features, expected at most {MAX_FEATURES}: the time grows "
                "with their cube"
            )

    def estimate_memory(self, schema: Schema, n_rows: int, n_features: int) -> int | None:
        """Return the estimated peak memory of `fit` in bytes."""
        columns = n_features + len(schema.conditions) + len(schema.categorical_features)
        return 8 * (8 * columns**2 + 12 * n_rows * columns)

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Fit the distribution of each column and the correlations with sdv."""
        self.supports(train.schema, train.n_rows, train.n_features)
        self._template = train.take([])
        self._conditions = TrainingConditions.of(train)
        self._codes = ConditionCodes.fit(train.conditions)
        values = _with_drawn_gaps(train, context.numpy)
        self._low, self._high = values.min(axis=0), values.max(axis=0)
        frame = _frame(train, values)
        synthesizer = _new_synthesizer(frame, train.schema, self.config.distribution)
        with _guarded(int(context.numpy.integers(2**32))):
            synthesizer.fit({TABLE: frame})
            model = synthesizer._model  # the package has no public access to its correlations
            margins = dict(zip(model.columns, model.univariates, strict=True))
        k = len(self._codes.columns)
        transformers = synthesizer.get_transformers()
        transformers = transformers.get(TABLE, transformers)
        self._intervals = [dict(transformers[name].intervals) for name in frame.columns[:k]]
        self._condition_margins = [margins[name] for name in frame.columns[:k]]
        of_values, of_categories = frame.columns[k : k + train.n_features], frame.columns[k + train.n_features :]
        self._margins = [margins[name] for name in of_values]
        self._category_margins = [margins[name] for name in of_categories]
        self._category_intervals = [dict(transformers[name].intervals) for name in of_categories]
        other = self._fallen_back(self._margins)
        if other:
            context.note(f"{other} of {train.n_features} features do not fit {self.config.distribution}: sdv took norm")
        self._slopes, self._root = _conditional(model.correlation.loc[frame.columns, frame.columns].to_numpy(), k)

    def _fallen_back(self, margins: list[Any]) -> int:
        from sdv.single_table import GaussianCopulaSynthesizer

        asked = GaussianCopulaSynthesizer.get_distribution_class(self.config.distribution)
        return sum(not isinstance(margin, asked) for margin in margins)

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Return one row for each requested condition, by the formulas of the module."""
        from scipy.special import ndtr

        used = with_known_values(conditions, self._conditions, self._codes, context)
        scores = context.numpy.standard_normal((len(used), len(self._root))) @ self._root
        scores += self._condition_scores(used, context.numpy) @ self._slopes.T
        uniform = ndtr(scores)
        quantiles = np.clip(uniform, EPSILON, 1 - EPSILON)
        values = np.empty((len(used), len(self._margins)), dtype=np.float32)
        if len(values):
            with _guarded(0):  # nothing is random here, but sdv may warn
                for j, margin in enumerate(self._margins):
                    values[:, j] = margin.percent_point(quantiles[:, j])
        if self.config.enforce_min_max_values:
            np.clip(values, self._low, self._high, out=values)
        return self._template.like(values, conditions, self._categories(quantiles[:, len(self._margins) :]))

    def _categories(self, quantiles: NDArray[np.float64]) -> pd.DataFrame | None:
        if not self._category_margins:
            return None
        found: dict[str, pd.Categorical] = {}
        names = self._template.schema.categorical_features
        columns = zip(names, self._category_margins, self._category_intervals, quantiles.T, strict=True)
        for name, margin, intervals, quantiles_n in columns:
            with _guarded(0):
                code = margin.percent_point(quantiles_n) if len(quantiles_n) else quantiles_n
            ends = np.array([end for _, end in intervals.values()])  # ascending
            at = np.searchsorted(ends[:-1], code, side="right")
            found[name] = pd.Categorical(np.array(list(intervals), dtype=object)[at], categories=sorted(intervals))
        return pd.DataFrame(found)

    def _condition_scores(self, conditions: pd.DataFrame, rng: np.random.Generator) -> NDArray[np.float64]:
        from scipy.special import ndtri

        scores = np.empty(conditions.shape)
        for j, (intervals, margin) in enumerate(zip(self._intervals, self._condition_margins, strict=True)):
            bounds = np.array([intervals[value] for value in conditions.iloc[:, j]]).reshape(-1, 2)
            code = rng.uniform(bounds[:, 0], bounds[:, 1])
            scores[:, j] = ndtri(np.clip(margin.cdf(code), EPSILON, 1 - EPSILON))
        return scores


def _with_drawn_gaps(train: Table, rng: np.random.Generator) -> NDArray[np.float32]:
    present = train.present()
    if present is None:
        return train.dense()
    values = np.array(train.dense())
    for j in np.flatnonzero(~present.all(axis=0) & present.any(axis=0)):
        is_gap = ~present[:, j]
        values[is_gap, j] = rng.choice(values[~is_gap, j], int(is_gap.sum()))
    return values


def _frame(train: Table, values: NDArray[np.float32]) -> pd.DataFrame:
    parts = []
    for prefix, part in (
        ("c", train.conditions),
        ("x", pd.DataFrame(values.astype(np.float64))),
        ("k", train.categories),
    ):
        text = part if prefix == "x" else part.astype(str).astype(object)
        parts.append(text.reset_index(drop=True).set_axis([f"{prefix}{j}" for j in range(part.shape[1])], axis=1))
    return pd.concat(parts, axis=1)


def _new_synthesizer(frame: pd.DataFrame, schema: Schema, distribution: str) -> Any:
    from sdv.metadata import Metadata
    from sdv.single_table import GaussianCopulaSynthesizer

    metadata = Metadata()
    metadata.add_table(TABLE)
    n_categories = len(schema.categorical_features)
    categories = frame.columns[frame.shape[1] - n_categories :]
    for name in frame.columns:
        is_text = name in categories or name in frame.columns[: len(schema.conditions)]
        metadata.add_column(name, table_name=TABLE, sdtype="categorical" if is_text else "numerical")
    with warnings.catch_warnings():
        # The package recommends keeping the description of the columns in a file; here it is created each time.
        warnings.filterwarnings("ignore", message="We strongly recommend saving the metadata", category=UserWarning)
        return GaussianCopulaSynthesizer(
            metadata,
            enforce_min_max_values=False,
            enforce_rounding=False,
            numerical_distributions={name: "uniform" for name in categories},  # the codes of categories are uniform
            default_distribution=distribution,
        )


@contextmanager
def _guarded(seed: int) -> Iterator[None]:
    """Set NumPy's global seed and hide numerical warnings inside the context; restore the random state afterwards."""
    state = np.random.get_state()
    np.random.seed(seed)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            # Likelihoods may overflow while scipy optimises a margin; where a fit fails, the package uses a normal
            # distribution.
            warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"scipy|numpy|copulas|pandas")
            yield
    finally:
        np.random.set_state(state)


def _conditional(correlation: NDArray[np.float64], k: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the slopes of features on conditions, shape (p, k), and a square root of the residual covariance.

    Features and conditions are normal scores. With fewer rows than features, the covariance is singular. The root is
    therefore computed from eigenvectors, and negative eigenvalues (rounding errors) are set to 0. The root is symmetric
    and so does not depend on the arbitrary signs of the eigenvectors.

    Args:
        correlation: correlation matrix of the condition columns and, after them, the features, shape (k + p, k + p).
        k: number of condition columns.

    Raises:
        ConfigError: the correlations are not finite.
    """
    if not np.isfinite(correlation).all():
        raise ConfigError(
            "generator 'gaussian-copula': the fitted correlations are not all finite; set distribution=norm"
        )
    slopes = correlation[k:, :k] @ np.linalg.pinv(correlation[:k, :k], hermitian=True)
    residual = correlation[k:, k:] - slopes @ correlation[:k, k:]
    size, vectors = np.linalg.eigh((residual + residual.T) / 2)
    return slopes, (vectors * np.sqrt(np.maximum(size, 0.0))) @ vectors.T
