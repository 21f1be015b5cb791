"""Latent coordinates, labels and principal components of cells, for the metrics of embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tabgenbench import Evaluation, Table, Unsupported
from tabgenbench_plugins.correlation import Floats

__all__ = [
    "Embedded",
    "Labels",
    "before_integration",
    "codes_of",
    "embedded",
    "labels_of",
]

Labels = NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class Embedded:
    """Latent coordinates of cells, divided into blocks (named groups of dimensions).

    Attributes:
        blocks: coordinates by name of the block, each of shape (n_cells, n_dimensions).
    """

    blocks: Mapping[str, Floats]

    @property
    def first(self) -> Floats:
        """Coordinates in the first block, shape (n_cells, n_dimensions)."""
        return next(iter(self.blocks.values()))

    @property
    def whole(self) -> Floats:
        """Coordinates in all blocks side by side, with one row per cell."""
        return np.hstack(list(self.blocks.values()))

    @property
    def slices(self) -> dict[str, slice]:
        """Positions of the columns of each block in the array `whole`, by name of the block."""
        ends = np.cumsum([block.shape[1] for block in self.blocks.values()]).tolist()
        return {name: slice(start, end) for name, start, end in zip(self.blocks, [0, *ends], ends, strict=False)}

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Embedded:
        """Return the cells at the given positions."""
        return Embedded({name: block[rows] for name, block in self.blocks.items()})


def embedded(blocks: Mapping[str, NDArray[np.float32]] | None) -> Embedded:
    """Check the blocks of an embedding, and return the embedding in float64.

    Raises:
        Unsupported: the model has no embedding, a block has no dimension, or a value is not finite.
    """
    if not blocks or not all(block.shape[1] for block in blocks.values()):
        raise Unsupported("needs an embedding of the cells with at least one dimension; the model has none")
    if not all(np.isfinite(block).all() for block in blocks.values()):
        raise Unsupported("needs finite latent coordinates; the embedding has values that are not finite numbers")
    return Embedded({name: np.asarray(block, dtype=np.float64) for name, block in blocks.items()})


def labels_of(table: Table, column: str) -> Labels:
    """Return the labels of a column of ``obs`` as texts, shape (n_rows,)."""
    labels: Labels = table.obs[column].astype(str).to_numpy(dtype=object)
    return labels


def codes_of(labels: Labels) -> NDArray[np.int64]:
    """Return, for each label, its position among the sorted distinct labels."""
    return np.unique(labels.astype(str), return_inverse=True)[1].astype(np.int64)


def before_integration(evaluation: Evaluation, n_components: int) -> Floats:
    """Return principal components of the log-normalised test cells, shape (n_cells, n_components).

    Genes are not standardised, as in the benchmark scIB. If there are fewer rows or genes than ``n_components``, the
    result has fewer columns. The result is cached for all models, because it depends only on real rows.
    """

    def compute() -> Floats:
        from sklearn.decomposition import PCA

        values = evaluation.test.dense() * evaluation.transform.std.astype(np.float32)
        n_kept = min(n_components, *values.shape)
        places: Floats = PCA(n_kept, svd_solver="randomized", random_state=0).fit_transform(values).astype(np.float64)
        return places

    return evaluation.shared.once(("before-integration", n_components), compute, scope="split")
