"""Coordinates of test cells for a figure of each block (named group of dimensions) of an embedding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench import Evaluation
from tabgenbench_plugins.correlation import Floats, Undefined
from tabgenbench_plugins.metrics.parts.embedded_cells import embedded, labels_of
from tabgenbench_plugins.metrics.parts.umap_layout import umap_layout

__all__ = ["block_places"]

N_NEIGHBORS, MIN_DIST, EPOCHS = 15, 0.3, 200


def block_places(evaluation: Evaluation, columns: Sequence[str], *, n_cells: int, seed: int) -> dict[str, pd.DataFrame]:
    """Return the table ``places``: labels of at most ``n_cells`` test cells, and their coordinates in each block.

    The coordinates are the values of a block of two dimensions, or a UMAP of a larger block. A block of one dimension
    gets a random second coordinate. The result is empty if ``n_cells`` is 0, or if a UMAP cannot be computed, for
    example with fewer than 10 cells. ``columns`` contains the names of the batch, type and condition columns; the name
    of a missing column is empty.
    """
    n = evaluation.test.n_rows
    if n_cells == 0 or n == 0:
        return {}
    rows = np.sort(np.random.default_rng([seed, n]).choice(n, min(n, n_cells), replace=False))
    labels = {
        role: labels_of(evaluation.test, column)[rows] if column else np.full(len(rows), "", dtype=object)
        for role, column in zip(("batch", "type", "condition"), columns, strict=True)
    }
    parts = []
    try:
        for name, block in embedded(evaluation.embedding).take(rows).blocks.items():
            x, y = _plane(block, seed).T.round(4)
            parts.append(pd.DataFrame({"block": name, "x": x, "y": y, **labels}))
    except Undefined:
        return {}
    return {"places": pd.concat(parts, ignore_index=True)}


def _plane(block: Floats, seed: int) -> NDArray[np.float64]:
    if block.shape[1] == 1:
        spread = np.random.default_rng(seed).uniform(size=len(block))  # separates the points of one dimension
        return np.column_stack([block[:, 0], spread])
    if block.shape[1] == 2:
        return block
    return umap_layout(block.astype(np.float32), seed=seed, n_neighbors=N_NEIGHBORS, min_dist=MIN_DIST, n_epochs=EPOCHS)
