"""Leaves of a random forest, and the training rows in each leaf.

Rows sampled from a leaf with a single training row would be copies of this row. A leaf with fewer than `min_rows`
training rows is therefore replaced by its nearest ancestor with at least `min_rows` rows, and the weight of the leaf is
added to the ancestor.

N training rows   B trees   L leaves of all trees, after the replacement of small leaves
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ForestLeaves"]

NO_CHILD = -1  # scikit-learn marks a leaf by this number


@dataclass(frozen=True, eq=False)
class ForestLeaves:
    """The leaves of all trees, after the replacement of small leaves by ancestors.

    Attributes:
        order: positions of the training rows, sorted by leaf, for each tree, shape (B, N). The rows below any node are
            consecutive, because scikit-learn numbers the nodes of a tree depth first.
        tree: index of the tree that contains each leaf, shape (L,).
        node: index of each leaf among the nodes of its tree, shape (L,).
        start: position of the first row of each leaf in ``order``, shape (L,).
        count: number of training rows of each leaf, shape (L,).
        weight: number of training rows that fall into the leaf, or into a leaf that it replaces, divided by N B, shape
            (L,).
    """

    order: NDArray[np.int32]
    tree: NDArray[np.int64]
    node: NDArray[np.int64]
    start: NDArray[np.int64]
    count: NDArray[np.int64]
    weight: NDArray[np.float64]

    @classmethod
    def of(cls, trees: list[Any], rows: NDArray[np.float32], min_rows: int) -> ForestLeaves:
        """Return the leaves of fitted trees with their training rows.

        Args:
            trees: the ``tree_`` attributes of fitted scikit-learn trees.
            rows: encoded training rows.
            min_rows: leaves with fewer training rows are replaced by an ancestor.
        """
        orders, parts = [], []
        for number, tree in enumerate(trees):
            at = tree.apply(rows)
            order = np.argsort(at, kind="stable").astype(np.int32)
            first = np.searchsorted(at[order], np.arange(tree.node_count + 1))
            ends = _subtree_ends(tree)
            home = _homes(tree, first[ends] - first[:-1], min_rows)
            nodes, rows_of = np.unique(home[at], return_counts=True)
            start = first[nodes]
            parts.append((np.full(len(nodes), number), nodes, start, first[ends[nodes]] - start, rows_of))
            orders.append(order)
        tree_of, node, start, count, represented = (np.concatenate(column) for column in zip(*parts, strict=True))
        return cls(np.stack(orders), tree_of, node, start, count, represented / represented.sum())

    def choose(self, n: int, weight: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw ``n`` leaves with probabilities proportional to ``weight``, which need not sum to 1."""
        cumulative = np.cumsum(weight)
        found = np.searchsorted(cumulative, rng.random(n) * cumulative[-1], side="right")
        last = int(np.flatnonzero(weight)[-1])  # rounding must not choose a later leaf, which has weight 0
        return np.asarray(np.minimum(found, last), dtype=np.int64)

    def draw_rows(self, leaves: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int32]:
        """Return the position of a random training row in each given leaf, in the shape of ``leaves``."""
        offset = (rng.random(leaves.shape) * self.count[leaves]).astype(np.int64)
        rows: NDArray[np.int32] = self.order[self.tree[leaves], self.start[leaves] + offset]
        return rows

    def sums(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Return the sum of ``values`` over the training rows in each leaf, shape (L, ...)."""
        sums = np.empty((len(self.tree), *values.shape[1:]))
        for number, order in enumerate(self.order):
            here = np.flatnonzero(self.tree == number)
            running = np.zeros((len(order) + 1, *values.shape[1:]))
            np.cumsum(values[order], axis=0, dtype=np.float64, out=running[1:])
            sums[here] = running[self.start[here] + self.count[here]] - running[self.start[here]]
        return sums

    def boxes(self, trees: list[Any], columns: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return lower and upper bounds of the first ``columns`` columns in each leaf, each of shape (L, columns)."""
        low = np.full((len(self.tree), columns), -np.inf, dtype=np.float32)
        high = np.full_like(low, np.inf)
        for number, tree in enumerate(trees):
            lows, highs = np.full((tree.node_count, columns), -np.inf), np.full((tree.node_count, columns), np.inf)
            left, right = tree.children_left, tree.children_right
            for node in np.flatnonzero(left != NO_CHILD):  # parents come before children
                column, children = tree.feature[node], [left[node], right[node]]
                lows[children], highs[children] = lows[node], highs[node]
                if column < columns:
                    highs[left[node], column] = lows[right[node], column] = tree.threshold[node]
            here = self.tree == number
            low[here], high[here] = lows[self.node[here]], highs[self.node[here]]
        return low, high


def _subtree_ends(tree: Any) -> NDArray[np.int64]:
    """Return, for each node of a tree, one plus the index of its last descendant."""
    ends = np.arange(1, tree.node_count + 1)
    for node in np.flatnonzero(tree.children_left != NO_CHILD)[::-1]:  # children before parents
        ends[node] = ends[tree.children_right[node]]
    return ends


def _homes(tree: Any, n_rows: NDArray[np.int64], min_rows: int) -> NDArray[np.int64]:
    home = np.zeros(tree.node_count, dtype=np.int64)
    for node in np.flatnonzero(tree.children_left != NO_CHILD):
        for child in (tree.children_left[node], tree.children_right[node]):
            home[child] = child if n_rows[child] >= min_rows else home[node]
    return home
