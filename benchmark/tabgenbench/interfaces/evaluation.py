"""Input of a metric: real and synthetic tables, and a cache of results that several metrics use."""

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
    """Cache of intermediate results that several metrics use.

    A result that depends on synthetic rows is kept for one synthetic table (draw). A result that depends only on real
    rows is kept for the whole split.
    """

    def __init__(self) -> None:
        self._split: dict[Hashable, Any] = {}
        self._draw: dict[Hashable, Any] = {}

    def once(self, key: Hashable, compute: Callable[[], T], *, scope: Literal["draw", "split"] = "draw") -> T:
        """Return the cached result for a key; the first call computes it.

        Args:
            key: name of the result, with all settings on which the result depends.
            compute: function that computes the result.
            scope: ``split`` if the result depends only on real rows, else ``draw``.
        """
        kept = self._split if scope == "split" else self._draw
        if key not in kept:
            kept[key] = compute()
            lock_arrays(kept[key] if isinstance(kept[key], tuple | list) else [kept[key]])
        value: T = kept[key]
        return value

    def next_draw(self) -> None:
        """Discard the results that depend on synthetic rows, before the next synthetic table is scored."""
        self._draw.clear()


def lock_arrays(values: Iterable[Any]) -> None:
    """Mark arrays and tables read-only, so that a metric cannot change the input of the next metric."""
    for value in values:
        array: Any = value.X if isinstance(value, Table) else value
        parts = (array.data, array.indices, array.indptr) if sparse.issparse(array) else (array,)
        for part in parts:
            if isinstance(part, np.ndarray):
                part.flags.writeable = False


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Real and synthetic rows on the evaluation scale, which standardises numeric features with the training rows.

    Attributes:
        train: training rows and validation rows, all of which the generator got.
        test: held-out rows.
        synthetic: one synthetic row with the condition of each test row, in the order of the test rows. If the suite
            sets ``rows_per_training_row``, the table has this number of synthetic rows for the condition of each
            training row instead.
        transform: map between the evaluation scale and the dataset's own scale.
        shared: cache of results that several metrics use.
        embedding: result of `Embedder.embed` for the test rows; None if the generator is no `Embedder`.
        train_embedding: result of `Embedder.embed` for the rows of ``train``, or None.
        reference: if a suite splits a table into thirds, the rows of the third that no model gets; else None.
        predictions: labels of the test rows that the model predicts, by column; None without predictions.
        counts: the tables as counts if ``schema.per_10k`` is true, else empty. Only counts give the library size of a
            row (the sum of its counts).
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
        """Return one of the tables on the dataset's own scale; a table in the attribute `counts` may be sparse."""
        if side in self.counts:
            return self.counts[side]
        scope: Literal["draw", "split"] = "draw" if side == "synthetic" else "split"
        return self.shared.once(("own", side), lambda: self.transform.invert(self.side(side)), scope=scope)
