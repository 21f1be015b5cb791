"""Memory that is there, and a training that is declined for want of it."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
from torch import nn

from tabgenbench import Unsupported
from tabgenbench_plugins.tabular import memory


def test_free_memory_is_no_more_than_the_machine_has() -> None:
    assert 0 < memory.available_bytes("cpu") <= psutil.virtual_memory().total


def test_a_container_may_leave_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory.max").write_text("5000000\n")
    (tmp_path / "memory.current").write_text("4000000\n")
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    assert memory.available_bytes("cpu") == 1_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.available_bytes("cpu") > 1_000_000


def test_too_much_is_declined_with_both_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory.max").write_text("5000000\n")
    (tmp_path / "memory.current").write_text("4000000\n")
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    memory.require_memory("ctgan", 1_000_000, device="cpu", purpose="for 9 rows")
    with pytest.raises(
        Unsupported, match="'ctgan': training needs 1,000,001 bytes for 9 rows, 1,000,000 are available"
    ):
        memory.require_memory("ctgan", 1_000_001, device="cpu", purpose="for 9 rows")


def test_parameters_are_those_of_linear_layers() -> None:
    layers = nn.Sequential(nn.Linear(7, 5), nn.Linear(5, 2))
    assert memory.n_parameters((7, 5, 2)) == sum(p.numel() for p in layers.parameters())
