"""Layout: positions of scalars and one-hot blocks in an encoded row."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabgenbench import DataError
from tabgenbench_plugins.generators.parts.tabular import layout as layout_module
from tabgenbench_plugins.generators.parts.tabular.layout import Layout

SIZES = st.lists(st.integers(1, 7), max_size=6).map(tuple)


@given(n_modes=SIZES, n_categories=SIZES)
def test_positions_are_those_of_a_row_laid_out_by_hand(n_modes: tuple[int, ...], n_categories: tuple[int, ...]) -> None:
    scalars, blocks, position = [], [], 0
    for size in n_modes:
        scalars.append(position)
        blocks.append(list(range(position + 1, position + 1 + size)))
        position += 1 + size
    for size in n_categories:
        blocks.append(list(range(position, position + size)))
        position += size
    layout = Layout(n_modes, n_categories)
    assert layout.width == position
    assert layout.scalar_index.tolist() == scalars
    assert layout.block_starts.tolist() == [block[0] for block in blocks]
    assert layout.block_sizes.tolist() == [len(block) for block in blocks]
    assert layout.one_hot_index.tolist() == [entry for block in blocks for entry in block]
    assert layout.block_of.tolist() == [number for number, block in enumerate(blocks) for _ in block]
    assert layout.max_block == max(map(len, blocks), default=0)
    assert (layout.n_continuous, layout.n_blocks) == (len(n_modes), len(blocks))


def test_its_examples_run() -> None:
    results = doctest.testmod(layout_module)
    assert results.attempted > 0
    assert results.failed == 0


def test_positions_are_int64() -> None:
    for layout in (Layout((2, 3), (4,)), Layout((), (3,)), Layout((1,), ()), Layout((), ())):
        for name in ("scalar_index", "block_starts", "block_sizes", "one_hot_index", "block_of"):
            assert getattr(layout, name).dtype == np.int64, name


def test_equal_layouts_compare_equal() -> None:
    assert Layout((2,), (3,)) == Layout((2,), (3,))
    assert Layout((2,), (3,)) != Layout((2, 3), ())


@pytest.mark.parametrize(("n_modes", "n_categories"), [((0,), ()), ((2,), (0,)), ((), (3, -1))])
def test_a_column_without_entries_is_refused(n_modes: tuple[int, ...], n_categories: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="expected at least 1 for each column"):
        Layout(n_modes, n_categories)
