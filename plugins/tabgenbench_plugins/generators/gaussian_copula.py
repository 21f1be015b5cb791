"""Gaussian copula: a distribution for each column, tied together by one correlation matrix; fitted by the package sdv.

Patki, Wedge & Veeramachaneni, "The Synthetic Data Vault", IEEE DSAA 2016, doi 10.1109/DSAA.2016.49; package ``sdv``.

    z_j = Φ⁻¹(F_j(x_j)),   z ~ N(0, R)
    z_features | z_conditions ~ N(B z_conditions, S),   B = R_fc R_cc⁻¹,   S = R_ff - B R_cf,   x_j = F_j⁻¹(Φ(z_j))

    F_j distribution of column j   R correlations of the z   Φ standard normal distribution function
    n rows   p features   k condition columns

The package codes a condition column as one number: each category is an interval of [0, 1] as long as it is frequent, in
the order in which categories first come, and each row a uniform draw inside its category's. A condition thus acts along
one line, whatever the number of categories: that, not the margins, is what the model can not express.

Fitting is the package's. Sampling is ours, by the formulas above: the package's own `sample_from_conditions` goes
through columns one by one for each condition (2 seconds a condition with 1,000 columns, where here all rows together
take less than one), and draws one number a condition where here each row has its own.
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
from scipy.special import ndtr, ndtri
from sdv.metadata import Metadata
from sdv.single_table import GaussianCopulaSynthesizer

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
EPSILON = float(np.finfo(np.float32).eps)  # how near probabilities come to 0 and 1, as in the package
MAX_FEATURES = 4000  # the package's time grows with the square of the columns, the decomposition's with the cube


class GaussianCopula(Generator):
    """A Gaussian copula of conditions and features, sampled given the conditions.

    Fitted on the evaluation scale, where values are logarithms if the dataset asks for them: no distribution offered
    fits expression values themselves, which span ten orders of magnitude. Rows come for exactly the conditions asked,
    rare ones included, as all conditions share one correlation matrix. Values are not rounded.
    """

    name = "gaussian-copula"
    card = Card(
        summary="Gaussian copula of conditions and features, margins fitted one by one (package sdv).",
        citation="Patki, Wedge & Veeramachaneni, The Synthetic Data Vault, IEEE DSAA 2016.",
        licence="Business Source Licence 1.1 (package sdv)",
        url="https://doi.org/10.1109/DSAA.2016.49",
    )

    class Config(Options):
        """Options of `GaussianCopula`."""

        distribution: Literal["beta", "norm", "truncnorm", "gamma", "uniform", "gaussian_kde"] = Field(
            "norm",
            description="distribution of every column, named as in sdv, whose own default is beta; gaussian_kde "
            "follows any shape and takes a minute more for each 1,000 columns, in fitting and in each draw",
        )
        enforce_min_max_values: bool = Field(
            True, description="clip each feature to the range of its training values, as sdv does"
        )

    config: Config

    @classmethod
    def supports(cls, schema: Schema, n_rows: int, n_features: int) -> None:
        """Decline tables of fewer than two rows, and those too wide for a matrix of features by features."""
        if n_rows < 2:
            raise Unsupported(f"generator 'gaussian-copula': {n_rows} training rows, expected at least 2")
        if n_features > MAX_FEATURES:
            raise Unsupported(
                f"generator 'gaussian-copula': {n_features} features, expected at most {MAX_FEATURES}: its time grows "
                "with their cube"
            )

    def estimate_memory(self, schema: Schema, n_rows: int, n_features: int) -> int | None:
        """Return bytes: eight float64 matrices of features by features and twelve copies of the rows, no libraries."""
        columns = n_features + len(schema.conditions)
        return 8 * (8 * columns**2 + 12 * n_rows * columns)

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Fit the margins and the correlations by sdv, and take from them what sampling needs."""
        self.supports(train.schema, train.n_rows, train.n_features)
        self._template = train.take([])
        self._conditions = TrainingConditions.of(train)
        self._codes = ConditionCodes.fit(train.conditions)
        values = train.dense()
        self._low, self._high = values.min(axis=0), values.max(axis=0)
        frame = _frame(train)
        synthesizer = _new_synthesizer(frame, train.schema, self.config.distribution)
        with _guarded(int(context.numpy.integers(2**32))):
            synthesizer.fit({TABLE: frame})
            model = synthesizer._model  # the package gives no public way to its correlations
            margins = dict(zip(model.columns, model.univariates, strict=True))
        k = len(self._codes.columns)
        transformers = synthesizer.get_transformers()
        transformers = transformers.get(TABLE, transformers)
        self._intervals = [dict(transformers[name].intervals) for name in frame.columns[:k]]
        self._condition_margins = [margins[name] for name in frame.columns[:k]]
        self._margins = [margins[name] for name in frame.columns[k:]]
        other = self._fallen_back(self._margins)
        if other:
            context.note(f"{other} of {train.n_features} features do not fit {self.config.distribution}: sdv took norm")
        self._slopes, self._root = _conditional(model.correlation.loc[frame.columns, frame.columns].to_numpy(), k)

    def _fallen_back(self, margins: list[Any]) -> int:
        """Return how many margins are not of the distribution asked for."""
        asked = GaussianCopulaSynthesizer.get_distribution_class(self.config.distribution)
        return sum(not isinstance(margin, asked) for margin in margins)

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Draw the normal scores given those of each row's condition, and turn them into values."""
        used = with_known_values(conditions, self._conditions, self._codes, context)
        scores = context.numpy.standard_normal((len(used), len(self._root))) @ self._root
        scores += self._condition_scores(used, context.numpy) @ self._slopes.T
        uniform = ndtr(scores)
        values = np.empty(scores.shape, dtype=np.float32)
        if len(values):
            with _guarded(0):  # margins have no business with random numbers, but sdv's may warn
                for j, margin in enumerate(self._margins):
                    values[:, j] = margin.percent_point(np.clip(uniform[:, j], EPSILON, 1 - EPSILON))
        if self.config.enforce_min_max_values:
            np.clip(values, self._low, self._high, out=values)
        return self._template.like(values, conditions)

    def _condition_scores(self, conditions: pd.DataFrame, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return normal scores of condition columns, shape (n, k), of uniform draws in the categories' intervals."""
        scores = np.empty(conditions.shape)
        for j, (intervals, margin) in enumerate(zip(self._intervals, self._condition_margins, strict=True)):
            bounds = np.array([intervals[value] for value in conditions.iloc[:, j]]).reshape(-1, 2)
            code = rng.uniform(bounds[:, 0], bounds[:, 1])
            scores[:, j] = ndtri(np.clip(margin.cdf(code), EPSILON, 1 - EPSILON))
        return scores


def _frame(train: Table) -> pd.DataFrame:
    """Return condition columns, then features, as the package takes them; plain names cannot collide."""
    values = pd.DataFrame(train.dense().astype(np.float64))
    values.columns = [f"x{j}" for j in range(train.n_features)]
    conditions = train.conditions.astype(str).astype(object).reset_index(drop=True)
    conditions.columns = [f"c{j}" for j in range(conditions.shape[1])]
    return pd.concat([conditions, values], axis=1)


def _new_synthesizer(frame: pd.DataFrame, schema: Schema, distribution: str) -> Any:
    metadata = Metadata()
    metadata.add_table(TABLE)
    for j, name in enumerate(frame.columns):
        metadata.add_column(name, table_name=TABLE, sdtype="categorical" if j < len(schema.conditions) else "numerical")
    with warnings.catch_warnings():
        # The package wants its users to keep the description of the columns in a file; it is made here each time.
        warnings.filterwarnings("ignore", message="We strongly recommend saving the metadata", category=UserWarning)
        return GaussianCopulaSynthesizer(
            metadata, enforce_min_max_values=False, enforce_rounding=False, default_distribution=distribution
        )


@contextmanager
def _guarded(seed: int) -> Iterator[None]:
    """Seed NumPy's global state for the package, put it back after, and keep numerical warnings of its fits quiet."""
    state = np.random.get_state()
    np.random.seed(seed)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            # Likelihoods of margins overflow while scipy searches; the package falls back to norm where a fit fails.
            warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"scipy|numpy|copulas|pandas")
            yield
    finally:
        np.random.set_state(state)


def _conditional(correlation: NDArray[np.float64], k: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what gives features from conditions: slopes, shape (p, k), and a root of the residual covariance.

    Fewer rows than features make the covariance singular, so its root comes from eigenvectors, with rounding below 0
    cut off. It is the symmetric root, which does not depend on the signs that a library gives to eigenvectors.

    Args:
        correlation: of condition columns, then features, shape (k + p, k + p).
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
