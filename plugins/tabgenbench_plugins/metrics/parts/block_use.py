"""How much a classifier uses each block (named group of dimensions) of an embedding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tabgenbench_plugins.correlation import Floats
from tabgenbench_plugins.metrics.parts.embedded_cells import Embedded, Labels

__all__ = ["BlockUse", "accuracy_alone", "block_use", "chance_of"]

N_TREES, N_PERMUTATIONS = 200, 10


@dataclass(frozen=True)
class BlockUse:
    """How much a random forest, which predicts one column, uses each block of an embedding.

    Attributes:
        accuracy: held-out accuracy with all blocks.
        losses: for each block, the decrease of held-out accuracy if the block is permuted; 0 if the accuracy increases.
        chance: for each block, its share of the dimensions of the embedding, which is the expected value of
            `shares` if all dimensions are equally useful.
    """

    accuracy: float
    losses: Mapping[str, float]
    chance: Mapping[str, float]

    @property
    def shares(self) -> dict[str, float]:
        """For each block, its loss divided by the sum of the losses of all blocks; 0 if all losses are 0."""
        total = max(sum(self.losses.values()), 1e-9)
        return {name: loss / total for name, loss in self.losses.items()}


def block_use(known: Embedded, labels: Labels, asked: Embedded, truth: Labels, *, seed: int) -> BlockUse:
    """Return how much a random forest uses each block of the embedding.

    The forest is trained on the cells ``known`` with ``labels``, and predicts the labels ``truth`` of the held-out
    cells ``asked``. The use of a block is the loss of accuracy if the values of the block are permuted between held-out
    cells, averaged over ten permutations. All dimensions of a block are permuted together. If single dimensions were
    permuted (as in Breiman, Machine Learning 45, 2001), other dimensions with the same information would replace them.
    """
    forest, z, rng = _forest(seed).fit(known.whole, labels), asked.whole, np.random.default_rng(seed)
    right = float(forest.score(z, truth))
    losses = {}
    for name, columns in asked.slices.items():
        lost = 0.0
        for _ in range(N_PERMUTATIONS):
            permuted = z.copy()
            permuted[:, columns] = z[rng.permutation(len(z)), columns]
            lost += (right - float(forest.score(permuted, truth))) / N_PERMUTATIONS
        losses[name] = max(lost, 0.0)
    sizes = {name: block.shape[1] / z.shape[1] for name, block in asked.blocks.items()}
    return BlockUse(right, losses, sizes)


def accuracy_alone(known: Floats, labels: Labels, asked: Floats, truth: Labels, *, seed: int) -> float:
    """Return the held-out accuracy of a logistic regression or a random forest, whichever is higher, with one block.

    ``known`` contains the coordinates of the training cells in the block, and ``labels`` their labels. ``asked`` and
    ``truth`` are the coordinates and labels of the held-out cells.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return max(float(one.fit(known, labels).score(asked, truth)) for one in (linear, _forest(seed)))


def chance_of(truth: Labels) -> float:
    """Return the share of the most frequent label, which is the accuracy of always predicting this label."""
    return float(np.unique(truth.astype(str), return_counts=True)[1].max() / len(truth))


def _forest(seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(N_TREES, random_state=seed % 2**32, n_jobs=1)
