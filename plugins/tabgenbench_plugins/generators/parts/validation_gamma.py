"""The score gamma on validation rows, for early stopping of the generator `wgan-gp`."""

from __future__ import annotations

import torch

from tabgenbench import ConfigError, DeviceSplit, FitContext
from tabgenbench_plugins.correlation import Undefined, correlation_agreement, unit_columns
from tabgenbench_plugins.generators.parts.nn import one_hot
from tabgenbench_plugins.generators.parts.wgan import ConditionalMLP

__all__ = ["ValidationGamma"]


class ValidationGamma:
    """Computes gamma: how well correlations of generated rows agree with correlations of validation rows.

    Rows are generated for the conditions of the validation rows. The network gets the same noise in each call, so that
    only a change of its weights changes gamma.
    """

    def __init__(self, split: DeviceSplit, n_latent: int, context: FitContext) -> None:
        fixed = torch.Generator(context.device).manual_seed(int(context.numpy.integers(2**63)))
        n = len(split.validation)
        self._noise_NZ = torch.randn(n, n_latent, generator=fixed, device=context.device)
        self._codes_NK = one_hot(split.validation_codes, split.codes.n_categories)
        real = split.validation.cpu().numpy()
        self._varying = real.max(axis=0) > real.min(axis=0)
        self._real = unit_columns(real[:, self._varying])

    @torch.no_grad()
    def __call__(self, generator: ConditionalMLP) -> float:
        """Return gamma for the current weights of a generator network.

        Raises:
            ConfigError: gamma is undefined; the message states the reason.
        """
        made = generator(self._noise_NZ, self._codes_NK)[:, : len(self._varying)].cpu().numpy()[:, self._varying]
        try:
            return correlation_agreement(self._real, unit_columns(made))
        except Undefined as reason:
            raise ConfigError(
                f"generator 'wgan-gp': gamma on validation rows is undefined, {reason}; set patience=0"
            ) from None
