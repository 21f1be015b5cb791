"""Training cells of the generator `invae`: counts, covariates (conditions and batch), and library sizes.

N cells, F genes, C columns, I one-hot codes of the conditions (biology), S one-hot codes of the batch
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import sparse

from tabgenbench import ConditionCodes, Context, Table, condition_labels, nearest_known
from tabgenbench_plugins.generators.parts.by_condition import TrainingConditions
from tabgenbench_plugins.generators.parts.nn import one_hot

__all__ = ["CellPool", "Minibatch", "TrainingCells", "batch_columns", "known_one_hot", "n_codes", "to_one_hot"]


def batch_columns(table: Table) -> pd.DataFrame:
    """Return the batch column as a data frame; without a batch column, the data frame has no column."""
    return table.obs.loc[:, [] if table.schema.batch is None else [table.schema.batch]]


def n_codes(values: ConditionCodes) -> int:
    """Return the width of the result of `to_one_hot`: the number of values of all columns, or 1 without columns."""
    return max(1, sum(values.n_categories))


def to_one_hot(codes_NC: torch.Tensor, values: ConditionCodes) -> torch.Tensor:
    """Return the one-hot codes of all columns, shape (N, n_codes(values)); without columns, one column of zeros."""
    return one_hot(codes_NC, values.n_categories) if values.columns else torch.zeros(len(codes_NC), 1)


def known_one_hot(frame: pd.DataFrame, values: ConditionCodes) -> NDArray[np.float32]:
    """Return one-hot codes in the layout of `to_one_hot`; an unknown value or an absent column gets zeros."""
    parts = [np.zeros((len(frame), 0 if values.columns else 1), dtype=np.float32)]
    for column, known in zip(values.columns, values.categories, strict=True):
        text = frame[column].astype(str).to_numpy() if column in frame else np.full(len(frame), "")
        parts.append((text[:, None] == np.array(known, dtype=object)).astype(np.float32))
    return np.concatenate(parts, axis=1)


@dataclass(frozen=True, eq=False)
class Minibatch:
    """The training cells of one optimisation step.

    ``x_NF`` are dense counts. The other attributes are described in `biology_inputs.CovariateRows`.
    """

    x_NF: torch.Tensor
    biology_NI: torch.Tensor
    batch_NS: torch.Tensor
    biology_left_NI: torch.Tensor
    batch_left_NS: torch.Tensor


@dataclass(frozen=True, eq=False)
class TrainingCells:
    """The training cells, with sparse counts.

    Attributes:
        counts: sparse matrix (CSR), shape (N, F).
        conditions: the condition of each cell.
        biology: the distinct values of each condition column.
        batch: the distinct values of the batch column, if there is one.
        biology_codes: positions of each cell's values in ``biology``, shape (N, number of condition columns).
        batch_codes: position of each cell's value in ``batch``, shape (N, 1), or (N, 0) without a batch column.
    """

    counts: Any
    conditions: TrainingConditions
    biology: ConditionCodes
    batch: ConditionCodes
    biology_codes: torch.Tensor
    batch_codes: torch.Tensor

    @classmethod
    def of(cls, train: Table) -> TrainingCells:
        """Encode the covariates (conditions and batch) of a table of counts."""
        conditions, batches = train.conditions, batch_columns(train)
        biology, batch = ConditionCodes.fit(conditions), ConditionCodes.fit(batches)
        codes = [torch.from_numpy(one.encode(frame)) for one, frame in ((biology, conditions), (batch, batches))]
        return cls(sparse.csr_matrix(train.X), TrainingConditions.of(train), biology, batch, codes[0], codes[1])

    def __len__(self) -> int:
        return int(self.counts.shape[0])

    def log_means(self) -> torch.Tensor:
        """Return the logarithm of each gene's share of all counts, after adding half a count per gene, shape (F,)."""
        sums = np.asarray(self.counts.sum(axis=0, dtype=np.float64)).reshape(-1) + 0.5
        return torch.from_numpy(np.log(sums / sums.sum())).float()

    def batches(self) -> NDArray[np.int64]:
        """Return the code of each cell's batch, shape (N,); all codes are 0 if there is no batch column."""
        return self.batch_codes[:, 0].numpy() if len(self.batch.columns) else np.zeros(len(self), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class CellPool:
    """Batch and library size of each training cell; a sampled cell gets both values of a random training cell.

    Attributes:
        conditions: conditions of the training cells, sorted; the other attributes have the same order.
        batch: code of the batch, shape (N,).
        library: library size (sum of the counts), shape (N,).
    """

    conditions: TrainingConditions
    batch: NDArray[np.int64]
    library: NDArray[np.float64]

    @classmethod
    def of(cls, cells: TrainingCells) -> CellPool:
        """Sort the cells by condition."""
        order = np.argsort(cells.conditions.group, kind="stable")
        known = cells.conditions
        ordered = TrainingConditions(known.frame.iloc[order], known.labels, known.group[order], known.counts)
        library = np.asarray(cells.counts.sum(axis=1, dtype=np.float64)).reshape(-1)
        return cls(ordered, cells.batches()[order], library[order])

    def draw(self, conditions: pd.DataFrame, context: Context) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return, for each requested row, batch and library size of a random training cell with its condition.

        A condition without training cells is replaced by the most similar condition with training cells, and a note
        names the two conditions.

        Args:
            conditions: requested conditions, shape (n_rows, n_columns).
            context: random numbers and notes.
        """
        used, replaced = nearest_known(conditions, self.conditions.frame) if conditions.shape[1] else (conditions, {})
        for label, nearest in replaced.items():
            context.note(f"{label} has no training cell: batches and library sizes are those of {nearest}")
        asked = pd.Index(self.conditions.labels).get_indexer(condition_labels(used))
        starts = np.cumsum(self.conditions.counts) - self.conditions.counts
        at = starts[asked] + context.numpy.integers(self.conditions.counts[asked])
        return self.batch[at], self.library[at]
