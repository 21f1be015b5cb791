from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from tabgenbench_plugins.correlation import (
    PairSums,
    Undefined,
    correlation_agreement,
    gram_sums,
    pearson,
    streamed_sums,
    triangle,
    unit_columns,
)


def corrcoef_triangle(values: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(all="ignore"):
        r = np.nan_to_num(np.corrcoef(values, rowvar=False))
    return r[np.triu_indices(len(r), 1)]


def sums_of(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[float, ...]:
    return float(a.sum()), float(b.sum()), float(a @ a), float(b @ b), float(a @ b)


def as_tuple(sums: PairSums) -> tuple[float, ...]:
    return sums.a, sums.b, sums.aa, sums.bb, sums.ab


@settings(deadline=None)
@given(
    n_real=st.integers(3, 12),
    n_synthetic=st.integers(3, 12),
    p=st.integers(3, 15),
    tile=st.integers(1, 20),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_route_gives_the_sums_of_formed_matrices(
    n_real: int, n_synthetic: int, p: int, tile: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    real, synthetic = rng.normal(size=(n_real, p)), rng.normal(size=(n_synthetic, p))
    synthetic[:, rng.random(p) < 0.2] = 7.0
    za, zb = unit_columns(real), unit_columns(synthetic)
    a, b = corrcoef_triangle(real), corrcoef_triangle(synthetic)

    assert_allclose(triangle(za), a, atol=1e-13)
    assert_allclose(triangle(zb), b, atol=1e-13)
    assert_allclose(as_tuple(gram_sums(za, zb)), sums_of(a, b), atol=1e-11)
    assert_allclose(as_tuple(streamed_sums(za, zb, tile=tile)), sums_of(a, b), atol=1e-11)
    clipped = streamed_sums(za, zb, tile=tile, clip=True)
    assert_allclose(as_tuple(clipped), sums_of(a.clip(0), b.clip(0)), atol=1e-11)
    assert gram_sums(za, zb).n_pairs == clipped.n_pairs == len(a)


def test_routes_agree_on_the_correlation_itself() -> None:
    rng = np.random.default_rng(1)
    mix = rng.normal(size=(4, 60))
    za, zb = (unit_columns(rng.normal(size=(n, 4)) @ mix + rng.normal(size=(n, 60))) for n in (20, 25))
    expected = np.corrcoef(triangle(za), triangle(zb))[0, 1]
    routes = [
        gram_sums(za, zb).pearson(),
        streamed_sums(za, zb).pearson(),
        pearson(triangle(za), triangle(zb)),
        correlation_agreement(za, zb),
    ]
    assert_allclose(routes, expected, atol=1e-12)
    assert expected > 0.5


@pytest.mark.parametrize("value", [0.1, 1e-30, 16777217.0, 6.7e9])
def test_a_constant_column_is_zero_to_the_bit(value: float) -> None:
    values = np.full((7, 2), value, dtype=np.float32)
    values[3, 1] = 2 * value
    z = unit_columns(values)
    assert not z[:, 0].any()
    assert z[:, 1] @ z[:, 1] == pytest.approx(1.0, abs=1e-14)


def test_a_large_offset_costs_no_digits() -> None:
    signal = np.array([[0.0], [1.0], [3.0], [-2.0]])
    assert_allclose(unit_columns(signal + 2.0**40), unit_columns(signal), atol=1e-15)


def test_a_spread_up_to_the_floor_is_constant() -> None:
    z = unit_columns(np.array([[0.0, 0.0], [2.0, 2.0]]), floor=np.array([1.0, 0.999]))
    assert not z[:, 0].any()
    assert z[:, 1].any()


@pytest.mark.parametrize("route", [gram_sums, streamed_sums])
def test_equal_correlations_are_undefined_despite_rounding(route: object) -> None:
    rng = np.random.default_rng(0)
    line = np.outer(rng.normal(size=11), rng.uniform(0.1, 9.0, size=40))  # every correlation is 1
    other = unit_columns(rng.normal(size=(11, 40)))
    for za, zb, side in ((unit_columns(line), other, "real test"), (other, unit_columns(line), "synthetic")):
        with pytest.raises(Undefined, match=f"equally close in the {side} rows"):
            route(za, zb).pearson()  # type: ignore[operator]
        with pytest.raises(Undefined, match=f"equally close in the {side} rows"):
            pearson(triangle(za), triangle(zb))


def test_too_few_rows_or_features_are_undefined() -> None:
    z = np.random.default_rng(0).normal(size=(5, 6))
    with pytest.raises(Undefined, match="2 real test rows"):
        correlation_agreement(z[:2], z)
    with pytest.raises(Undefined, match="2 synthetic rows"):
        correlation_agreement(z, z[:2])
    with pytest.raises(Undefined, match="2 features vary in the real test rows"):
        correlation_agreement(z[:, :2], z[:, :2])
    with pytest.raises(Undefined, match="every feature is constant in the synthetic rows"):
        correlation_agreement(z, np.zeros_like(z))
