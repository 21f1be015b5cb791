"""Encoding and decoding of rows, compared with the package's DataTransformer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import digamma

from tabgenbench import DataError
from tabgenbench_plugins.generators.parts.tabular.mixture import Modes
from tabgenbench_plugins.generators.parts.tabular.modes import ModeTransformer

Floats = NDArray[np.float64]
N_ROWS = 200  # below 500 the package's transform stays in this process
N_CATEGORIES = (3, 5)


def table(n_rows: int = N_ROWS) -> tuple[Floats, NDArray[np.int64]]:
    """Continuous columns of many kinds and two discrete ones, whose values first appear in ascending order."""
    rng = np.random.default_rng(0)
    values = np.stack(
        [
            rng.normal(size=n_rows),
            rng.choice([-3.0, 4.0], n_rows) + 0.5 * rng.normal(size=n_rows),
            np.where(rng.random(n_rows) < 0.4, 0.0, rng.lognormal(20, 1.5, n_rows)),
            rng.standard_t(2, n_rows),
            np.full(n_rows, 2.5),
            rng.poisson(1.0, n_rows).astype(float),
        ],
        axis=1,
    )
    codes = np.stack([np.concatenate([np.arange(n), rng.integers(0, n, n_rows - n)]) for n in N_CATEGORIES], axis=1)
    return values, codes


def as_frame(values: Floats, codes: NDArray[np.int64]) -> pd.DataFrame:
    continuous = pd.DataFrame(values, columns=[f"x{j}" for j in range(values.shape[1])])
    return continuous.assign(**{f"d{j}": [f"v{code}" for code in codes[:, j]] for j in range(codes.shape[1])})


def theirs_fitted() -> Any:
    """The package's transformer, fitted to `table()`."""
    transformer = pytest.importorskip("ctgan.data_transformer").DataTransformer()
    values, codes = table()
    transformer.fit(as_frame(values, codes), [f"d{j}" for j in range(codes.shape[1])])
    return transformer


def modes_of(transformer: Any) -> Modes:
    """The modes of the package's transformer."""
    mixtures = [info.transform for info in transformer._column_transform_info_list if info.column_type == "continuous"]
    valid = np.array([mixture.valid_component_indicator for mixture in mixtures])
    fits = [mixture._bgm_transformer for mixture in mixtures]
    log_weights = []
    for fit in fits:
        a, b = fit.weight_concentration_
        log_pi = digamma(a) - digamma(a + b) + np.append(0, np.cumsum(digamma(b) - digamma(a + b))[:-1])
        freedom = fit.degrees_of_freedom_
        log_weights.append(log_pi + 0.5 * (digamma(freedom / 2) - 1 / fit.mean_precision_ - np.log(freedom)))
    return Modes(
        means=np.array([fit.means_.ravel() for fit in fits]),
        stds=np.array([np.sqrt(fit.covariances_.ravel()) for fit in fits]),
        weights=np.array([fit.weights_ for fit in fits]),
        valid=valid,
        log_weights=np.array(log_weights),
    )


def legacy(seed: int) -> np.random.Generator:
    """A generator that gives the uniform numbers of `np.random.seed(seed)`."""
    bits: Any = np.random.MT19937()
    bits.state = np.random.RandomState(seed).get_state(legacy=False)
    return np.random.Generator(bits)


@pytest.fixture(scope="module")
def package() -> Any:
    return theirs_fitted()


@pytest.mark.parametrize("seed", [0, 1])
def test_transform_is_the_package_s_on_the_same_modes_and_uniform_numbers(package: Any, seed: int) -> None:
    values, codes = table()
    ours = ModeTransformer.from_modes(modes_of(package), N_CATEGORIES)
    for j, info in enumerate(package._column_transform_info_list[: values.shape[1]]):
        state = np.random.RandomState(seed)
        state.random_sample(j * N_ROWS)  # one random state per column: continue from the previous one
        info.transform.set_random_state(state, "transform")
    expected = package.transform(as_frame(values, codes))
    encoded = ours.transform(values, codes, generator=legacy(seed))
    assert encoded.dtype == np.float32
    np.testing.assert_allclose(encoded, expected, rtol=0, atol=1e-6)


def test_layout_is_the_package_s(package: Any) -> None:
    layout = ModeTransformer.from_modes(modes_of(package), N_CATEGORIES).layout
    spans = [span for column in package.output_info_list for span in column]
    starts = np.cumsum([0, *(span.dim for span in spans)])
    assert layout.width == package.output_dimensions
    tanh = [i for i, span in enumerate(spans) if span.activation_fn == "tanh"]
    softmax = [i for i, span in enumerate(spans) if span.activation_fn == "softmax"]
    assert layout.scalar_index.tolist() == starts[tanh].tolist()
    assert layout.block_starts.tolist() == starts[softmax].tolist()
    assert layout.block_sizes.tolist() == [spans[i].dim for i in softmax]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inverse_is_the_package_s_on_rows_of_a_network(package: Any, dtype: Any) -> None:
    ours = ModeTransformer.from_modes(modes_of(package), N_CATEGORIES)
    rng = np.random.default_rng(5)
    encoded = rng.normal(0, 0.8, (N_ROWS, ours.layout.width)).astype(dtype)  # some scalars lie outside ±1
    expected = package.inverse_transform(encoded)
    values, codes = ours.inverse(encoded)
    for j in range(values.shape[1]):
        theirs = expected[f"x{j}"].to_numpy()
        np.testing.assert_allclose(values[:, j], theirs, rtol=1e-6, atol=1e-6 * np.abs(theirs).max())
    for j in range(codes.shape[1]):
        assert [f"v{code}" for code in codes[:, j]] == expected[f"d{j}"].tolist()


def test_noise_of_the_inverse_has_the_spread_of_the_package_s(package: Any) -> None:
    ours = ModeTransformer.from_modes(modes_of(package), N_CATEGORIES)
    layout = ours.layout
    row = np.zeros((20_000, layout.width), dtype=np.float32)
    sigmas = np.full(layout.width, 0.1)
    sigmas[layout.scalar_index] = np.linspace(0.0, 0.3, layout.n_continuous)
    still, _ = ours.inverse(row[:1])
    noisy, codes = ours.inverse(row, sigmas_D=sigmas, generator=np.random.default_rng(1))
    expected = package.inverse_transform(row, sigmas)[[f"x{j}" for j in range(layout.n_continuous)]].to_numpy()
    assert (noisy[:, 0] == still[0, 0]).all()  # its sigma is 0
    spread = expected[:, 1:].std(axis=0)
    np.testing.assert_allclose(noisy[:, 1:].std(axis=0), spread, rtol=0.05)
    assert (np.abs(noisy[:, 1:].mean(axis=0) - expected[:, 1:].mean(axis=0)) < 0.05 * spread).all()
    assert not codes.any()


def test_values_come_back_but_for_the_clipped_tails() -> None:
    values, codes = table()
    transformer = ModeTransformer.fit(values, codes, N_CATEGORIES, seed=0)
    encoded = transformer.transform(values, codes, generator=np.random.default_rng(0))
    back, codes_back = transformer.inverse(encoded)
    np.testing.assert_array_equal(codes_back, codes)
    inside = np.abs(encoded[:, transformer.layout.scalar_index]) < 0.98
    assert inside.mean() > 0.98
    near = np.abs(back - values) <= 1e-5 * np.abs(values) + 1e-5 * values.std(axis=0) + 1e-6
    assert near[inside].all()


def test_modes_are_drawn_in_proportion_to_their_responsibilities() -> None:
    modes = Modes(
        means=np.array([[-1.0, 0.0, 1.0]]),
        stds=np.array([[1.0, 5.0, 1.0]]),
        weights=np.array([[0.3, 0.001, 0.699]]),
        valid=np.array([[True, False, True]]),
        log_weights=np.log([[0.3, 0.001, 0.699]]),
    )
    transformer = ModeTransformer.from_modes(modes)
    n = 40_000
    at = 0.2
    encoded = transformer.transform(np.full((n, 1), at), np.empty((n, 0), np.int64), generator=np.random.default_rng(0))
    assert encoded.shape == (n, 3)
    left, right = 0.3 * np.exp(-((at + 1) ** 2) / 2), 0.699 * np.exp(-((at - 1) ** 2) / 2)
    assert encoded[:, 2].mean() == pytest.approx(right / (left + right), abs=0.01)
    assert set(encoded[encoded[:, 1] == 1, 0]) == {np.float32((at + 1) / 4)}


@settings(max_examples=25, deadline=None)
@given(
    x=st.lists(st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=2), min_size=2, max_size=30),
    seed=st.integers(0, 5),
)
def test_every_encoded_row_has_bounded_scalars_and_one_1_a_block(x: list[list[float]], seed: int) -> None:
    values = np.array(x)
    codes = np.arange(len(x))[:, None] % 2
    transformer = ModeTransformer.fit(values, codes, (2,), seed=seed)
    encoded = transformer.transform(values, codes, generator=np.random.default_rng(seed))
    layout = transformer.layout
    assert (np.abs(encoded[:, layout.scalar_index]) <= np.float32(0.99)).all()
    one_hots = encoded[:, layout.one_hot_index]
    assert set(np.unique(one_hots)) <= {0.0, 1.0}
    np.testing.assert_array_equal(np.add.reduceat(one_hots, np.flatnonzero(np.diff(layout.block_of, prepend=-1)), 1), 1)


def test_equal_seeds_give_equal_bytes() -> None:
    values, codes = table()

    def encoded() -> bytes:
        transformer = ModeTransformer.fit(values.astype(np.float32), codes, N_CATEGORIES, seed=3)
        return transformer.transform(values, codes, generator=np.random.default_rng(4)).tobytes()

    assert encoded() == encoded()


def test_a_table_of_one_kind_of_column_alone() -> None:
    values, codes = table()
    nothing, no_code = np.empty((N_ROWS, 0)), np.empty((N_ROWS, 0), dtype=np.int64)
    discrete = ModeTransformer.fit(nothing, codes, N_CATEGORIES, seed=0)
    encoded = discrete.transform(nothing, codes, generator=np.random.default_rng(0))
    assert encoded.shape == (N_ROWS, sum(N_CATEGORIES))
    back, codes_back = discrete.inverse(encoded)
    assert back.shape == (N_ROWS, 0)
    np.testing.assert_array_equal(codes_back, codes)
    continuous = ModeTransformer.fit(values, no_code, (), seed=0)
    assert continuous.inverse(continuous.transform(values, no_code, generator=np.random.default_rng(0)))[1].shape == (
        N_ROWS,
        0,
    )


def test_what_does_not_fit_is_refused() -> None:
    values, codes = table()
    transformer = ModeTransformer.fit(values, codes, N_CATEGORIES, seed=0)
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match="pass the columns of the fit"):
        transformer.transform(values[:, :2], codes, generator=rng)
    with pytest.raises(DataError, match="discrete column 1 has codes 1 to 5, expected 0 to 4"):
        transformer.transform(values, codes + 1 - (codes[:, :1] > 1) * [1, 0], generator=rng)
    with pytest.raises(DataError, match="not finite"):
        transformer.transform(np.full_like(values, np.nan), codes, generator=rng)
    with pytest.raises(DataError, match="decode with the transformer that encoded"):
        transformer.inverse(np.zeros((3, 4), dtype=np.float32))
    row = np.zeros((1, transformer.layout.width))
    with pytest.raises(DataError, match="without a generator"):
        transformer.inverse(row, sigmas_D=np.ones(transformer.layout.width))
