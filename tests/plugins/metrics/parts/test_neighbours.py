from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from tabgenbench_plugins.metrics.parts import neighbours as module
from tabgenbench_plugins.metrics.parts.neighbours import distance_blocks, nearest


@pytest.mark.parametrize("exclude_self", [False, True])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_neighbours_are_those_of_all_distances(
    monkeypatch: pytest.MonkeyPatch, exclude_self: bool, offset: float
) -> None:
    monkeypatch.setattr(module, "BLOCK", 500)  # several blocks
    monkeypatch.setattr(module, "QUERIES", 20)
    rng = np.random.default_rng(1)
    reference = (rng.normal(size=(70, 6)) + offset).astype(np.float32)
    rows = reference if exclude_self else (rng.normal(size=(50, 6)) + offset).astype(np.float32)
    apart = cdist(rows.astype(np.float64), reference.astype(np.float64))
    if exclude_self:
        np.fill_diagonal(apart, np.inf)
    found = nearest(rows, reference, 4, exclude_self=exclude_self)
    np.testing.assert_array_equal(found.indices, np.argsort(apart, axis=1)[:, :4])
    np.testing.assert_allclose(found.distances, np.sort(apart, axis=1)[:, :4], rtol=1e-12)


def test_the_distance_of_equal_rows_is_exactly_zero() -> None:
    rows = np.random.default_rng(2).normal(1e4, 1.0, size=(40, 30)).astype(np.float32)
    assert (nearest(rows[::-1], rows, 1).distances == 0.0).all()
    assert (nearest(np.repeat(rows, 3, axis=0), np.repeat(rows, 3, axis=0), 2, exclude_self=True).distances == 0).all()


def test_blocks_of_distances_make_up_the_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 100)
    rng = np.random.default_rng(3)
    a, b = rng.normal(5.0, 1.0, size=(23, 4)), rng.normal(5.0, 1.0, size=(31, 4))
    found = np.empty((23, 31))
    for rows, block in distance_blocks(a, b):
        assert block.size <= 100
        found[rows] = block
    np.testing.assert_allclose(found, cdist(a, b), atol=1e-7)
