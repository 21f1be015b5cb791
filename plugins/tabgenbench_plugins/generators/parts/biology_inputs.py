"""Condition columns as inputs of the model `invae`: one-hot codes of categories, and standardised numbers.

N cells   I inputs made from the condition columns   S values of the batch column
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from tabgenbench import ConditionCodes, ConfigError, Context, condition_labels, did_you_mean
from tabgenbench_plugins.generators.parts.by_condition import TrainingConditions, with_known_values
from tabgenbench_plugins.generators.parts.cell_covariates import Minibatch, TrainingCells, known_one_hot, to_one_hot
from tabgenbench_plugins.generators.parts.saved import codes_from, codes_to

__all__ = ["BiologyInputs", "CovariateRows"]


@dataclass(frozen=True, eq=False)
class BiologyInputs:
    """Converts condition columns to inputs of the networks.

    Attributes:
        codes: the distinct values of each condition column in the training cells, as text.
        numbers: mean and standard deviation of each numeric column over the training cells.
    """

    codes: ConditionCodes
    numbers: Mapping[str, tuple[float, float]]

    @classmethod
    def fit(cls, cells: TrainingCells, continuous: Sequence[str]) -> BiologyInputs:
        """Compute the attributes from the condition columns of the training cells.

        Raises:
            ConfigError: a continuous column is no condition column, or has values that are not numbers.
        """
        codes, numbers = cells.biology, {}
        for column in continuous:
            if column not in codes.columns:
                raise ConfigError(
                    f"generator 'invae': continuous={column!r} is no condition column, expected one of "
                    f"{', '.join(codes.columns) or 'none'}{did_you_mean(column, codes.columns)}"
                )
            values = _numbers(cells.conditions.frame, column)
            numbers[column] = (float(values.mean()), float(values.std()) if np.ptp(values) > 0 else 1.0)
        return cls(codes, numbers)

    @property
    def categories(self) -> ConditionCodes:
        """The condition columns that are categories, not numbers."""
        kept = [j for j, column in enumerate(self.codes.columns) if column not in self.numbers]
        return ConditionCodes(tuple(self.codes.columns[j] for j in kept), tuple(self.codes.categories[j] for j in kept))

    @property
    def size(self) -> int:
        """I, the number of inputs of one cell."""
        return max(1, sum(self.categories.n_categories)) + len(self.numbers)

    def of(self, frame: pd.DataFrame) -> torch.Tensor:
        """Return the inputs of the networks, shape (N, I).

        The inputs of a column that ``frame`` lacks, and of a category that no training cell has, are 0.

        Raises:
            ConfigError: a value of a continuous column is not a number.
        """
        parts = [known_one_hot(frame, self.categories)]
        for column, (mean, scale) in self.numbers.items():
            values = (_numbers(frame, column) - mean) / scale if column in frame else np.zeros(len(frame))
            parts.append(values[:, None].astype(np.float32))
        return torch.from_numpy(np.concatenate(parts, axis=1))

    def asked(
        self, conditions: pd.DataFrame, train: TrainingConditions, context: Context
    ) -> tuple[pd.DataFrame, torch.Tensor]:
        """Return a condition and the inputs of the networks for each requested row.

        `with_known_values` replaces conditions with unknown categories. The inputs contain the requested numbers. The
        returned condition, which determines the library size, contains the numbers of a training cell instead. This is
        the cell with the most similar numbers among the training cells with the requested categories, or among all
        training cells if no cell has these categories.
        """
        if not self.numbers:
            used = with_known_values(conditions, train, self.codes, context)
            return used, self.of(used)
        asked = conditions.loc[:, list(self.codes.columns)].astype(str)
        used = with_known_values(self._snapped(asked, train.frame), train, self.codes, context)
        for column, values in zip(self.codes.columns, self.codes.categories, strict=True):
            if column in self.numbers and (new := ~_isin(asked, column, values)).any():
                context.note(
                    f"{int(new.sum())} sampled cells have values of {column!r} that no training cell has: the priors "
                    "extrapolate"
                )
        return used, self.of(used.assign(**{column: asked[column] for column in self.numbers}))

    def _snapped(self, asked: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
        known = known.astype(str).drop_duplicates()
        own = list(self.categories.columns)
        at, names = pd.factorize(condition_labels(asked))
        place = [self.of(frame)[:, -len(self.numbers) :].numpy() for frame in (asked, known)]
        found = asked.copy()
        for k in range(len(names)):
            rows = np.flatnonzero(at == k)
            alike = (known[own] == asked[own].iloc[rows[0]]).all(axis=1).to_numpy()
            alike = alike if alike.any() else np.ones(len(known), dtype=bool)
            distance = np.where(alike, np.square(place[1] - place[0][rows[0]]).sum(axis=1), np.inf)
            for column in self.numbers:
                found.iloc[rows, list(found.columns).index(column)] = known[column].iloc[int(distance.argmin())]
        return found

    def saved(self) -> dict[str, Any]:
        """Return the attributes as JSON data."""
        return {**codes_to(self.codes), "numbers": {name: list(pair) for name, pair in self.numbers.items()}}

    @classmethod
    def loaded(cls, saved: Mapping[str, Any]) -> BiologyInputs:
        """Restore the object from the result of `saved`."""
        return cls(codes_from(saved), {name: (pair[0], pair[1]) for name, pair in saved["numbers"].items()})


@dataclass(frozen=True, eq=False)
class CovariateRows:
    """Covariates (conditions and batch) of all training cells, on the CPU.

    Attributes:
        biology_NI: inputs for the condition columns.
        batch_NS: one-hot codes of the batch.
        biology_left_NI: ``biology_NI`` minus the mean over the cells of the same batch.
        batch_left_NS: ``batch_NS`` minus the mean over the cells with equal conditions. If some condition columns are
            numeric, a least-squares prediction from all condition columns is subtracted instead of the mean.
    """

    biology_NI: torch.Tensor
    batch_NS: torch.Tensor
    biology_left_NI: torch.Tensor
    batch_left_NS: torch.Tensor

    @classmethod
    def of(cls, cells: TrainingCells, inputs: BiologyInputs) -> CovariateRows:
        """Compute the covariates of the training cells."""
        biology, batch = inputs.of(cells.conditions.frame), to_one_hot(cells.batch_codes, cells.batch)
        if not inputs.numbers:
            return cls(biology, batch, _left(biology, cells.batches()), _left(batch, cells.conditions.group))
        kinds = pd.factorize(condition_labels(cells.conditions.frame[list(inputs.categories.columns)]))[0]
        numbers, left = (_left(one, kinds).double().numpy() for one in (biology[:, -len(inputs.numbers) :], batch))
        left = left - numbers @ np.linalg.lstsq(numbers, left, rcond=None)[0]
        return cls(biology, batch, _left(biology, cells.batches()), torch.from_numpy(left).float())

    def minibatch(self, counts: Any, rows: torch.Tensor, device: str) -> Minibatch:
        """Return the training cells at the positions ``rows``, on the device."""
        x = torch.from_numpy(counts[rows.numpy()].toarray())
        parts = (self.biology_NI, self.batch_NS, self.biology_left_NI, self.batch_left_NS)
        return Minibatch(x.to(device), *(part[rows].to(device) for part in parts))


def _left(values: torch.Tensor, group: NDArray[np.int64]) -> torch.Tensor:
    sums = np.zeros((int(group.max()) + 1, values.shape[1]))
    np.add.at(sums, group, values.numpy())
    return values - torch.from_numpy(sums / np.bincount(group)[:, None].clip(1)).float()[group]


def _numbers(frame: pd.DataFrame, column: str) -> NDArray[np.float64]:
    values: NDArray[np.float64] = pd.to_numeric(frame[column].astype(str), errors="coerce").to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        bad = frame[column].astype(str).iloc[int(np.flatnonzero(~np.isfinite(values))[0])]
        raise ConfigError(
            f"generator 'invae': the continuous column {column!r} has the value {bad!r}, expected numbers; leave "
            f"{column!r} out of the option continuous"
        )
    return values


def _isin(frame: pd.DataFrame, column: str, values: Sequence[str]) -> NDArray[np.bool_]:
    return np.isin(_numbers(frame, column), [float(value) for value in values])
