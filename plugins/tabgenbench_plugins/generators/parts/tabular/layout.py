"""Positions of the columns in an encoded row.

The encoding is that of Xu et al., "Modeling tabular data using conditional GAN", NeurIPS 2019, section 4.2. A
continuous column is modelled by a mixture of Gaussians, whose components are called modes. A continuous value is
encoded as a scalar, which is the position within one mode, followed by the one-hot code of this mode. A discrete value
is encoded as a one-hot code:

    [scalar | modes]  [scalar | modes]  ...  [categories]  [categories]  ...
     C continuous columns, in order           discrete columns, in order

    C continuous columns   B one-hot blocks, one for each column   D width of a row
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tabgenbench import DataError

__all__ = ["Layout"]

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Layout:
    """Positions of scalars and one-hot blocks in an encoded row.

    Attributes:
        n_modes: number of modes of each continuous column.
        n_categories: number of values of each discrete column.

    Raises:
        DataError: a column has no mode or no category.

    >>> layout = Layout((2, 3), (4,))
    >>> layout.width, layout.scalar_index.tolist(), layout.block_starts.tolist(), layout.block_sizes.tolist()
    (11, [0, 3], [1, 4, 7], [2, 3, 4])
    >>> layout.one_hot_index.tolist()
    [1, 2, 4, 5, 6, 7, 8, 9, 10]
    >>> layout.block_of.tolist()
    [0, 0, 1, 1, 1, 2, 2, 2, 2]
    """

    n_modes: tuple[int, ...]
    n_categories: tuple[int, ...]

    def __post_init__(self) -> None:
        if min((*self.n_modes, *self.n_categories), default=1) < 1:
            raise DataError(
                f"layout of an encoded row: got n_modes {self.n_modes} and n_categories {self.n_categories}, "
                "expected at least 1 for each column; remove columns without values"
            )

    @property
    def n_continuous(self) -> int:
        """C, the number of continuous columns."""
        return len(self.n_modes)

    @property
    def n_blocks(self) -> int:
        """B, the number of one-hot blocks."""
        return len(self.n_modes) + len(self.n_categories)

    @cached_property
    def width(self) -> int:
        """D, the number of entries of an encoded row."""
        return self.n_continuous + int(self.block_sizes.sum())

    @cached_property
    def block_sizes(self) -> Positions:
        """Number of entries of each one-hot block, shape (B,)."""
        return np.array([*self.n_modes, *self.n_categories], dtype=np.int64)

    @cached_property
    def block_starts(self) -> Positions:
        """Position of each block's first entry in the row, shape (B,)."""
        scalars_before = np.minimum(np.arange(self.n_blocks) + 1, self.n_continuous)
        return np.cumsum(self.block_sizes) - self.block_sizes + scalars_before

    @cached_property
    def scalar_index(self) -> Positions:
        """Position of each continuous column's scalar in the row, shape (C,)."""
        return self.block_starts[: self.n_continuous] - 1

    @cached_property
    def block_of(self) -> Positions:
        """Index of the one-hot block of each entry in `one_hot_index`, shape (D - C,), ascending."""
        return np.repeat(np.arange(self.n_blocks, dtype=np.int64), self.block_sizes)

    @cached_property
    def one_hot_index(self) -> Positions:
        """Positions of all one-hot entries in the row, shape (D - C,), ascending."""
        before_block = np.cumsum(self.block_sizes) - self.block_sizes
        within = np.arange(len(self.block_of), dtype=np.int64) - before_block[self.block_of]
        return self.block_starts[self.block_of] + within

    @cached_property
    def max_block(self) -> int:
        """Number of entries of the largest one-hot block, or 0 without blocks."""
        return int(self.block_sizes.max(initial=0))
