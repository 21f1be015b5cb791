"""TabDDPM: Gaussian diffusion of numeric features and multinomial diffusion of categorical features.

Kotelnikov et al., "TabDDPM: modelling tabular data with diffusion models", ICML 2023, https://arxiv.org/abs/2209.15421.
Module `parts/diffusion` contains the formulas of both kinds of diffusion. Their coefficient ā_t falls from 1 at t = 0
(x_t is the row x_0) to almost 0 at t = T (x_t is only noise). A network with the inputs x_t, t / T and condition c
predicts the noise ε̂ of numeric features and the probabilities p̂_0 of categories at time 0. In the paper, ε̂ is the
network's output F. Here, ε̂ is the sum of two terms: the best prediction if x_0 were N(0, I), and a multiple of F:

    ε̂ = √(1 - ā_t) x_t + √ā_t F

    loss = E_t [ ‖ε - ε̂‖² / D  +  T / C Σ_C KL( q(x_{t-1} | x_t, x_0) ‖ q(x_{t-1} | x_t, p̂_0) ) ],   t ~ U{1, ..., T}

The first term of the loss is the simple loss of Ho et al. 2020. The second term is the variational bound of the
categories, averaged over the categorical features. At t = 1, the KL term is -log p̂(x_0 | x_1). To sample a row,
``sampling_steps`` equally spaced steps lead from t = T to 0. Each step draws the row at the next time s from q(x_s |
x_t, x̂_0), where x̂_0 is the predicted x_0. For numeric features, the variance is larger than that of q
(`parts/diffusion`).

The option ``guidance`` w (default 1, no guidance) is the weight of classifier-free guidance (Ho & Salimans 2022,
https://arxiv.org/abs/2207.12598). If w is not 1, training replaces the condition of a random tenth of the rows by
zeros. Sampling then combines two outputs of the network, with the condition and with zeros:

    w · output(x, t, c) + (1 - w) · output(x, t, 0)

    N rows   D normal scores of numeric features, or their principal components (`parts/prepared_rows`)
    C categorical features   Y = D + number of one-hot codes   T diffusion steps
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from pydantic import Field

from tabgenbench import Card
from tabgenbench_plugins.generators.parts.rows_from_noise import NoiseOptions, RowsFromNoise

if TYPE_CHECKING:
    import torch

    from tabgenbench_plugins.generators.parts.time_network import Loss, TimeNetwork

__all__ = ["TabDDPM"]

NO_CONDITION = 0.1  # share of training rows without condition, if guidance is used


class TabDDPM(RowsFromNoise):
    """Gaussian diffusion of numeric features and multinomial diffusion of categories, with one denoising network."""

    name = "tabddpm"
    card = Card(
        summary="Diffusion of numbers (Gaussian) and categories (multinomial) with an MLP.",
        citation="Kotelnikov et al., International Conference on Machine Learning, 2023",
        url="https://arxiv.org/abs/2209.15421",
    )

    class Config(NoiseOptions):
        """Options of `TabDDPM`."""

        diffusion_steps: int = Field(1000, ge=2, description="number of times T of the diffusion")
        sampling_steps: int = Field(100, ge=1, description="steps from T to 0 in sampling, at most T")
        guidance: float = Field(1.0, ge=0, description="weight of the condition in classifier-free guidance; 1 is none")

    config: Config

    def _constants_of(self, x_NY: torch.Tensor) -> dict[str, torch.Tensor]:
        import torch

        numbers_ND = x_NY[:, : self._layout.n_features]
        return {"bounds": torch.stack([numbers_ND.amin(dim=0), numbers_ND.amax(dim=0)])}

    def _objective(self, draws: torch.Generator) -> Loss:
        import torch

        from tabgenbench_plugins.generators.parts.diffusion import cosine_signal

        n_steps, guided = self.config.diffusion_steps, self.config.guidance != 1
        signal_T = cosine_signal(n_steps, draws.device)

        def loss(network: TimeNetwork, x0_NY: torch.Tensor, c_NK: torch.Tensor) -> torch.Tensor:
            n, device = len(x0_NY), x0_NY.device
            if guided:
                c_NK = c_NK * (torch.rand(n, 1, generator=draws, device=device) >= NO_CONDITION)
            t_N = torch.randint(1, n_steps + 1, (n,), generator=draws, device=device)
            now_N1, then_N1 = signal_T[t_N][:, None], signal_T[t_N - 1][:, None]
            noise_ND = torch.randn(n, self._layout.n_features, generator=draws, device=device)
            x_NY = self._noised(x0_NY, noise_ND, now_N1, draws)
            output_NY = network(x_NY, t_N / n_steps, c_NK)
            return self._loss(output_NY, noise_ND, x_NY, x0_NY, (now_N1, then_N1))

        return loss

    def _noised(
        self, x0_NY: torch.Tensor, noise_ND: torch.Tensor, signal_N1: torch.Tensor, draws: torch.Generator
    ) -> torch.Tensor:
        import torch

        from tabgenbench_plugins.generators.parts.diffusion import category_noised, number_noised

        numbers = number_noised(x0_NY[:, : self._layout.n_features], noise_ND, signal_N1)
        blocks = [category_noised(block, signal_N1, draws) for block in self._layout.blocks(x0_NY)]
        return torch.cat([numbers, *blocks], dim=1)

    def _loss(
        self,
        output_NY: torch.Tensor,
        noise_ND: torch.Tensor,
        x_NY: torch.Tensor,
        x0_NY: torch.Tensor,
        signal: tuple[torch.Tensor, torch.Tensor],
    ) -> torch.Tensor:
        """Return the mean loss over rows, a scalar; ``signal`` contains ā_t and ā_{t-1} of each row."""
        import torch

        from tabgenbench_plugins.generators.parts.diffusion import category_posterior

        layout, loss = self._layout, output_NY.new_zeros(())
        if layout.n_features:
            loss = loss + torch.nn.functional.mse_loss(self._noise(output_NY, x_NY, signal[0]), noise_ND)
        weight = self.config.diffusion_steps / (max(1, len(layout.n_values)) * len(x_NY))
        for logits, x, x0 in zip(layout.blocks(output_NY), layout.blocks(x_NY), layout.blocks(x0_NY), strict=True):
            true = category_posterior(x, x0, *signal)
            made = category_posterior(x, logits.softmax(dim=1), *signal).clamp_min(1e-12)
            loss = loss + weight * (torch.xlogy(true, true) - true * made.log()).sum()
        return loss

    def _noise(self, output_NY: torch.Tensor, x_NY: torch.Tensor, signal: torch.Tensor) -> torch.Tensor:
        """Return the predicted noise ε̂, shape (N, D); ``signal`` is ā_t, a scalar or of shape (N, 1)."""
        numbers = slice(self._layout.n_features)
        return (1 - signal).sqrt() * x_NY[:, numbers] + signal.sqrt() * output_NY[:, numbers]

    def _generate(self, c_NK: torch.Tensor, draws: torch.Generator) -> torch.Tensor:
        import torch

        from tabgenbench_plugins.generators.parts.diffusion import (
            category_draw,
            category_posterior,
            cosine_signal,
            number_step,
            sampling_times,
        )

        config, layout, n, device = self.config, self._layout, len(c_NK), c_NK.device
        signal_T = cosine_signal(config.diffusion_steps, device)
        bounds = self._constants["bounds"][0], self._constants["bounds"][1]
        uniform = [torch.full((n, v), 1 / v, device=device) for v in layout.n_values]
        numbers = torch.randn(n, layout.n_features, generator=draws, device=device)
        blocks = [category_draw(p, draws) for p in uniform]
        times = sampling_times(config.diffusion_steps, config.sampling_steps)
        for t, s in pairwise(times):
            x_NY = torch.cat([numbers, *blocks], dim=1)
            output_NY = self._denoise(x_NY, torch.full((n,), t / config.diffusion_steps, device=device), c_NK)
            noise = torch.randn(numbers.shape, generator=draws, device=device)
            predicted = self._noise(output_NY, x_NY, signal_T[t])
            numbers = number_step(numbers, predicted, (signal_T[t], signal_T[s]), bounds, noise)
            blocks = [
                category_draw(category_posterior(block, logits.softmax(dim=1), signal_T[t], signal_T[s]), draws)
                for block, logits in zip(blocks, layout.blocks(output_NY), strict=True)
            ]
        return torch.cat([numbers, *blocks], dim=1)

    def _denoise(self, x_NY: torch.Tensor, t_N: torch.Tensor, c_NK: torch.Tensor) -> torch.Tensor:
        output_NY: torch.Tensor = self._network(x_NY, t_N, c_NK)
        weight = self.config.guidance
        if weight == 1:
            return output_NY
        without_NY: torch.Tensor = self._network(x_NY, t_N, c_NK.new_zeros(c_NK.shape))
        return weight * output_NY + (1 - weight) * without_NY
