"""Noising and denoising steps of Gaussian and multinomial diffusion.

Ho et al., "Denoising diffusion probabilistic models", 2020, https://arxiv.org/abs/2006.11239 (Gaussian); Hoogeboom et
al., "Argmax flows and multinomial diffusion", 2021, https://arxiv.org/abs/2102.05379 (multinomial); Nichol & Dhariwal,
"Improved denoising diffusion probabilistic models", 2021, https://arxiv.org/abs/2102.09672 (cosine schedule, fewer
steps when sampling).

x_0 is a row, and x_t is the row with noise at time t. ā_t falls from ā_0 = 1 (no noise) to almost 0 (only noise). A
denoising step may skip times: it goes from t to any s < t, and α = ā_t / ā_s replaces the α_t of the papers.

    Gaussian      x_t = √ā_t x_0 + √(1 - ā_t) ε
    multinomial   x_t ~ ā_t x_0 + (1 - ā_t) / V       for a one-hot code of V values

    N rows   D numeric entries of a row   V values of one categorical feature
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch

__all__ = [
    "category_draw",
    "category_noised",
    "category_posterior",
    "cosine_signal",
    "number_noised",
    "number_step",
    "sampling_times",
]

MAX_BETA = 0.999  # largest share of the signal that one step of the schedule removes


def cosine_signal(n_steps: int, device: torch.device | str = "cpu") -> torch.Tensor:
    """Return ā_0, ..., ā_T of the cosine schedule for T steps, shape (T + 1,), float32."""
    at = [math.cos((t / n_steps + 0.008) / 1.008 * math.pi / 2) ** 2 for t in range(n_steps + 1)]
    kept = [1.0]
    for before, after in pairwise(at):
        kept.append(kept[-1] * (1 - min(1 - after / before, MAX_BETA)))
    return torch.tensor(kept, dtype=torch.float32, device=device)


def sampling_times(n_steps: int, n_sampling: int) -> list[int]:
    """Return min(``n_sampling``, T) + 1 equally spaced times from T = ``n_steps`` down to 0."""
    n = min(n_steps, n_sampling)
    return [round(n_steps * (n - i) / n) for i in range(n + 1)]


def number_noised(x0_ND: torch.Tensor, noise_ND: torch.Tensor, signal_N1: torch.Tensor) -> torch.Tensor:
    """Return the numeric entries x_t, computed from x_0 and standard normal noise, shape (N, D)."""
    return signal_N1.sqrt() * x0_ND + (1 - signal_N1).sqrt() * noise_ND


def number_step(
    x_ND: torch.Tensor,
    predicted_ND: torch.Tensor,
    signal: tuple[torch.Tensor, torch.Tensor],
    bounds: tuple[torch.Tensor, torch.Tensor],
    noise_ND: torch.Tensor,
) -> torch.Tensor:
    """Sample the numeric entries x_s given x_t and the predicted noise, shape (N, D).

    The predicted noise determines the estimate x̂_0 of x_0. The mean of x_s is the mean of q(x_s | x_t, x̂_0):

        √ā_s (1 - α) / (1 - ā_t) x̂_0 + √α (1 - ā_s) / (1 - ā_t) x_t

    Here α = ā_t / ā_s. The variance of x_s is 0 at s = 0. At other times, it is 1 - α, the larger of the two variances
    in Ho et al., section 3.2. With the smaller one, normally distributed features would lose 5 % of their variance in
    100 steps.

    Args:
        x_ND: x_t.
        predicted_ND: the network's prediction of the noise in x_t.
        signal: ā_t and ā_s, scalars.
        bounds: lowest and highest value of each entry in training rows, each of shape (D,). The estimate x̂_0 is
            clipped to these bounds, because near t = T a small error of the noise causes a large error of x̂_0.
        noise_ND: standard normal noise.
    """
    now, then = signal
    x0_ND = ((x_ND - (1 - now).sqrt() * predicted_ND) / now.sqrt()).clamp(*bounds)
    alpha = now / then
    mean_ND = then.sqrt() * (1 - alpha) / (1 - now) * x0_ND + alpha.sqrt() * (1 - then) / (1 - now) * x_ND
    return mean_ND + ((1 - alpha) * (then < 1)).sqrt() * noise_ND


def category_noised(x0_NV: torch.Tensor, signal_N1: torch.Tensor, draws: torch.Generator) -> torch.Tensor:
    """Sample x_t as one-hot codes, shape (N, V)."""
    return category_draw(signal_N1 * x0_NV + (1 - signal_N1) / x0_NV.shape[1], draws)


def category_posterior(
    x_NV: torch.Tensor, p0_NV: torch.Tensor, now_N1: torch.Tensor, then_N1: torch.Tensor
) -> torch.Tensor:
    """Return the probabilities q(x_s | x_t, p_0) ∝ (α x_t + (1 - α) / V) (ā_s p_0 + (1 - ā_s) / V), shape (N, V).

    Args:
        x_NV: x_t, one-hot codes.
        p0_NV: probabilities or one-hot codes of x_0.
        now_N1: ā_t.
        then_N1: ā_s.
    """
    n_values, alpha_N1 = x_NV.shape[1], now_N1 / then_N1
    product_NV = (alpha_N1 * x_NV + (1 - alpha_N1) / n_values) * (then_N1 * p0_NV + (1 - then_N1) / n_values)
    return product_NV / product_NV.sum(dim=1, keepdim=True).clamp_min(1e-30)


def category_draw(p_NV: torch.Tensor, draws: torch.Generator) -> torch.Tensor:
    """Draw a one-hot code from each row of probabilities.

    The drawn value has the largest p / e, where p is its probability and e is exponential noise.
    """
    race_NV = p_NV / torch.empty_like(p_NV).exponential_(generator=draws).clamp_min(1e-30)
    return torch.zeros_like(p_NV).scatter_(1, race_NV.argmax(dim=1, keepdim=True), 1.0)
