"""Activations and losses of encoded rows, computed for many columns at once.

The activations and losses are those of Xu et al., "Modeling tabular data using conditional GAN", NeurIPS 2019, with the
constants of the package `ctgan`. Scalars have the activation tanh. One-hot blocks have a Gumbel-softmax of temperature
0.2 (CTGAN) or a cross entropy (TVAE). A loop over columns would be slow because of the overhead of many small
operations. Therefore entries are reordered so that all blocks of modes with the same size lie together:

    [scalars of all C columns | modes, size 1 | modes, size 2 | ... | discrete column | discrete column ...]

A continuous value is encoded by a one-hot block, which states its component (mode) of a Gaussian mixture, and by a
scalar, its position in this component. The part "modes, size s" contains n blocks of s entries: the first entries of
all blocks, then the second entries of all blocks, and so on. The part is a view of shape (N, s, n), so one softmax over
dimension 1 is enough for all its blocks.

    N rows   C scalars   D width of an encoded row   s entries of a block   n blocks of one size
    K values of all discrete columns
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

from tabgenbench_plugins.generators.parts.tabular.layout import Layout

__all__ = ["Blocks", "Reconstruction"]

TEMPERATURE = 0.2  # temperature of the Gumbel-softmax
IGNORED = -1  # code of a column without a requested value
TINY = torch.finfo(torch.float32).tiny  # replaces a uniform draw of 0, whose logarithm is infinite


class Group(NamedTuple):
    """One-hot blocks of equal size: position of the first entry, number of entries per block, and number of blocks."""

    start: int
    size: int
    n_blocks: int


class Reconstruction(NamedTuple):
    """The reconstruction loss of TVAE and its gradients.

    Attributes:
        loss: scalar.
        output_ND: gradient w.r.t. the decoder's output, shape (N, D).
        sigma_C: gradient w.r.t. the standard deviations, shape (C,).
    """

    loss: torch.Tensor
    output_ND: torch.Tensor
    sigma_C: torch.Tensor


@dataclass(frozen=True, eq=False)
class Blocks:
    """The order of entries (see the module docstring), and operations on rows with this order (rearranged rows).

    Attributes:
        order: for each entry of a rearranged row, its position in the encoded row, shape (D,), int64.
        n_scalars: C.
        groups: for each size, one group with all blocks of modes of this size; then one group for each discrete column.
        n_discrete: number of discrete columns.
    """

    order: torch.Tensor
    n_scalars: int
    groups: tuple[Group, ...]
    n_discrete: int

    @classmethod
    def of(cls, layout: Layout, device: str = "cpu") -> Blocks:
        """Compute the order from the layout of encoded rows."""
        n_scalars, width = layout.n_continuous, layout.n_continuous
        parts, groups = [layout.scalar_index], []
        sizes_C = layout.block_sizes[:n_scalars]
        for size in np.unique(sizes_C).tolist():
            starts_n = layout.block_starts[:n_scalars][sizes_C == size]
            parts.append((starts_n[None, :] + np.arange(size)[:, None]).ravel())
            groups.append(Group(width, size, len(starts_n)))
            width += size * len(starts_n)
        for start, size in zip(layout.block_starts[n_scalars:].tolist(), layout.n_categories, strict=True):
            parts.append(np.arange(start, start + size))
            groups.append(Group(width, size, 1))
            width += size
        order = torch.from_numpy(np.concatenate(parts)).to(device)
        return cls(order, n_scalars, tuple(groups), len(layout.n_categories))

    @property
    def width(self) -> int:
        """D, the number of entries of an encoded row."""
        return len(self.order)

    def arrange(self, encoded_ND: torch.Tensor) -> torch.Tensor:
        """Return encoded rows with the entries in the order of this class, shape (N, D)."""
        return encoded_ND[:, self.order]

    def restore(self, arranged_ND: torch.Tensor) -> torch.Tensor:
        """Restore the original order of entries in rearranged rows, shape (N, D)."""
        encoded_ND = torch.empty_like(arranged_ND)
        encoded_ND[:, self.order] = arranged_ND
        return encoded_ND

    def discrete(self, column: int) -> slice:
        """Return the positions of a discrete column in a rearranged row."""
        group = self.groups[len(self.groups) - self.n_discrete + column]
        return slice(group.start, group.start + group.size)

    def views(self, *arranged: torch.Tensor) -> Iterator[list[torch.Tensor]]:
        """Yield for each block size s the entries of all n blocks of this size, as views of shape (N, s, n)."""
        for start, size, n_blocks in self.groups:
            columns = slice(start, start + size * n_blocks)
            yield [tensor[:, columns].view(-1, size, n_blocks) for tensor in arranged]

    def gumbel_noise(self, n_rows: int, generator: torch.Generator) -> torch.Tensor:
        """Draw negative Gumbel noise for all one-hot entries, shape (N, D - C), float32.

        The noise is log(-log u) with u uniform. On a CPU, torch's exponential random numbers would take seven times as
        long.
        """
        noise = torch.empty(n_rows, self.width - self.n_scalars, device=generator.device)
        return noise.uniform_(generator=generator).clamp_(min=TINY).log_().neg_().log_()

    def activate(
        self,
        logits_ND: torch.Tensor,
        minus_gumbel: torch.Tensor,
        condition_NK: torch.Tensor,
        *,
        out: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Apply tanh to scalars and Gumbel-softmax to one-hot blocks, and append the condition, shape (N, D + K).

        Autograd does not record this function; call `activation_gradient` for the gradient.

        Args:
            logits_ND: output of the generator, in rearranged order.
            minus_gumbel: result of `gumbel_noise`.
            condition_NK: one-hot condition of each row; K may be 0.
            out: tensor for the result; None for a new one.
        """
        y = logits_ND.new_empty(len(logits_ND), self.width + condition_NK.shape[1]) if out is None else out
        torch.tanh(logits_ND[:, : self.n_scalars], out=y[:, : self.n_scalars])
        one_hots = y[:, self.n_scalars : self.width]
        torch.sub(logits_ND[:, self.n_scalars :], minus_gumbel, out=one_hots).div_(TEMPERATURE)
        for (y_Nsn,) in self.views(y):
            y_Nsn.copy_(torch.softmax(y_Nsn, dim=1))
        y[:, self.width :] = condition_NK
        return y

    def activation_gradient(self, y: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """Return the gradient of a loss w.r.t. the logits, shape (N, D).

        Args:
            y: result of `activate`, shape (N, D + K).
            gradient: gradient of the loss w.r.t. ``y``, same shape.
        """
        out_ND = y.new_empty(len(y), self.width)
        scalars = slice(0, self.n_scalars)
        torch.mul(y[:, scalars], y[:, scalars], out=out_ND[:, scalars]).neg_().add_(1.0).mul_(gradient[:, scalars])
        for y_Nsn, g_Nsn, out_Nsn in self.views(y, gradient, out_ND):
            torch.mul(y_Nsn, g_Nsn, out=out_Nsn)
            out_Nsn.addcmul_(y_Nsn, out_Nsn.sum(dim=1, keepdim=True), value=-1.0)
        out_ND[:, self.n_scalars :] /= TEMPERATURE
        return out_ND

    def reconstruction(
        self, output_ND: torch.Tensor, x_ND: torch.Tensor, sigma_C: torch.Tensor, factor: float
    ) -> Reconstruction:
        """Return TVAE's mean reconstruction loss over rows, and its gradients w.r.t. ``output_ND`` and ``sigma_C``.

        The loss of a scalar is its Gaussian negative log-likelihood (x - tanh(output))² / (2 sigma²) + log sigma,
        without the constant. The loss of a one-hot block is its cross entropy.

        Args:
            output_ND: output of the decoder, in rearranged order.
            x_ND: rearranged encoded rows.
            sigma_C: standard deviation of each scalar.
            factor: weight of the loss, 2 in the paper's code.
        """
        n_rows, C = len(x_ND), self.n_scalars
        scale = factor / n_rows
        gradient_ND = torch.empty_like(output_ND)
        mean_NC = torch.tanh(output_ND[:, :C])
        off_NC = x_ND[:, :C] - mean_NC
        square_C = off_NC.square().sum(dim=0)
        precision_C = sigma_C**-2
        loss = 0.5 * square_C.dot(precision_C) + n_rows * sigma_C.log().sum()
        sigma_gradient_C = scale * (n_rows / sigma_C - square_C * precision_C / sigma_C)
        torch.mul(mean_NC, mean_NC, out=gradient_ND[:, :C]).sub_(1.0).mul_(off_NC).mul_(precision_C)
        for out_Nsn, x_Nsn, gradient_Nsn in self.views(output_ND, x_ND, gradient_ND):
            log_p_Nsn = torch.log_softmax(out_Nsn, dim=1)
            loss = loss - torch.sum(x_Nsn * log_p_Nsn)
            torch.sub(log_p_Nsn.exp_(), x_Nsn, out=gradient_Nsn)
        return Reconstruction(loss * scale, gradient_ND.mul_(scale), sigma_gradient_C)

    @property
    def discrete_entries(self) -> slice:
        """The slice of a rearranged row with the one-hot entries of all discrete columns (the last entries)."""
        groups = self.groups[len(self.groups) - self.n_discrete :]
        return slice(self.width - sum(group.size for group in groups), self.width)

    def condition_loss(self, logits_ND: torch.Tensor, values_N: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean over rows of CTGAN's condition loss, and its gradient w.r.t. the last K logits, shape (N, K).

        For each row, a value of one discrete column is requested. The loss is the cross entropy between this value and
        the logits (without Gumbel noise) of this column.

        Args:
            logits_ND: output of the generator, in rearranged order.
            values_N: index of the requested value of each row among the K values of all discrete columns.
        """
        loss, gradients, n_before = logits_ND.new_zeros(()), [], 0
        for column in range(self.n_discrete):
            log_p = functional.log_softmax(logits_ND[:, self.discrete(column)], dim=1)
            code_N, n = values_N - n_before, log_p.shape[1]
            is_asked_N = (code_N >= 0) & (code_N < n)
            code_N = torch.where(is_asked_N, code_N, IGNORED)
            loss = loss + functional.nll_loss(log_p, code_N, ignore_index=IGNORED, reduction="sum")
            weight_N1 = is_asked_N[:, None].to(log_p.dtype)
            gradients.append(log_p.exp().mul_(weight_N1).scatter_add_(1, code_N.clamp(min=0)[:, None], -weight_N1))
            n_before += n
        return loss / len(values_N), torch.cat(gradients, dim=1).div_(len(values_N))
