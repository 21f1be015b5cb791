from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from tabgenbench import Schema, Table
from tabgenbench.engines.devices import resolve_device
from tabgenbench.errors import DeviceError
from tabgenbench.interfaces.device_split import upload


def test_upload_keeps_values_and_codes(table: Table) -> None:
    split = upload(table.take(range(40)), table.take(range(40, 60)), "cpu")
    assert torch.equal(split.train, torch.from_numpy(table.dense()[:40]))
    assert split.validation.shape == (20, 5)
    assert split.train_codes.shape == (40, 2)
    assert split.train_codes.dtype == torch.int64


def test_without_conditions_every_validation_row_is_kept(table: Table) -> None:
    bare = replace(table, obs=table.obs[[]], schema=Schema())
    split = upload(bare.take(range(40)), bare.take(range(40, 60)), "cpu")
    assert split.validation.shape == (20, 5)
    assert split.validation_codes.shape == (20, 0)


def test_validation_rows_of_an_unseen_value_are_left_out(make_table: Callable[..., Table]) -> None:
    table = make_table()
    lung = (table.obs["tissue"] == "lung").to_numpy()
    split = upload(table.take((~lung).nonzero()[0]), table, "cpu")
    assert len(split.validation) == (~lung).sum()


def test_categories_have_codes_and_rows_of_unseen_categories_are_left_out(table: Table) -> None:
    schema = table.schema.model_copy(update={"conditions": ("status",), "categorical_features": ("tissue",)})
    mixed = replace(table, schema=schema)
    lung = (mixed.obs["tissue"] == "lung").to_numpy()
    split = upload(mixed.take((~lung).nonzero()[0]), mixed, "cpu")
    assert split.train_categories.dtype == torch.int64
    assert split.validation_categories.shape == ((~lung).sum(), 1)
    assert "lung" not in split.categories.categories[0]
    decoded = split.categories.decode(split.train_categories.numpy())
    assert list(decoded["tissue"]) == list(mixed.obs["tissue"][~lung])


def test_the_tables_own_memory_is_not_shared(table: Table) -> None:
    split = upload(table, None, "cpu")
    split.train[0, 0] = -1.0
    assert table.dense()[0, 0] != -1.0
    assert len(split.validation) == 0


@pytest.mark.parametrize(
    ("name", "message"), [("gpu", "expected auto"), ("cuda:x", "expected auto"), ("cuda:99", "99")]
)
def test_a_device_that_is_not_there(name: str, message: str) -> None:
    with pytest.raises(DeviceError, match=message):
        resolve_device(name)
