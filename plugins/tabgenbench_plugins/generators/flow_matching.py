"""Flow matching: a network learns the velocity that moves Gaussian noise to rows along straight lines.

Lipman et al., "Flow matching for generative modeling", ICLR 2023, https://arxiv.org/abs/2210.02747; Tong et al.,
"Improving and generalizing flow-based generative models with minibatch optimal transport", TMLR 2024,
https://arxiv.org/abs/2302.00482 (conditional flow matching with independent coupling and σ = 0).

With noise x_0 ~ N(0, I), a training row x_1 of condition c, and a time t ~ U(0, 1),

    x_t = (1 - t) x_0 + t x_1        loss = E ‖v(x_t, t, c) - (x_1 - x_0)‖² / Y

Y is the number of columns of x. The loss is smallest if v is the mean velocity E[x_1 - x_0 | x_t = x, c]. The velocity
is the sum of a formula and the output of the network F:

    v(x, t, c) = (2 t - 1) / (t² + (1 - t)²) x + F(x, t, c)

The first term is the mean velocity if training rows have the distribution N(0, I), so F learns only the difference. To
sample a row of condition c, x is drawn from N(0, I) at t = 0 and moved to t = 1 by

    dx/dt = v(x, t, c)

The equation is solved in ``sampling_steps`` equal steps h, either by the midpoint rule, x ← x + h v(x + h/2 v(x, t),
t + h/2), or by Heun's rule, x ← x + h/2 (v(x, t) + v(x + h v(x, t), t + h)). Both rules evaluate the network twice per
step.

A row consists of the transformed numeric features (`parts/prepared_rows`) and a code of each categorical feature. The
code has an entry of 1 for the category of the row and -1 for every other category. With the exact velocity, the entries
would be ±1 at t = 1. Because network and solver have errors, a sampled row gets the category with the largest entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tabgenbench import Card
from tabgenbench_plugins.generators.parts.rows_from_noise import NoiseOptions, RowsFromNoise

if TYPE_CHECKING:
    import torch

    from tabgenbench_plugins.generators.parts.time_network import Loss, TimeNetwork

__all__ = ["FlowMatching"]


class FlowMatching(RowsFromNoise):
    """Conditional flow matching."""

    name = "flow-matching"
    card = Card(
        summary="Conditional flow matching with an MLP velocity field.",
        citation="Tong et al., Transactions on Machine Learning Research, 2024",
        url="https://arxiv.org/abs/2302.00482",
    )

    class Config(NoiseOptions):
        """Options of `FlowMatching`."""

        sampling_steps: int = Field(20, ge=1, description="steps of the solver, each with two passes of the network")
        solver: Literal["midpoint", "heun"] = Field("midpoint", description="rule of a step of the solver")

    config: Config

    def _objective(self, draws: torch.Generator) -> Loss:
        import torch

        def loss(network: TimeNetwork, x_NY: torch.Tensor, c_NK: torch.Tensor) -> torch.Tensor:
            x1_NY = self._with_signs(x_NY)
            x0_NY = torch.randn(x1_NY.shape, generator=draws, device=x1_NY.device)
            t_N = torch.rand(len(x1_NY), generator=draws, device=x1_NY.device)
            predicted = self._velocity(network, torch.lerp(x0_NY, x1_NY, t_N[:, None]), t_N, c_NK)
            return torch.nn.functional.mse_loss(predicted, x1_NY - x0_NY)

        return loss

    def _with_signs(self, x_NY: torch.Tensor) -> torch.Tensor:
        """Return rows whose one-hot codes have entries -1 and 1 instead of 0 and 1."""
        import torch

        n_numbers = self._layout.n_features
        return torch.cat([x_NY[:, :n_numbers], 2 * x_NY[:, n_numbers:] - 1], dim=1) if self._layout.n_values else x_NY

    def _generate(self, c_NK: torch.Tensor, draws: torch.Generator) -> torch.Tensor:
        import torch

        n_steps = self.config.sampling_steps
        x_NY = torch.randn(len(c_NK), self._layout.width, generator=draws, device=c_NK.device)
        for i in range(n_steps):
            t_N = torch.full((len(c_NK),), i / n_steps, device=c_NK.device)
            x_NY = self._step(x_NY, t_N, c_NK, 1 / n_steps)
        return x_NY

    def _velocity(
        self, network: TimeNetwork, x_NY: torch.Tensor, t_N: torch.Tensor, c_NK: torch.Tensor
    ) -> torch.Tensor:
        t_N1 = t_N[:, None]
        of_normal_rows: torch.Tensor = (2 * t_N1 - 1) / (t_N1.square() + (1 - t_N1).square()) * x_NY
        learned: torch.Tensor = network(x_NY, t_N, c_NK)
        return of_normal_rows + learned

    def _step(self, x_NY: torch.Tensor, t_N: torch.Tensor, c_NK: torch.Tensor, h: float) -> torch.Tensor:
        velocity = self._velocity(self._network, x_NY, t_N, c_NK)
        if self.config.solver == "midpoint":
            return x_NY + h * self._velocity(self._network, x_NY + h / 2 * velocity, t_N + h / 2, c_NK)
        return x_NY + h / 2 * (velocity + self._velocity(self._network, x_NY + h * velocity, t_N + h, c_NK))
