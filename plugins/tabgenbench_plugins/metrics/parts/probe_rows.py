"""Embedded cells for training classifiers, and held-out cells for testing them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tabgenbench import Evaluation
from tabgenbench_plugins.correlation import Undefined
from tabgenbench_plugins.metrics.parts.embedded_cells import Embedded, Labels, embedded, labels_of

__all__ = ["ProbeRows", "probe_rows"]

FEWEST_CELLS = 20


@dataclass(frozen=True, eq=False)
class ProbeRows:
    """Embedded cells with one column of labels.

    Attributes:
        known: embedded cells for training a classifier.
        labels: labels of ``known``, shape (n_known,).
        asked: held-out cells for testing the classifier.
        truth: labels of ``asked``, shape (n_asked,).
        halves: whether ``known`` and ``asked`` are two halves of the test cells.
    """

    known: Embedded
    labels: Labels
    asked: Embedded
    truth: Labels
    halves: bool


def probe_rows(evaluation: Evaluation, column: str, *, max_rows: int, seed: int) -> ProbeRows:
    """Return cells to train and test a classifier: training and test cells, or two random halves of the test cells.

    The labels are values of the column ``column`` of ``obs``. Halves are used if the training cells are not embedded or
    lack a label of the test cells. For example, in a split that is grouped by donor, no training cell has a donor of
    the test cells. At most ``max_rows`` random cells are used for training, and at most ``max_rows`` for testing.

    Raises:
        Undefined: there are fewer than 20 test cells, or all test cells or all cells for training have the same label.
        Unsupported: there is no embedding with finite coordinates.
    """
    test, truth = embedded(evaluation.embedding), labels_of(evaluation.test, column)
    n_labels = len(np.unique(truth.astype(str)))
    if n_labels < 2 or len(truth) < FEWEST_CELLS:
        raise Undefined(f"column {column!r} needs two values and {FEWEST_CELLS} test cells")
    rng = np.random.default_rng([seed, len(truth)])
    if evaluation.train_embedding:
        labels = labels_of(evaluation.train, column)
        if set(truth) <= set(labels):
            rows = [_some(n, max_rows, rng) for n in (len(labels), len(truth))]
            train = embedded(evaluation.train_embedding)
            return ProbeRows(train.take(rows[0]), labels[rows[0]], test.take(rows[1]), truth[rows[1]], halves=False)
    order = rng.permutation(len(truth))[: 2 * max_rows]
    cut = len(order) // 2
    first, second = np.sort(order[:cut]), np.sort(order[cut:])
    if len(np.unique(truth[first].astype(str))) < 2:
        raise Undefined(f"column {column!r} has one value in a random half of the test cells")
    return ProbeRows(test.take(first), truth[first], test.take(second), truth[second], halves=True)


def _some(n: int, most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return np.sort(rng.choice(n, min(n, most), replace=False))
