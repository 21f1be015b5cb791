"""The batched mixture, compared with scikit-learn's column by column."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import norm
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture

from tabgenbench import DataError
from tabgenbench_datasets.rnaseqdb import RNAseqDB
from tabgenbench_plugins.generators.parts.tabular.mixture import Modes, fit_modes, fit_present_modes
from tabgenbench_plugins.generators.parts.tabular.modes import ModeTransformer

Floats = NDArray[np.float64]
N_ROWS = 300


def odd_columns(n_rows: int = N_ROWS) -> dict[str, Floats]:
    """Columns that are difficult for a mixture."""
    rng = np.random.default_rng(3)
    return {
        "constant": np.full(n_rows, 0.1),
        "constant zero": np.zeros(n_rows),
        "two values": rng.integers(0, 2, n_rows).astype(float),
        "counts": rng.poisson(1.5, n_rows).astype(float),
        "nearly all zero": np.where(rng.random(n_rows) < 0.02, rng.lognormal(3, 1, n_rows), 0.0),
        "heavy tail": rng.standard_t(1.5, n_rows),
        "huge": rng.lognormal(20, 2, n_rows),
        "huge offset": 1e9 + rng.normal(size=n_rows),
        "tiny": 1e-9 * rng.normal(size=n_rows),
        "three groups": rng.choice([-5.0, 0.0, 7.0], n_rows) + 0.3 * rng.normal(size=n_rows),
    }


def gene_columns(n_columns: int, n_rows: int = N_ROWS, seed: int = 0) -> Floats:
    """Untransformed expression: groups of log-normal values and zeros, shape (n_rows, n_columns)."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 5, n_rows)
    level = rng.normal(5, 3, n_columns) + rng.normal(0, 1, (5, n_columns))[group]
    zero = rng.random((n_rows, n_columns)) < rng.beta(0.5, 4, n_columns)
    return np.where(zero, 0.0, np.exp2(level + 0.6 * rng.normal(size=(n_rows, n_columns))))


def sklearn_mixture(x_N: Floats, seed: int, n_modes: int = 10) -> BayesianGaussianMixture:
    mixture = BayesianGaussianMixture(
        n_components=n_modes,
        weight_concentration_prior_type="dirichlet_process",
        weight_concentration_prior=0.001,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 100 iterations are the model's rule, converged or not
        return mixture.fit(x_N[:, None])


def sklearn_start(x_NC: Floats, n_modes: int = 10) -> NDArray[np.int64]:
    """The initial labels of `sklearn_mixture(..., seed=0)`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct values than clusters
        columns = [KMeans(n_modes, n_init=1, random_state=0).fit(x[:, None]).labels_ for x in x_NC.T]
    return np.stack(columns, axis=1).astype(np.int64)


def log_likelihood(weights: Floats, means: Floats, stds: Floats, x_N: Floats) -> float:
    return float(logsumexp(norm.logpdf(x_N[:, None], means, stds), b=weights, axis=1).mean())


def wdbc_columns() -> Floats:
    return np.asarray(load_breast_cancer().data, dtype=np.float64)[:N_ROWS, ::4]


@pytest.mark.parametrize(
    "x_NC",
    [
        pytest.param(np.stack(list(odd_columns().values()), axis=1), id="odd"),
        pytest.param(gene_columns(12), id="genes"),
        pytest.param(wdbc_columns(), id="wdbc"),
    ],
)
def test_from_the_same_start_it_is_the_fit_of_sklearn(x_NC: Floats) -> None:
    modes = fit_modes(x_NC, seed=0, start_NC=sklearn_start(x_NC))
    for c, x in enumerate(x_NC.T):
        theirs = sklearn_mixture(x, seed=0)
        sd = x.std() or 1.0
        np.testing.assert_allclose(modes.weights[c], theirs.weights_, rtol=1e-5, atol=1e-6)
        valid = modes.valid[c]
        assert valid.tolist() == (theirs.weights_ > 0.005).tolist()
        np.testing.assert_allclose(modes.means[c, valid], theirs.means_[valid, 0], rtol=1e-6, atol=1e-5 * sd)
        np.testing.assert_allclose(modes.stds[c, valid], np.sqrt(theirs.covariances_[valid, 0, 0]), rtol=1e-5)
        log_scores = modes.log_weights[c] + norm.logpdf(x[:, None], modes.means[c], modes.stds[c])
        responsibilities = np.exp(log_scores - logsumexp(log_scores, axis=1, keepdims=True))
        np.testing.assert_allclose(responsibilities, theirs.predict_proba(x[:, None]), atol=2e-5)


def likelihood_gaps(fit_NC: Floats, held_out_NC: Floats, seed: int) -> Iterator[tuple[float, float]]:
    """Our minus sklearn's mean log-likelihood of each column, for the fitted rows and for held-out rows."""
    modes = fit_modes(fit_NC, seed=seed)
    for c in range(fit_NC.shape[1]):
        theirs = sklearn_mixture(fit_NC[:, c], seed)
        ours = (modes.weights[c], modes.means[c], modes.stds[c])
        reference = (theirs.weights_, theirs.means_[:, 0], np.sqrt(theirs.covariances_[:, 0, 0]))
        fitted, held_out = (
            log_likelihood(*ours, x[:, c]) - log_likelihood(*reference, x[:, c]) for x in (fit_NC, held_out_NC)
        )
        yield fitted, held_out


@pytest.mark.slow
def test_its_likelihood_is_that_of_sklearn_within_noise_of_the_start() -> None:
    genes = gene_columns(20, 400, seed=1)
    odd = np.stack([x for name, x in odd_columns(400).items() if "constant" not in name], axis=1)
    wdbc = np.asarray(load_breast_cancer().data)[:400, ::6]
    for x_NC in (genes, odd, wdbc):
        fit_NC, held_out_NC = x_NC[::2], x_NC[1::2]
        gaps = np.array([list(likelihood_gaps(fit_NC, held_out_NC, seed)) for seed in range(2)])
        by_column = gaps.mean(axis=0)
        error = by_column.std(axis=0, ddof=1) / np.sqrt(len(by_column))
        assert (np.abs(by_column.mean(axis=0)) < 3 * error + 0.005).all(), (by_column.mean(axis=0), error)


@pytest.mark.data
def test_its_likelihood_on_real_genes_is_that_of_sklearn(data_dir: Path) -> None:
    x_NC = RNAseqDB(data_dir=data_dir).load().dense()[:, ::64].astype(np.float64)
    rows = np.random.default_rng(0).permutation(len(x_NC))
    gaps = np.array(list(likelihood_gaps(x_NC[rows[:808]], x_NC[rows[808:]], seed=0)))
    error = gaps.std(axis=0, ddof=1) / np.sqrt(len(gaps))
    assert (np.abs(gaps.mean(axis=0)) < 3 * error + 0.003).all(), (gaps.mean(axis=0), error)


def test_a_constant_column_has_one_mode_at_its_value() -> None:
    modes = fit_modes(np.full((50, 1), 0.1), seed=0)
    assert modes.n_modes == (1,)
    assert modes.means[0, modes.valid[0]] == 0.1
    assert modes.stds[0, modes.valid[0]] == pytest.approx(1e-3, rel=0.02)  # the square root of the added variance


def test_separate_groups_are_found() -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(-4, 0.5, 300), rng.normal(6, 1.0, 700)])[:, None]
    modes = fit_modes(x, seed=5)
    heavy = modes.weights[0] > 0.25
    assert sorted(modes.means[0, heavy]) == pytest.approx([-4, 6], abs=0.2)
    assert sorted(modes.weights[0, heavy]) == pytest.approx([0.3, 0.7], abs=0.05)


def test_equal_seeds_give_equal_bytes_and_other_seeds_other_starts() -> None:
    x_NC = gene_columns(30)
    first, again, other = (fit_modes(x_NC, seed=seed) for seed in (1, 1, 2))
    for name in ("means", "stds", "weights", "valid", "log_weights"):
        assert getattr(first, name).tobytes() == getattr(again, name).tobytes()
    assert first.means.tobytes() != other.means.tobytes()


@settings(max_examples=25, deadline=None)
@given(
    scale=st.floats(1e-3, 1e6),
    shift=st.floats(-1e3, 1e3),
    x=st.lists(st.integers(-50, 50), min_size=2, max_size=40).filter(lambda x: len(set(x)) > 1),
)
def test_every_fit_is_a_mixture(scale: float, shift: float, x: list[int]) -> None:
    x_NC = (np.array(x, dtype=float) * scale + shift * scale)[:, None]
    modes: Modes = fit_modes(x_NC, seed=0)
    assert modes.means.shape == (1, min(len(x), 10))
    assert modes.weights.sum() == pytest.approx(1)
    assert modes.valid.any()
    assert (modes.stds > 0).all()
    assert np.isfinite(modes.log_weights).all()
    slack = 1e-9 * np.abs(x_NC).max()
    assert (modes.means >= x_NC.min() - slack).all()
    assert (modes.means <= x_NC.max() + slack).all()


def test_modes_of_a_column_with_gaps_are_those_of_its_present_values() -> None:
    rng = np.random.default_rng(0)
    x_NC = np.column_stack([rng.normal(size=300), rng.choice([-5.0, 5.0], 300) + 0.5 * rng.normal(size=300)])
    present = np.ones(x_NC.shape, dtype=bool)
    present[::3, 1] = False
    x_NC[::3, 1] = 0.1  # a spike between both groups
    found = fit_present_modes(x_NC, present, seed=3)
    means = found.means[1][found.weights[1] > 0.1]
    assert (np.abs(means) > 3).all()
    assert (means < 0).any()
    assert (means > 0).any()
    alone = fit_modes(x_NC[:, :1], seed=3)
    assert found.means[:1].tobytes() == alone.means.tobytes()
    assert found.log_weights[:1].tobytes() == alone.log_weights.tobytes()


@pytest.mark.parametrize("n_present", [0, 1, 2, 4])
def test_a_column_with_hardly_any_value_has_a_mode(n_present: int) -> None:
    x_NC = np.column_stack([np.arange(50.0), np.full(50, 7.0)])
    present = np.ones(x_NC.shape, dtype=bool)
    present[n_present:, 1] = False
    x_NC[:n_present, 1] += np.arange(n_present)
    found = fit_present_modes(x_NC, present, seed=0)
    assert found.n_modes[1] >= 1
    assert found.means[1][found.valid[1]].min() > 6
    assert np.isfinite(found.stds).all()
    encoder = ModeTransformer.from_modes(found)
    codes = np.empty((50, 0), dtype=np.int64)
    values, _ = encoder.inverse(encoder.transform(x_NC, codes, generator=np.random.default_rng(0)))
    assert np.abs(values[:n_present, 1] - x_NC[:n_present, 1]).max(initial=0.0) < 1.0


def test_fewer_modes_can_be_asked_for() -> None:
    modes = fit_modes(gene_columns(4), max_modes=3, weight_threshold=0.0, seed=0)
    assert modes.means.shape == (4, 3)
    assert modes.valid.all()


def test_no_column_gives_no_modes() -> None:
    modes = fit_modes(np.empty((20, 0)), seed=0)
    assert modes.means.shape == (0, 10)
    assert modes.n_modes == ()


@pytest.mark.parametrize("values", [np.ones((1, 3)), np.array([[1.0], [np.nan]]), np.array([[1.0], [np.inf]])])
def test_values_that_no_mixture_fits_are_refused(values: Floats) -> None:
    with pytest.raises(DataError, match="expected finite values of at least two rows"):
        fit_modes(values, seed=0)
