"""The two kinds of diffusion: their formulas against transition matrices and known distributions."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from tabgenbench_plugins.generators.parts.diffusion import (
    category_draw,
    category_noised,
    category_posterior,
    cosine_signal,
    number_noised,
    number_step,
    sampling_times,
)

SIGNAL = cosine_signal(10)


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_signal_is_the_cosine_of_the_paper() -> None:
    t = np.arange(1001)
    expected = np.cos((t / 1000 + 0.008) / 1.008 * np.pi / 2) ** 2
    signal = cosine_signal(1000).numpy()
    assert signal[0] == 1
    np.testing.assert_allclose(signal[:990], (expected / expected[0])[:990], rtol=1e-3)
    assert 0 < signal[1000] < 1e-6
    assert (np.diff(signal) < 0).all()


def test_times_of_sampling() -> None:
    assert sampling_times(10, 10) == list(range(10, -1, -1))
    assert sampling_times(10, 99) == sampling_times(10, 10)
    assert sampling_times(1000, 4) == [1000, 750, 500, 250, 0]
    assert sampling_times(10, 3) == [10, 7, 3, 0]


def test_the_posterior_of_categories_is_that_of_the_transition_matrices() -> None:
    def transition(kept: float) -> torch.Tensor:
        return kept * torch.eye(3) + (1 - kept) / 3

    for t, s in ((4, 3), (9, 4), (1, 0)):
        now, then = SIGNAL[t], SIGNAL[s]
        forward, start = transition(float(now / then)), transition(float(then))
        for x0 in range(3):
            for xt in range(3):
                joint = start[x0] * forward[:, xt]  # p(x_s | x_0) p(x_t | x_s)
                found = category_posterior(torch.eye(3)[[xt]], torch.eye(3)[[x0]], now, then)
                torch.testing.assert_close(found[0], joint / joint.sum(), atol=1e-6, rtol=1e-5)


def test_categories_keep_their_share_of_the_signal() -> None:
    noised = category_noised(torch.eye(4)[:1].expand(40_000, -1), torch.tensor([[0.6]]), draws())
    torch.testing.assert_close(noised.mean(dim=0), torch.tensor([0.7, 0.1, 0.1, 0.1]), atol=0.01, rtol=0)
    assert (noised.sum(dim=1) == 1).all()


@pytest.mark.parametrize("times", [list(range(10, -1, -1)), [10, 6, 1, 0]])
def test_a_chain_with_the_true_probabilities_samples_them(times: list[int]) -> None:
    """With a single column, the best prediction is the column's distribution, for each x_t and length of a step."""
    true = torch.tensor([0.5, 0.3, 0.2])
    x = category_draw(torch.full((40_000, 3), 1 / 3), draws())
    for t, s in pairwise(times):
        x = category_draw(category_posterior(x, true.expand(len(x), -1), SIGNAL[t], SIGNAL[s]), draws(t))
    torch.testing.assert_close(x.mean(dim=0), true, atol=0.015, rtol=0)


@pytest.mark.parametrize("times", [list(range(10, -1, -1)), [10, 5, 2, 0]])
def test_a_chain_with_the_true_noise_returns_the_point(times: list[int]) -> None:
    point, x = torch.tensor([[1.5, -0.5]]), torch.randn(1, 2, generator=draws())
    bounds = torch.tensor([-3.0, -3.0]), torch.tensor([3.0, 3.0])
    for t, s in pairwise(times):
        noise = (x - SIGNAL[t].sqrt() * point) / (1 - SIGNAL[t]).sqrt()
        x = number_step(x, noise, (SIGNAL[t], SIGNAL[s]), bounds, torch.randn(1, 2, generator=draws(t)))
    torch.testing.assert_close(x, point, atol=1e-4, rtol=0)


def test_a_step_is_that_of_ho_et_al_inside_the_bounds() -> None:
    x, predicted, noise = (torch.randn(5, 2, generator=draws(seed)) for seed in (1, 2, 3))
    t, wide = 6, (torch.full((2,), -1e6), torch.full((2,), 1e6))
    alpha, beta = SIGNAL[t] / SIGNAL[t - 1], 1 - SIGNAL[t] / SIGNAL[t - 1]
    mean = (x - beta / (1 - SIGNAL[t]).sqrt() * predicted) / alpha.sqrt()  # Algorithm 2
    found = number_step(x, predicted, (SIGNAL[t], SIGNAL[t - 1]), wide, noise)
    torch.testing.assert_close(found, mean + beta.sqrt() * noise, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("n_sampling", [20, 100])
def test_numbers_of_variance_one_keep_it(n_sampling: int) -> None:
    """For x_0 ~ N(0, 1), the best prediction of the noise is √(1 - ā_t) x_t."""
    signal, times = cosine_signal(1000), sampling_times(1000, n_sampling)
    x, wide = torch.randn(20_000, 1, generator=draws()), (torch.tensor([-1e6]), torch.tensor([1e6]))
    for t, s in pairwise(times):
        noise = torch.randn(20_000, 1, generator=draws(t))
        x = number_step(x, (1 - signal[t]).sqrt() * x, (signal[t], signal[s]), wide, noise)
    assert x.var().item() == pytest.approx(1.0, abs=0.03)


def test_noised_numbers_have_the_variance_of_the_formula() -> None:
    x = number_noised(torch.full((20_000, 1), 2.0), torch.randn(20_000, 1, generator=draws()), torch.tensor([[0.36]]))
    assert x.mean().item() == pytest.approx(1.2, abs=0.02)
    assert x.std().item() == pytest.approx(0.8, abs=0.02)
