"""Variational Gaussian mixtures of single columns, fitted to all continuous columns together.

The model of a column x is a Dirichlet-process mixture of K Gaussians in one dimension with the priors below, fitted by
variational inference (Bishop, "Pattern Recognition and Machine Learning", 2006, section 10.2; Blei & Jordan,
"Variational inference for Dirichlet process mixtures", Bayesian Analysis 1(1), 2006).
`sklearn.mixture.BayesianGaussianMixture` fits the same model to one column at a time, with the same constants, stopping
rule and initialisation by k-means. Only the random numbers of the initialisation differ. Therefore the fit of a column
may reach another optimum than in scikit-learn, but with a similar likelihood.

    v_k ~ Beta(1, 0.001)                          pi_k = v_k Π_{j<k} (1 - v_j)
    mu_k ~ N(mean x, 1 / precision_k)             precision_k ~ Wishart with 1 degree of freedom, inverse scale var x
    10^-6 is added to the variance inside each mode; the fit ends when the evidence lower bound moves by less than 10^-3

    N rows   C columns   K modes of a column

Columns are standardised for numerical precision. Standardising does not change the result, because the priors scale
with the column. The *score* of a mode for a row is its unnormalised log probability. The score is quadratic in x, so
one matrix product with [1, x, x²] gives all scores. Each step of the fit needs only the moments Σ r [1, x, x²] of a
mode, where r is the probability of the mode given the row. Below, z is a standardised x.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, digamma, gammaln

from tabgenbench import DataError
from tabgenbench_plugins.generators.parts.tabular.kmeans import initial_moments, n_trials

__all__ = ["Modes", "fit_modes", "fit_present_modes"]

Floats = NDArray[np.float64]

CONCENTRATION = 0.001
REGULARISATION = 1e-6
LOG_2 = math.log(2)
MAX_ITERATIONS = 100
TOLERANCE = 1e-3  # limit on the change of a column's lower bound, in nats
CHUNK_ENTRIES = 2**18  # (column, mode, row) triples processed together: 2 MB, which fits into a core's cache
LEAST_EXPONENT = -600.0  # its exp is negligible; exp below -700 underflows and takes four times as long
SMALLEST_VARIANCE = 1e-280  # a column of lower variance counts as constant, as 10^-6 / variance overflows


@dataclass(frozen=True, eq=False)
class Modes:
    """The modes of each column.

    A value x belongs to a mode with a probability proportional to exp(log_weights) N(x; means, stds).

    Attributes:
        means: shape (C, K), float64, in the column's own units.
        stds: shape (C, K), float64, in the column's own units, above 0.
        weights: expected share of each mode, shape (C, K), rows sum to 1.
        valid: whether the weight of a mode is above a threshold, shape (C, K); other modes are not used.
        log_weights: expected log weight of each mode, plus a correction for the uncertain precision of the mode, shape
            (C, K). A constant of each column is omitted.
    """

    means: Floats
    stds: Floats
    weights: Floats
    valid: NDArray[np.bool_]
    log_weights: Floats

    @property
    def n_modes(self) -> tuple[int, ...]:
        """Number of valid modes of each column."""
        return tuple(int(n) for n in self.valid.sum(axis=1))


def fit_modes(
    values_NC: NDArray[np.float64],
    *,
    max_modes: int = 10,
    weight_threshold: float = 0.005,
    seed: int,
    start_NC: NDArray[np.int64] | None = None,
) -> Modes:
    """Fit a Gaussian mixture, whose components are the modes, to every column.

    Args:
        values_NC: finite values, at least two rows.
        max_modes: largest number of modes; K is the smaller of this number and the number of rows.
        weight_threshold: modes with at most this weight are not valid.
        seed: seed of the initialisation. Equal seeds give identical results.
        start_NC: initial mode of each value, 0 to K - 1, instead of a random initialisation by k-means.

    Raises:
        DataError: fewer than two rows, or a value that is not finite.
    """
    if values_NC.ndim != 2 or len(values_NC) < 2 or not np.isfinite(values_NC).all():
        raise DataError(
            f"modes of columns: got an array of shape {values_NC.shape}, expected finite values of at least two rows; "
            "fill or drop missing values"
        )
    n_rows, n_columns = values_NC.shape
    n_modes = min(n_rows, max_modes)
    rng = np.random.default_rng(seed)
    means, stds, weights, log_weights = (np.empty((n_columns, n_modes)) for _ in range(4))
    step = max(1, CHUNK_ENTRIES // (n_rows * n_modes))
    for start in range(0, n_columns, step):
        chunk = slice(start, start + step)
        x_CN = np.ascontiguousarray(values_NC[:, chunk].T, dtype=np.float64)
        centre_C1, scale_C1 = _centre_and_scale(x_CN)
        z_CN = (x_CN - centre_C1) / scale_C1
        if start_NC is None:
            moments_CK3 = initial_moments(z_CN, n_modes, rng.random((len(z_CN), n_modes, n_trials(n_modes))))
        else:
            moments_CK3 = _labelled_moments(z_CN, start_NC[:, chunk].T, n_modes)
        q = _fit_chunk(z_CN, moments_CK3, REGULARISATION / scale_C1**2)
        means[chunk] = q.mean * scale_C1 + centre_C1
        stds[chunk] = np.sqrt(q.variance) * scale_C1
        weights[chunk] = q.weights()
        log_weights[chunk] = q.log_weights()
    return Modes(means, stds, weights, weights > weight_threshold, log_weights)


def fit_present_modes(
    values_NC: NDArray[np.float64],
    present_NC: NDArray[np.bool_],
    *,
    max_modes: int = 10,
    weight_threshold: float = 0.005,
    seed: int,
) -> Modes:
    """Fit a Gaussian mixture to the non-missing values of every column.

    Columns without missing values are fitted together, other columns one by one. For a column with fewer than two
    non-missing values, the mixture is fitted to all values, including the placeholders of missing values.

    Args:
        values_NC: see `fit_modes`.
        present_NC: which values are not missing.
        max_modes: see `fit_modes`. A column with n < K fitted values has n modes; the other K - n are not valid.
        weight_threshold: see `fit_modes`.
        seed: see `fit_modes`.
    """
    n_present_C = present_NC.sum(axis=0)
    whole_C = (n_present_C == len(values_NC)) | (n_present_C < 2)
    shape = (values_NC.shape[1], min(len(values_NC), max_modes))
    means, stds, weights, valid = np.zeros(shape), np.ones(shape), np.zeros(shape), np.zeros(shape, dtype=bool)
    log_weights = np.full(shape, -np.inf)
    parts = [(np.flatnonzero(whole_C), values_NC[:, whole_C])]
    parts += [(np.array([j]), values_NC[present_NC[:, j], j, None]) for j in np.flatnonzero(~whole_C)]
    for part, (columns, values) in enumerate(parts):
        found = fit_modes(values, max_modes=max_modes, weight_threshold=weight_threshold, seed=seed + part)
        at = np.ix_(columns, np.arange(found.means.shape[1]))
        means[at], stds[at], weights[at] = found.means, found.stds, found.weights
        valid[at], log_weights[at] = found.valid, found.log_weights
    return Modes(means, stds, weights, valid, log_weights)


def _centre_and_scale(x_CN: Floats) -> tuple[Floats, Floats]:
    low_C1, high_C1 = x_CN.min(axis=1, keepdims=True), x_CN.max(axis=1, keepdims=True)
    centre_C1 = np.clip(x_CN.mean(axis=1, keepdims=True), low_C1, high_C1)  # rounding may move a constant's mean
    variance_C1 = np.square(x_CN - centre_C1).sum(axis=1, keepdims=True) / (x_CN.shape[1] - 1)
    return centre_C1, np.sqrt(np.where(variance_C1 > SMALLEST_VARIANCE, variance_C1, 1.0))


@dataclass(frozen=True, eq=False)
class _Posterior:
    """The variational posterior of the modes of standardised columns; every array has shape (C, K).

    Attributes:
        count: expected number of rows in each mode, plus 1. The posterior uses this number three times: as
            first parameter of the Beta distribution of v, as degrees of freedom of the mode's precision, and as ratio
            of the precision of mu to the mode's precision.
        rest: second parameter of the Beta posterior of v.
        mean: posterior mean of each mode's mean.
        variance: inverse of the expected precision of each mode.
    """

    count: Floats
    rest: Floats
    mean: Floats
    variance: Floats

    @classmethod
    def update(cls, moments_CK3: Floats, prior_variance_C1: Floats, regularisation_C1: Floats) -> _Posterior:
        """Compute the posterior from the moments Σ r, Σ r z and Σ r z² of each mode (see the module)."""
        s0, s1, s2 = (moments_CK3[..., i] for i in range(3))
        n = s0 + 10 * np.finfo(np.float64).eps
        after = np.cumsum(n[:, :0:-1], axis=1)[:, ::-1]
        rest = CONCENTRATION + np.hstack([after, np.zeros((len(n), 1))])
        count = 1.0 + n
        mean = s1 / n
        within = np.maximum(s2 - mean * (2 * s1 - mean * s0), 0.0) + n * regularisation_C1
        variance = (prior_variance_C1 + within + n / count * mean**2) / count
        return cls(count, rest, n * mean / count, variance)

    def log_weights(self) -> Floats:
        """Return E ln weight + ½ (E ln precision + ln ``variance`` - 1 / ``count``) of each mode."""
        both = digamma(self.count + self.rest)
        left = digamma(self.rest) - both
        log_pi = digamma(self.count) - both
        log_pi[:, 1:] += np.cumsum(left[:, :-1], axis=1)
        return np.asarray(log_pi + 0.5 * (LOG_2 + digamma(self.count / 2) - np.log(self.count) - 1 / self.count))

    def weights(self) -> Floats:
        """Return the expected weight of each mode; the weights of a column sum to 1."""
        weights = self.count / (self.count + self.rest)
        weights[:, 1:] *= np.cumprod(self.rest / (self.count + self.rest), axis=1)[:, :-1]
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    def score_coefficients(self) -> Floats:
        """Return the coefficients of 1, z and z² in the score of each mode."""
        constant = self.log_weights() - 0.5 * np.log(2 * math.pi * self.variance) - 0.5 * self.mean**2 / self.variance
        return np.stack([constant, self.mean / self.variance, -0.5 / self.variance], axis=-1)

    def bound(self) -> Floats:
        """Return the evidence lower bound minus the entropy of the probabilities r, up to a constant, shape (C,)."""
        half = self.count / 2
        precision = half * (LOG_2 - np.log(self.variance * self.count)) + gammaln(half)
        return np.asarray((precision + betaln(self.count, self.rest) - 0.5 * np.log(self.count)).sum(axis=1))


def _fit_chunk(z_CN: Floats, moments_CK3: Floats, regularisation_C1: Floats) -> _Posterior:
    n_columns, n_rows = z_CN.shape
    features = np.stack([np.ones_like(z_CN), z_CN, z_CN**2], axis=1)
    priors = (features[:, 2].sum(axis=1, keepdims=True) / (n_rows - 1), regularisation_C1)
    running, bound = np.arange(n_columns), np.full(n_columns, -np.inf)
    found = q = _Posterior.update(moments_CK3, *priors)
    buffer = np.empty((n_columns, moments_CK3.shape[1], n_rows))
    for _ in range(MAX_ITERATIONS):
        coefficients = q.score_coefficients()
        moments, log_norm = _expect(coefficients, features, buffer[: len(running)])
        entropy = log_norm - (coefficients * moments).sum(axis=(1, 2))
        q = _Posterior.update(moments, *priors)
        before, bound = bound, entropy + q.bound()
        _put(found, running, q)
        open_ = ~(np.abs(bound - before) < TOLERANCE)
        if not open_.all():
            running, bound, features = running[open_], bound[open_], features[open_]
            priors = (priors[0][open_], priors[1][open_])
            q = _Posterior(q.count[open_], q.rest[open_], q.mean[open_], q.variance[open_])
        if not len(running):
            break
    return found


def _labelled_moments(z_CN: Floats, label_CN: NDArray[np.int64], n_modes: int) -> Floats:
    r_CKN = (label_CN[:, None, :] == np.arange(n_modes)[:, None]).astype(np.float64)
    return np.asarray(r_CKN @ np.stack([np.ones_like(z_CN), z_CN, z_CN**2], axis=2))


def _expect(coefficients_CK3: Floats, features_C3N: Floats, buffer_CKN: Floats) -> tuple[Floats, Floats]:
    r_CKN = np.matmul(coefficients_CK3, features_C3N, out=buffer_CKN)
    top_C1N = r_CKN.max(axis=1, keepdims=True)
    r_CKN -= top_C1N
    np.maximum(r_CKN, LEAST_EXPONENT, out=r_CKN)
    np.exp(r_CKN, out=r_CKN)
    total_C1N = r_CKN.sum(axis=1, keepdims=True)
    moments_C3K = (features_C3N / total_C1N) @ r_CKN.transpose(0, 2, 1)
    return moments_C3K.transpose(0, 2, 1), (top_C1N + np.log(total_C1N)).sum(axis=(1, 2))


def _put(target: _Posterior, columns: NDArray[np.int64], source: _Posterior) -> None:
    for name in ("count", "rest", "mean", "variance"):
        getattr(target, name)[columns] = getattr(source, name)
