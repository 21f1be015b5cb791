"""The two networks of a conditional WGAN-GP, with explicit formulas for their gradients.

The critic is piecewise linear, so its gradient w.r.t. the input is a product of weight matrices and of masks of the
active units. The gradient of the penalty w.r.t. the weights needs one more pass of such products. These formulas take
half the time of autograd with double differentiation, with equal results.

    h_0 = [x, e(c)]     h_i = relu(h_{i-1} W_{i-1}' + b_{i-1}), i = 1..L     f = h_L W_L' + b_L
    V_L = W_L on h_L    V_i = (V_{i+1} W_i) on h_i                            ∇_{h_0} f = V_1 W_0

where "on h" sets the entries of inactive units (h = 0) to 0.

    N rows, F features, K one-hot codes, E embedding dimensions, H hidden units.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch

from tabgenbench_plugins.generators.parts.wgan_shapes import embedding_width, parameter_shapes

__all__ = ["ConditionalMLP", "CriticTerms", "RMSprop"]

EMBEDDING_BOUND = 0.05
TINY = 1e-12  # avoids a division by 0 for a gradient of length 0


class CriticTerms(NamedTuple):
    """The two terms of the critic's loss, weight * penalty - distance; each is a scalar.

    Attributes:
        distance: mean f(real) - mean f(fake), the critic's estimate of the Wasserstein distance.
        penalty: mean of (length of the gradient - 1)², without its weight.
    """

    distance: torch.Tensor
    penalty: torch.Tensor


class ConditionalMLP:
    """Network of dense layers (generator or critic); its inputs are noise or a row, and embeddings of the condition.

    Hidden layers have ReLU; the output is linear. Initial weights are Glorot-uniform, initial biases are 0, and initial
    embeddings are uniform within ±0.05. Initial values are drawn on the CPU, so that they do not depend on the device.

    Attributes:
        values: vector of all parameters.
        gradients: vector of the gradients of all parameters, in the same order.
        tables: one matrix of embeddings, shape (n_categories, dim), for each condition column; views of ``values``.
        weights: one matrix of shape (width after, width before) for each layer; views of ``values``.
        biases: one vector of shape (width after,) for each layer; views of ``values``.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        hidden: Sequence[int],
        n_categories: Sequence[int],
        generator: torch.Generator,
        *,
        device: str = "cpu",
    ) -> None:
        self.n_in, self.n_categories = n_in, list(n_categories)
        self._dims = [embedding_width(n) for n in n_categories]
        self._shapes = parameter_shapes(n_in, n_out, hidden, n_categories)
        self.values = torch.cat([_initial(shape, generator, table) for shape, table in self._kinds()]).to(device)
        self.gradients = torch.zeros_like(self.values)
        self.tables, self.weights, self.biases = self._views(self.values)
        self._d_tables, self._d_weights, self._d_biases = self._views(self.gradients)
        self._buffers: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def _kinds(self) -> list[tuple[tuple[int, ...], bool]]:
        return [(shape, i < len(self.n_categories)) for i, shape in enumerate(self._shapes)]

    def _views(self, flat: torch.Tensor) -> tuple[list[torch.Tensor], list[torch.Tensor], list[torch.Tensor]]:
        parts = torch.split_with_sizes(flat, [math.prod(shape) for shape in self._shapes])
        views = [part.view(shape) for part, shape in zip(parts, self._shapes, strict=True)]
        n_tables = len(self.n_categories)
        layers = views[n_tables:]
        return views[:n_tables], layers[0::2], layers[1::2]

    def embed(self, c_NK: torch.Tensor) -> torch.Tensor:
        """Return the embeddings of one-hot condition codes, shape (N, E)."""
        blocks = torch.split_with_sizes(c_NK, self.n_categories, dim=1) if self.n_categories else ()
        parts = [block @ table for block, table in zip(blocks, self.tables, strict=True)]
        return torch.cat([c_NK.new_zeros((len(c_NK), 0)), *parts], dim=1)

    def hidden_layers(self, x_NI: torch.Tensor, c_NK: torch.Tensor) -> list[torch.Tensor]:
        """Return h_0 (the input and the embeddings side by side) and the outputs h_1 to h_L of the hidden layers."""
        return self._upwards([torch.cat([x_NI, self.embed(c_NK)], dim=1)])

    def _upwards(self, layers: list[torch.Tensor]) -> list[torch.Tensor]:
        for i in range(len(layers) - 1, len(self.weights) - 1):
            layers.append(torch.addmm(self.biases[i], layers[-1], self.weights[i].T).relu_())
        return layers

    def __call__(self, x_NI: torch.Tensor, c_NK: torch.Tensor) -> torch.Tensor:
        """Return the output of the network for inputs and one-hot condition codes, shape (N, n_out)."""
        return self.output(self.hidden_layers(x_NI, c_NK)[-1])

    def output(self, h_NH: torch.Tensor) -> torch.Tensor:
        """Return the output, shape (N, n_out), given the values of the last hidden layer."""
        return torch.addmm(self.biases[-1], h_NH, self.weights[-1].T)

    def slopes(self, layers: list[torch.Tensor]) -> list[torch.Tensor]:
        """Return V_1 to V_L, the gradients of the critic's output w.r.t. the hidden layers before ReLU, each (N, H)."""
        above = self.weights[-1].expand(len(layers[-1]), -1)
        found = []
        for i in range(len(layers) - 1, 0, -1):
            found.append(_where_on(above, layers[i]))
            if i > 1:
                above = found[-1] @ self.weights[i - 1]
        return found[::-1]

    def input_gradient(self, layers: list[torch.Tensor]) -> torch.Tensor:
        """Return the gradient of the critic's output w.r.t. the input, shape (N, n_in), given h_0 to h_L."""
        return self.slopes(layers)[0] @ self.weights[0][:, : self.n_in]

    def backward(self, layers: list[torch.Tensor], c_NK: torch.Tensor, d_output_NO: torch.Tensor) -> None:
        """Set ``gradients``, given the hidden layers and the gradient of a loss w.r.t. the output."""
        d_NH = d_output_NO
        for i in range(len(self.weights) - 1, -1, -1):
            torch.mm(d_NH.T, layers[i], out=self._d_weights[i])
            torch.sum(d_NH, dim=0, out=self._d_biases[i])
            if i:
                d_NH = _where_on(d_NH @ self.weights[i], layers[i])
        self._embedding_backward(d_NH, c_NK)

    def _embedding_backward(self, d_NH: torch.Tensor, c_NK: torch.Tensor) -> None:
        if not self.tables:
            return
        d_NE = d_NH @ self.weights[0][:, self.n_in :]
        blocks = torch.split_with_sizes(c_NK, self.n_categories, dim=1)
        d_blocks = torch.split_with_sizes(d_NE, self._dims, dim=1)
        for d_table, codes, d_block in zip(self._d_tables, blocks, d_blocks, strict=True):
            torch.mm(codes.T, d_block, out=d_table)

    def critic_backward(
        self, rows: tuple[torch.Tensor, torch.Tensor], c_NK: torch.Tensor, share_N1: torch.Tensor, *, weight: float
    ) -> CriticTerms:
        """Write the gradients of the critic's loss to ``gradients``, and return the terms of the loss.

        Args:
            rows: real and fake rows of the same conditions, each of shape (N, F).
            c_NK: one-hot codes of the conditions.
            share_N1: share of the real row in the mixed row at which the penalty is computed, from 0 to 1.
            weight: factor of the penalty in the loss.
        """
        n, last = len(c_NK), len(self.weights) - 1
        joined, per_row = self._inputs(rows, c_NK)
        # The first layer is affine: a point between two inputs of one condition maps to the same point between outputs.
        a_NH = torch.addmm(self.biases[0], joined[: 2 * n], self.weights[0].T)
        layers = self._upwards([joined, torch.cat([a_NH, torch.lerp(a_NH[n:], a_NH[:n], share_N1)]).relu_()])
        output = self.output(layers[-1][: 2 * n])
        slopes = [*self.slopes(layers), torch.ones_like(per_row)]

        between = slice(2 * n, None)
        slope_NI = torch.mm(slopes[0][between], self.weights[0], out=joined[between])
        slope_NI[:, self.n_in :] = 0.0  # the penalty uses only the gradient w.r.t. features
        length_N1 = torch.linalg.vector_norm(slope_NI, dim=1, keepdim=True)
        # From here on, slope_NI (a view of joined[between]) is the gradient of the penalty w.r.t. the slope.
        slope_NI *= (2 * weight / n) * (length_N1 - 1) / length_N1.clamp_min(TINY)
        for i in range(last + 1):
            scaled = slopes[i] * per_row
            torch.mm(scaled.T, layers[i], out=self._d_weights[i])
            torch.sum(scaled[: 2 * n], dim=0, out=self._d_biases[i])
            if i == 0:
                self._embedding_backward(scaled[:n] + scaled[n : 2 * n], c_NK)
            if i < last:  # the penalty's gradient w.r.t. the slopes passes upwards through the same masks
                upper = layers[i + 1]
                upper[between] = _where_on(layers[i][between] @ self.weights[i].T, upper[between])
        return CriticTerms(output[:n].mean() - output[n:].mean(), (length_N1 - 1).square().mean())

    def _inputs(self, rows: tuple[torch.Tensor, torch.Tensor], c_NK: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the critic's input, shape (3 N, F + E), and a factor for each row, shape (3 N, 1).

        The input contains N real rows, N fake rows, and N empty rows, to which `critic_backward` writes gradients. The
        factor is the derivative of the loss w.r.t. the critic's output, or 1 for an empty row.
        """
        n = len(c_NK)
        if n not in self._buffers:  # allocated once for each batch size: new memory takes longer than the arithmetic
            per_row = self.values.new_ones(3 * n, 1)
            per_row[:n], per_row[n : 2 * n] = -1 / n, 1 / n
            self._buffers[n] = self.values.new_empty(3 * n, self.weights[0].shape[1]), per_row
        joined, per_row = self._buffers[n]
        joined[:n, : self.n_in], joined[n : 2 * n, : self.n_in] = rows
        joined[:n, self.n_in :] = joined[n : 2 * n, self.n_in :] = self.embed(c_NK)
        return joined, per_row


class RMSprop:
    """RMSprop of Keras before version 3, with rho 0.9 and epsilon 1e-7.

    ``torch.optim.RMSprop(alpha=0.9, eps=1e-7)`` gives the same result, but here a step updates all parameters as one
    vector and allocates no memory.
    """

    def __init__(self, network: ConditionalMLP, learning_rate: float) -> None:
        self._network, self._learning_rate = network, learning_rate
        self._square = torch.zeros_like(network.values)
        self._root = torch.empty_like(network.values)

    def step(self) -> None:
        """Take a step."""
        gradients = self._network.gradients
        self._square.mul_(0.9).addcmul_(gradients, gradients, value=0.1)
        torch.sqrt(self._square, out=self._root).add_(1e-7)
        self._network.values.addcdiv_(gradients, self._root, value=-self._learning_rate)


def _initial(shape: tuple[int, ...], generator: torch.Generator, table: bool) -> torch.Tensor:
    flat = torch.zeros(math.prod(shape))
    if len(shape) == 1:
        return flat
    bound = EMBEDDING_BOUND if table else math.sqrt(6 / sum(shape))
    return flat.uniform_(-bound, bound, generator=generator)


def _where_on(values: torch.Tensor, layer: torch.Tensor) -> torch.Tensor:
    """Return the values, set to 0 where the output of a ReLU layer is 0."""
    return torch.ops.aten.threshold_backward(values, layer, 0.0)  # type: ignore[no-any-return]
