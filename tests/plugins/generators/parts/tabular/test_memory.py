"""The memory of a device, and the refusal of a training that needs more."""

from __future__ import annotations

import psutil
import pytest
from torch import nn

from tabgenbench import Unsupported
from tabgenbench_plugins.generators.parts.tabular import memory


def test_the_memory_of_a_cpu_is_that_of_the_machine() -> None:
    assert 0 < memory.device_bytes("cpu") <= psutil.virtual_memory().total


def test_too_much_is_declined_with_both_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "machine_memory", lambda: 1_000_000)
    memory.require_memory("ctgan", 1_000_000, device="cpu", purpose="for 9 rows")
    with pytest.raises(Unsupported, match="'ctgan': training needs 1,000,001 bytes for 9 rows, cpu has 1,000,000;"):
        memory.require_memory("ctgan", 1_000_001, device="cpu", purpose="for 9 rows")


def test_parameters_are_those_of_linear_layers() -> None:
    layers = nn.Sequential(nn.Linear(7, 5), nn.Linear(5, 2))
    assert memory.n_parameters((7, 5, 2)) == sum(p.numel() for p in layers.parameters())
