"""Input of a metric: the tables on the evaluation scale, and intermediate results that metrics share."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tabgenbench.data.table import Table
from tabgenbench.data.transform import Transform

__all__ = ["Evaluation", "Shared", "Side", "lock_arrays"]

Side = Literal["train", "test", "synthetic"]
T = TypeVar("T")


class Shared:
    """Cache of intermediate results that metrics share.

    Results that depend on synthetic rows are kept for one draw (one synthetic table). Results that depend only on real
    rows are kept for the whole split.
    """

    def __init__(self) -> None:
        self._split: dict[Hashable, Any] = {}
        self._draw: dict[Hashable, Any] = {}

    def once(self, key: Hashable, compute: Callable[[], T], *, scope: Literal["draw", "split"] = "draw") -> T:
        """Return the cached result with this key; the first call computes the result.

        Args:
            key: identifies the result and everything that it depends on besides the tables.
            compute: computes the result.
            scope: ``split`` for results that depend only on real rows.
        """
        kept = self._split if scope == "split" else self._draw
        if key not in kept:
            kept[key] = compute()
            lock_arrays(kept[key] if isinstance(kept[key], tuple | list) else [kept[key]])
        value: T = kept[key]
        return value

    def next_draw(self) -> None:
        """Discard the results that depend on synthetic rows, because the next synthetic table follows."""
        self._draw.clear()


def lock_arrays(values: Iterable[Any]) -> None:
    """Mark arrays and tables read-only, so that no metric changes the input of the next one."""
    for value in values:
        array: Any = value.X if isinstance(value, Table) else value
        parts = (array.data, array.indices, array.indptr) if sparse.issparse(array) else (array,)
        for part in parts:
            if isinstance(part, np.ndarray):
                part.flags.writeable = False


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Real and synthetic rows on the evaluation scale, standardised by mean and standard deviation of training rows.

    Attributes:
        train: training and validation rows, as given to the generator.
        test: held-out rows.
        synthetic: one synthetic row with the condition of each test row, in the order of the test rows; if the suite
            sets ``rows_per_training_row``, this number of synthetic rows with the condition of each training row.
        transform: map between the evaluation scale and the dataset's own scale.
        shared: cache of intermediate results.
        embedding: if the model is an `Embedder`, latent coordinates of the test rows by name of the latent space
            (block), each of shape (n_test, n_dimensions). Metrics of integration score the first block.
        train_embedding: latent coordinates of the training rows, in the same form.
        reference: in a split into thirds, the third of the rows that no model sees; otherwise None.
        predictions: predicted labels of the test rows by column, if the model has them.
        counts: if the schema says ``per_10k``, the real and synthetic tables as counts, because the library size (sum
            of the counts of a row) cannot be computed from the evaluation scale; otherwise empty.
    """

    train: Table
    test: Table
    synthetic: Table
    transform: Transform
    shared: Shared = field(default_factory=Shared)
    embedding: dict[str, NDArray[np.float32]] | None = None
    train_embedding: dict[str, NDArray[np.float32]] | None = None
    predictions: dict[str, NDArray[Any]] | None = None
    reference: Table | None = None
    counts: Mapping[Side, Table] = field(default_factory=dict)

    def side(self, side: Side) -> Table:
        """Return one of the tables, such as ``train``, on the evaluation scale."""
        tables: dict[Side, Table] = {"train": self.train, "test": self.test, "synthetic": self.synthetic}
        return tables[side]

    def own(self, side: Side) -> Table:
        """Return one of the tables on the dataset's own scale; sparse counts if the schema says ``per_10k``."""
        if side in self.counts:
            return self.counts[side]
        scope: Literal["draw", "split"] = "draw" if side == "synthetic" else "split"
        return self.shared.once(("own", side), lambda: self.transform.invert(self.side(side)), scope=scope)
