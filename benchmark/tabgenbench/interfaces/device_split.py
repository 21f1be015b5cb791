"""A split as tensors on a device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tabgenbench.data.conditions import ConditionCodes
from tabgenbench.data.table import Table

if TYPE_CHECKING:
    import torch

__all__ = ["DeviceSplit", "upload"]


@dataclass(frozen=True)
class DeviceSplit:
    """Training and validation rows on the device.

    Attributes:
        train: shape (n_train, n_features), float32.
        validation: shape (n_validation, n_features); no rows if the split has none.
        train_codes: integer codes of the conditions, shape (n_train, n_conditions), int64.
        validation_codes: likewise; both tensors exclude rows with a condition value that no training row has.
        codes: encoding of the conditions, fitted on training rows.
    """

    train: torch.Tensor
    validation: torch.Tensor
    train_codes: torch.Tensor
    validation_codes: torch.Tensor
    codes: ConditionCodes


def upload(train: Table, validation: Table | None, device: str) -> DeviceSplit:
    """Copy a split to the device."""
    import torch

    codes = ConditionCodes.fit(train.conditions)
    if validation is None:
        validation = train.take([])
    known = np.ones(validation.n_rows, dtype=bool)
    for column, values in zip(codes.columns, codes.categories, strict=True):
        known &= validation.conditions[column].astype(str).isin(values).to_numpy()
    if not known.all():
        validation = validation.take(np.flatnonzero(known))

    def tensor(table: Table) -> torch.Tensor:
        # torch.tensor copies, so a model cannot change the mapped file.
        return torch.tensor(table.dense(), dtype=torch.float32, device=device)

    def condition_codes(table: Table) -> torch.Tensor:
        return torch.tensor(codes.encode(table.conditions), device=device)

    return DeviceSplit(tensor(train), tensor(validation), condition_codes(train), condition_codes(validation), codes)
