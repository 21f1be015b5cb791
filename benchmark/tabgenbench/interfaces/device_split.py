"""Training and validation rows of a split as tensors on a device."""

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
    """Training and validation rows as tensors on a device.

    A validation row is left out if one of its condition values or categories occurs in no training row.

    Attributes:
        train: values of the training rows, shape (n_train, n_features), float32.
        validation: values of the validation rows, shape (n_validation, n_features); n_validation may be 0.
        train_codes: integer codes of the conditions of training rows, shape (n_train, n_conditions), int64.
        codes: encoding of the conditions, fitted on training rows.
        train_categories: integer codes of the categorical features of training rows, shape (n_train,
            n_categorical_features), int64.
        categories: encoding of the categorical features, fitted on training rows.
    """

    train: torch.Tensor
    validation: torch.Tensor
    train_codes: torch.Tensor
    validation_codes: torch.Tensor
    codes: ConditionCodes
    train_categories: torch.Tensor
    validation_categories: torch.Tensor
    categories: ConditionCodes


def upload(train: Table, validation: Table | None, device: str) -> DeviceSplit:
    """Copy training and validation rows to a device, and return the tensors."""
    import torch

    codes, categories = ConditionCodes.fit(train.conditions), ConditionCodes.fit(train.categories)
    if validation is None:
        validation = train.take([])
    known = np.ones(validation.n_rows, dtype=bool)
    for encoding in (codes, categories):
        for column, values in zip(encoding.columns, encoding.categories, strict=True):
            known &= validation.obs[column].astype(str).isin(values).to_numpy()
    if not known.all():
        validation = validation.take(np.flatnonzero(known))

    def tensor(table: Table) -> torch.Tensor:
        # torch.tensor copies, so a model cannot change the mapped file.
        return torch.tensor(table.dense(), dtype=torch.float32, device=device)

    def of_conditions(table: Table) -> torch.Tensor:
        return torch.tensor(codes.encode(table.conditions), device=device)

    def of_categories(table: Table) -> torch.Tensor:
        return torch.tensor(categories.encode(table.categories), device=device)

    return DeviceSplit(
        train=tensor(train),
        validation=tensor(validation),
        train_codes=of_conditions(train),
        validation_codes=of_conditions(validation),
        codes=codes,
        train_categories=of_categories(train),
        validation_categories=of_categories(validation),
        categories=categories,
    )
